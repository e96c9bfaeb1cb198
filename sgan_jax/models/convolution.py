"""Convolutions along L of [B, L, C], in forms that are fast on CPU and no slower elsewhere.

The library's forward convolution is nearly as fast as a matrix product, unless the kernel is at
least as long as the sequence. Its gradients are slow if the stride is above one (they dilate with
zeros and transpose arrays of the input's size). Both are written as matrix products here, strides
only in `conv_and_shortcut`. Each function computes in the type of x and converts the kernel to it.
"""

import functools

import jax
import jax.numpy as jnp
from jax import lax

Array = jax.Array


def conv(x: Array, kernel: Array, stride: int = 1, padding: int = 0) -> Array:
    """Convolve x [B, L, C] with kernel [K, C, F]: [B, (L + 2 padding - K) // stride + 1, F]."""
    kernel = kernel.astype(x.dtype)
    if kernel.shape[0] >= x.shape[1]:
        return _conv_of_windows(x, kernel, stride, padding)
    if stride == 1:
        return _conv(x, kernel, padding)
    return _library_conv(x, kernel, stride, padding)


def _library_conv(x, kernel, stride, padding):
    return lax.conv_general_dilated(
        x, kernel, (stride,), [(padding, padding)], dimension_numbers=("NWC", "WIO", "NWC")
    )


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _conv(x, kernel, padding):
    return _library_conv(x, kernel, 1, padding)


def _conv_forward(x, kernel, padding):
    return _conv(x, kernel, padding), (x, kernel)


def _conv_backward(padding, residuals, dy):
    x, kernel = residuals
    return lax.platform_dependent(
        x,
        kernel,
        dy,
        cpu=functools.partial(_conv_gradients, padding=padding),
        default=lambda x, kernel, dy: jax.vjp(
            lambda x, kernel: _library_conv(x, kernel, 1, padding), x, kernel
        )[1](dy),
    )


def _conv_gradients(x, kernel, dy, *, padding):
    """Return the library's gradients as forward convolutions of suitably arranged arrays.

    XLA's CPU compiler does the same, but not inside a loop (`lax.scan`, `lax.map`): there it
    computes the library's gradients element by element, 30 times slower.
    """
    dx = _library_conv(dy, kernel[::-1].swapaxes(1, 2), 1, kernel.shape[0] - 1 - padding)
    # Channels and examples trade places; the length of the result is the number of taps.
    dkernel = _library_conv(x.transpose(2, 1, 0), dy.transpose(1, 0, 2), 1, padding)
    return dx, dkernel.transpose(1, 0, 2)


_conv.defvjp(_conv_forward, _conv_backward)


def _conv_of_windows(x, kernel, stride, padding):
    batch, length, channels = x.shape
    taps, _, features = kernel.shape
    outputs = (length + 2 * padding - taps) // stride + 1
    x = jnp.pad(x, ((0, 0), (padding, padding), (0, 0)))
    last = (outputs - 1) * stride + 1
    windows = jnp.concatenate([x[:, k : k + last : stride] for k in range(taps)], axis=-1)
    windows = windows.reshape(batch * outputs, taps * channels)
    return (windows @ kernel.reshape(-1, features)).reshape(batch, outputs, features)


def conv_and_shortcut(x: Array, kernel: Array, shortcut: Array, stride: int) -> tuple[Array, Array]:
    """Return a convolution and a 1x1 convolution of the same input with the same stride.

    x [B, L, C]; kernel [K, C, F], K odd, padding K // 2; shortcut [1, C, F'].
    The results are [B, ceil(L / stride), F] and [B, ceil(L / stride), F'].
    """
    kernel, shortcut = kernel.astype(x.dtype), shortcut.astype(x.dtype)
    if stride == 1:
        return conv(x, kernel, padding=kernel.shape[0] // 2), x @ shortcut[0]
    fill = -x.shape[1] % stride
    if fill:
        x = jnp.pad(x, ((0, 0), (0, fill), (0, 0)))
    return _downsample(x, kernel, shortcut, stride)


@functools.partial(jax.custom_vjp, nondiff_argnums=(3,))
def _downsample(x, kernel, shortcut, stride):
    # L is a multiple of the stride.
    return conv(x, kernel, stride, kernel.shape[0] // 2), x[:, ::stride] @ shortcut[0]


def _downsample_forward(x, kernel, shortcut, stride):
    return _downsample(x, kernel, shortcut, stride), (x, kernel, shortcut)


def _downsample_backward(stride, residuals, cotangents):
    """Return the gradients by two matrix products with cotangents of blocks of `stride` points.

    Output l depends on the points s l - K // 2 ... s l + K // 2, with stride s, which are in the
    blocks l + o for a few offsets o. So block i receives gradients from the outputs i - o, and from
    the shortcut's output i.
    """
    x, kernel, shortcut = residuals
    dy, ds = cotangents
    batch, outputs, features = dy.shape
    taps, channels, _ = kernel.shape
    half = taps // 2
    reach = -(-half // stride)
    offsets = range(-reach, half // stride + 1)

    parts = [_shifted(dy, o) for o in offsets] + [ds]
    cotangent = jnp.concatenate(parts, axis=-1).reshape(batch * outputs, -1)
    blocks = x.reshape(batch * outputs, stride * channels)

    # Tap k is at point j of the block at offset o with s o + j = k - K // 2.
    before = reach * stride - half
    after = len(offsets) * stride - before - taps
    tapped = jnp.pad(kernel, ((before, after), (0, 0), (0, 0)))
    tapped = tapped.reshape(len(offsets), stride * channels, features)
    tapped = tapped.transpose(0, 2, 1).reshape(-1, stride * channels)
    pointed = jnp.pad(shortcut[0].T, ((0, 0), (0, (stride - 1) * channels)))
    dx = (cotangent @ jnp.concatenate([tapped, pointed])).reshape(x.shape)

    products = cotangent.T @ blocks
    dkernel = products[: len(offsets) * features].reshape(len(offsets), features, stride, channels)
    dkernel = dkernel.transpose(0, 2, 3, 1).reshape(-1, channels, features)[before : before + taps]
    dshortcut = products[len(offsets) * features :, :channels].T[None]
    return dx, dkernel, dshortcut


def _shifted(dy, offset):
    """Return dy[:, i - offset] for every i, with zeros outside."""
    return lax.pad(dy, jnp.zeros((), dy.dtype), ((0, 0, 0), (offset, -offset, 0), (0, 0, 0)))


_downsample.defvjp(_downsample_forward, _downsample_backward)


def stem_conv(x: Array, kernel: Array, group: int) -> Array:
    """Convolve one channel: x [B, N group + K - 1], kernel [K, 1, F] -> [B, N, group, F].

    A matrix product of windows of group + K - 1 points with the kernel at each place in the window:
    a little more arithmetic, but far less data to gather than with one window per point.
    """
    taps, _, features = kernel.shape
    window = group + taps - 1
    number = (x.shape[1] - taps + 1) // group
    blocks = -(-window // group)
    x = jnp.pad(x, ((0, 0), (0, (number - 1 + blocks) * group - x.shape[1])))
    x = x.reshape(x.shape[0], number - 1 + blocks, group)
    windows = jnp.concatenate([x[:, b : b + number] for b in range(blocks)], axis=-1)[..., :window]
    places = [jnp.pad(kernel[:, 0], ((i, group - 1 - i), (0, 0))) for i in range(group)]
    matrix = jnp.stack(places, axis=1).reshape(window, group * features)
    y = windows.reshape(-1, window) @ matrix.astype(x.dtype)
    return y.reshape(x.shape[0], number, group, features)


def transposed_conv(x: Array, kernel: Array, stride: int) -> Array:
    """Spread each point by the kernel: x [B, L, C], kernel [K, C, F] -> [B, (L - 1) stride + K, F].

    Tap k of point i is added to point i stride + k.
    """
    kernel = kernel.astype(x.dtype)
    if kernel.shape[-1] == 1:
        return _overlapped(x, kernel, stride)
    return _by_phases(x, kernel, stride) if stride > 1 else _spread(x, kernel)


@jax.custom_vjp
def _spread(x, kernel):
    edge = kernel.shape[0] - 1
    return conv(jnp.pad(x, ((0, 0), (edge, edge), (0, 0))), kernel[::-1])


def _spread_forward(x, kernel):
    return _spread(x, kernel), (x, kernel)


def _spread_backward(residuals, dy):
    """Return the gradients, writing this map as the transpose of a convolution G: dx = G dy.

    dkernel is G's kernel gradient at the input dy for the cotangent x. This way the zeros around x
    are never transposed, and the library need not compute the kernel gradient of a convolution
    padded by more than half its kernel, which is 30 times slower on CPU.
    """
    x, kernel = residuals
    x, dy = lax.optimization_barrier((x, dy))
    dx, pull_back = jax.vjp(lambda kernel: conv(dy, kernel.transpose(0, 2, 1)), kernel)
    return dx, *pull_back(x)


_spread.defvjp(_spread_forward, _spread_backward)


def _by_phases(x, kernel, stride):
    """Compute `stride` points at a time, from windows of ceil(K / stride) points of x."""
    batch, length, channels = x.shape
    taps, _, features = kernel.shape
    reach = -(-taps // stride)
    blocks = length + reach - 1
    # Block i gets tap (j stride + phase) of point i - j; the windows run from i - reach + 1 to i.
    matrix = jnp.pad(kernel, ((0, reach * stride - taps), (0, 0), (0, 0)))
    matrix = matrix.reshape(reach, stride, channels, features)[::-1].transpose(0, 2, 1, 3)
    x = jnp.pad(x, ((0, 0), (reach - 1, reach - 1), (0, 0)))
    windows = jnp.concatenate([x[:, j : j + blocks] for j in range(reach)], axis=-1)
    windows = lax.optimization_barrier(windows.reshape(batch * blocks, reach * channels))
    y = windows @ matrix.reshape(reach * channels, stride * features)
    return y.reshape(batch, blocks * stride, features)[:, : (length - 1) * stride + taps]


def _overlapped(x, kernel, stride):
    """Multiply each point by the whole kernel and add the results where they overlap."""
    taps = kernel.shape[0]
    batch, length, channels = x.shape
    products = x.reshape(-1, channels) @ kernel[:, :, 0].T
    products = lax.optimization_barrier(products.reshape(batch, length, taps))
    zero = jnp.zeros((), x.dtype)
    parts = (
        lax.pad(products[:, :, k], zero, ((0, 0, 0), (k, taps - 1 - k, stride - 1)))
        for k in range(taps)
    )
    return functools.reduce(jnp.add, parts)[:, :, None]

"""What the detector adds: a background under the peaks, and counting noise."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

Array = jax.Array

HUMPS = 10
HUMP_WIDTHS = 0.7  # standard deviation in units of the hump spacing; wide enough for no ripples


def make_background(
    two_theta_deg: np.ndarray, *, background: float
) -> Callable[[Array, Array], Array]:
    """Make the addition of a smooth background (`make_backgrounds`)."""
    draw = make_backgrounds(two_theta_deg, background=background)

    def add_background(key: Array, patterns: Array) -> Array:
        return patterns + draw(key, len(patterns)) * jnp.max(patterns, axis=1, keepdims=True)

    return add_background


def make_backgrounds(
    two_theta_deg: np.ndarray, *, background: float
) -> Callable[[Array, int], Array]:
    """Make (key, B) -> smooth backgrounds [B, P], with maxima uniform in 0..background.

    A sum, with random weights, of a constant (incoherent scattering by hydrogen), air scattering
    that falls with the angle, and broad humps (moving hydrogen, glass or liquids).
    """
    x = np.linspace(0.0, 1.0, len(two_theta_deg))[None, :]
    centre = np.linspace(0.0, 1.0, HUMPS)[:, None]
    humps = np.exp(-0.5 * ((x - centre) * (HUMPS - 1) / HUMP_WIDTHS) ** 2)
    shapes = np.concatenate([np.ones_like(x), np.exp(-10.0 * x), humps]).astype(np.float32)

    def draw(key: Array, size: int) -> Array:
        height_key, weight_key = jax.random.split(key)
        height = jax.random.uniform(height_key, (size, 1), maxval=background)
        # Exponential weights, so that often a few shapes dominate.
        weights = jax.random.exponential(weight_key, (size, len(shapes)))
        added = weights @ shapes
        return added * (height / jnp.max(added, axis=1, keepdims=True))

    return draw


def make_counted(
    two_theta_deg: np.ndarray, *, background: float, left: float, noise: float
) -> Callable[[Array, Array], Array]:
    """Make counting noise on a background that is then almost subtracted, as in `measured.regrid`.

    What remains of the background is its noise and a fraction uniform in ±left; values below 0 are
    set to 0.
    """
    draw = make_backgrounds(two_theta_deg, background=background) if background else None
    add_noise = make_counting_noise(noise=noise) if noise else lambda key, patterns: patterns

    def count(key: Array, patterns: Array) -> Array:
        draw_key, left_key, noise_key = jax.random.split(key, 3)
        if draw is None:
            return add_noise(noise_key, patterns)
        under = draw(draw_key, len(patterns)) * jnp.max(patterns, axis=1, keepdims=True)
        share = 1.0 + jax.random.uniform(left_key, (len(patterns), 1), minval=-left, maxval=left)
        return jnp.maximum(add_noise(noise_key, patterns + under) - share * under, 0.0)

    return count


def make_counting_noise(*, noise: float) -> Callable[[Array, Array], Array]:
    """Make noise whose variance is proportional to the intensity, as in counting.

    At the pattern's maximum M its standard deviation is a M, with a uniform in 0..noise, as from
    1 / a² counts. The square root of Poisson counts is nearly normal with standard deviation 1/2
    (Bartlett 1936); so x -> (sqrt(x) + a sqrt(M) n / 2)², n normal, which is never negative.
    """

    def add_noise(key: Array, patterns: Array) -> Array:
        level_key, noise_key = jax.random.split(key)
        level = jax.random.uniform(level_key, (len(patterns), 1), maxval=noise)
        level = level * jnp.sqrt(jnp.max(patterns, axis=1, keepdims=True))
        normal = jax.random.normal(_quick_key(noise_key), patterns.shape)
        return jnp.square(jnp.sqrt(jnp.maximum(patterns, 0.0)) + 0.5 * level * normal)

    return add_noise


def _quick_key(key: Array) -> Array:
    """Return a threefry key, which on CPU draws many numbers four times as fast as 'rbg'."""
    return jax.random.wrap_key_data(jax.random.bits(key, (2,), jnp.uint32), impl="threefry2x32")

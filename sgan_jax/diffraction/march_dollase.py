"""March-Dollase preferred orientation of a sample (Dollase, J. Appl. Cryst. 19 (1986) 267)."""

import jax
import jax.numpy as jnp
import numpy as np

Array = jax.Array

OPERATIONS = 24  # proper rotations of the largest Laue group; the others' numbers divide it

# Axes of preferred orientation, as hkl of the planes perpendicular to them.
C_STAR = np.array([0, 0, 1], np.float32)
AXES = np.array(
    [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1], [1, 1, 1], [1, -1, 0]],
    np.float32,
)


def weights(
    hkl: Array, d: Array, reciprocal_metric: Array, rotations: Array, axis: Array, r: Array
) -> Array:
    """Return the factors [B, R] by which intensities change, 1 for r = 1.

    The mean over equivalent reflections of (r² cos²α + sin²α / r)^(-3/2), with α the angle between
    reflection and axis. r < 1: platelets, whose axis lies along the scattering vector more often
    than in an ideal powder; r > 1: needles.

    Args:
      hkl: [B, R, 3], whole numbers of any type.
      d: [B, R], Å; of the unstrained crystal.
      reciprocal_metric: [B, 3, 3], Å⁻².
      rotations: [B, 24, 3, 3], of the Laue group, one of each pair R, -R, repeated to make 24;
        reflections transform as h R.
      axis: [B, 3], hkl of the axis.
      r: [B].
    """
    # cos α = (h R) G* axisᵀ / (|h| |axis|), and |h| = 1 / d.
    along = jnp.einsum("bij,bj->bi", reciprocal_metric, axis)
    length = jnp.sqrt(jnp.einsum("bi,bi->b", along, axis))
    turned = jnp.einsum("bkij,bj->bki", rotations.astype(d.dtype), along) / length[:, None, None]
    h, k, l = (hkl[..., i].astype(d.dtype) * d for i in range(3))  # noqa: E741
    total = jnp.zeros_like(d)
    r = r[:, None]
    base, slope = 1.0 / r, r * r - 1.0 / r
    for n in range(OPERATIONS):
        x, y, z = (turned[:, n, i, None] for i in range(3))
        cosine = h * x + k * y + l * z
        value = base + slope * cosine * cosine
        total = total + 1.0 / (value * jnp.sqrt(value))
    return total / OPERATIONS

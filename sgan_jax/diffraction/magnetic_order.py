"""Reflections of magnetic order, which a neutron sees as well as the atoms.

Below its ordering temperature a magnet reflects at G + k too: G a point of the reciprocal lattice,
reflecting or extinct, k the propagation vector. For k = 0 that is where the space group allows
nothing; for others between the points. The lattice that is asked for stays that of the atoms.
"""

import itertools

import jax
import jax.numpy as jnp
import numpy as np

Array = jax.Array

# Half of the points near the origin, with it: -G + k is as good as G - k.
POINTS = np.array([h for h in itertools.product(range(-2, 3), repeat=3) if h >= (0, 0, 0)])

_AT_ZERO = 0.5  # of structures have k = 0
_COMPONENTS = (0.5, 0.4, 0.1)  # else each component of k is 0, 1/2, or anything up to 1/2
# The form factor squared is about exp(-c / d²): c of Mn²⁺ (⟨j0⟩ = 0.28 at Q = 4 Å⁻¹) and of Er³⁺
# (0.6 there); International Tables C, section 4.4.5.
_FALLS_ANGSTROM2 = (2.5, 6.3)


def magnetic_reflections(
    key: Array,
    d: Array,
    strength: Array,
    reciprocal_metric: Array,
    *,
    share: float,
    most: float,
) -> tuple[Array, Array]:
    """Return d [B, M] (Å) and strength [B, M] of random magnetic structures, M = `len(POINTS)`.

    Args:
      key: of all that is drawn.
      d: [B, R], Å, of the crystals' own reflections.
      strength: [B, R], theirs: multiplicity·|F|².
      reciprocal_metric: [B, 3, 3], Å⁻².
      share: of the crystals that are magnets; the others' strengths are 0.
      most: highest magnetic intensity over the highest of the atoms, uniform from 0 up to this.
    """
    keys = jax.random.split(key, 4)
    size = len(d)
    points = jnp.asarray(POINTS, d.dtype)[None] + _propagation(keys[0], size)[:, None, :]
    inverse_squared = jnp.einsum("bmi,bij,bmj->bm", points, reciprocal_metric, points)
    somewhere = inverse_squared > 1e-6  # not the origin
    inverse_squared = jnp.where(somewhere, inverse_squared, 1.0)

    fall, ratio, magnet = jax.random.uniform(keys[1], (3, size, 1))
    fall = _FALLS_ANGSTROM2[0] + (_FALLS_ANGSTROM2[1] - _FALLS_ANGSTROM2[0]) * fall
    # Of structure factor and direction: only the moment across G scatters, and half are extinct.
    drawn = jax.random.exponential(keys[2], inverse_squared.shape)
    drawn = drawn * jax.random.bernoulli(keys[3], 0.5, drawn.shape) * somewhere
    found = drawn * jnp.exp(-fall * inverse_squared)
    # At small angles intensity goes as strength d², whatever the wavelength.
    nuclear = jnp.max(jnp.where(strength > 0.0, strength * d * d, 0.0), axis=1, keepdims=True)
    magnetic = jnp.max(found / inverse_squared, axis=1, keepdims=True)
    scale = most * ratio * nuclear / jnp.maximum(magnetic, 1e-30)
    return 1.0 / jnp.sqrt(inverse_squared), jnp.where(magnet < share, scale * found, 0.0)


def _propagation(key: Array, size: int) -> Array:
    """Return k [B, 3], each component from 0 to 1/2."""
    zero_key, which_key, value_key = jax.random.split(key, 3)
    which = jax.random.choice(which_key, 3, (size, 3), p=jnp.array(_COMPONENTS))
    anything = 0.5 * jax.random.uniform(value_key, (size, 3))
    k = jnp.where(which == 0, 0.0, jnp.where(which == 1, 0.5, anything))
    return jnp.where(jax.random.uniform(zero_key, (size, 1)) < _AT_ZERO, 0.0, k)

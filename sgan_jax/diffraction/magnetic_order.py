"""Magnetic reflections, which neutrons see in addition to the nuclear ones.

Below its ordering temperature a magnetic crystal also reflects at G + k, with G a point of the
reciprocal lattice and k the propagation vector. For k = 0 magnetic reflections lie on nuclear ones
and on systematic absences, in a centred cell also on those of the centring. The symmetry to predict
remains that of the atoms.
"""

import itertools

import jax
import jax.numpy as jnp
import numpy as np

Array = jax.Array

# The points G around the origin; for cell edges above 30 Å some within reach of an instrument are
# missing. -G belongs to each G: unless 2k is a lattice point, |G + k| and |G - k| differ.
POINTS = np.array(list(itertools.product(range(-2, 3), repeat=3)))

LONGEST_ANGSTROM = 13.0  # d-spacing; few instruments reach longer ones
_AT_ZERO = 0.5  # fraction of structures with k = 0
_COMPONENTS = (0.5, 0.4, 0.1)  # else probabilities of k components 0, 1/2, anything up to 1/2
# Range of c; the squared form factor is about exp(-c / d²): ⟨j0⟩ at Q = 4 Å⁻¹ is 0.62 for Er³⁺,
# 0.38 for Mn²⁺ and in between for other ions (International Tables C, section 4.4.5).
FALLS_ANGSTROM2 = (2.35, 4.8)


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
      key: of all draws.
      d: [B, R], Å, of the crystals' nuclear reflections.
      strength: [B, R], multiplicity·|F|² of these.
      reciprocal_metric: [B, 3, 3], Å⁻².
      share: fraction of the crystals that are magnetic; for the others strengths are 0.
      most: the highest magnetic intensity over the highest nuclear one is uniform from 0 to this.
        Both count reflections below `LONGEST_ANGSTROM`; magnetic ones above it have strength 0.
    """
    k_key, uniform_key, moment_key, rule_key = jax.random.split(key, 4)
    size = len(d)
    points = jnp.asarray(POINTS, d.dtype)[None] + _propagation(k_key, size)[:, None, :]
    inverse_squared = jnp.einsum("bmi,bij,bmj->bm", points, reciprocal_metric, points)
    seen = inverse_squared > LONGEST_ANGSTROM**-2
    inverse_squared = jnp.maximum(inverse_squared, 1e-6)  # at the origin

    fall, ratio, magnet = jax.random.uniform(uniform_key, (3, size, 1))
    fall = FALLS_ANGSTROM2[0] + (FALLS_ANGSTROM2[1] - FALLS_ANGSTROM2[0]) * fall
    # Of structure factor and direction: only the moment perpendicular to G + k scatters.
    drawn = jax.random.exponential(moment_key, inverse_squared.shape)
    drawn = drawn * seen * _present(rule_key, size)
    found = drawn * jnp.exp(-fall * inverse_squared)
    # At small angles intensity is proportional to strength · d², at any wavelength.
    own = jnp.where((strength > 0.0) & (d < LONGEST_ANGSTROM), strength * d * d, 0.0)
    highest = jnp.max(found / inverse_squared, axis=1, keepdims=True)
    scale = most * ratio * jnp.max(own, axis=1, keepdims=True) / jnp.maximum(highest, 1e-30)
    return 1.0 / jnp.sqrt(inverse_squared), jnp.where(magnet < share, scale * found, 0.0)


def _propagation(key: Array, size: int) -> Array:
    """Return k [B, 3], each component from 0 to 1/2."""
    zero_key, which_key, value_key = jax.random.split(key, 3)
    which = jax.random.choice(which_key, 3, (size, 3), p=jnp.array(_COMPONENTS))
    anything = 0.5 * jax.random.uniform(value_key, (size, 3))
    k = jnp.where(which == 0, 0.0, jnp.where(which == 1, 0.5, anything))
    return jnp.where(jax.random.uniform(zero_key, (size, 1)) < _AT_ZERO, 0.0, k)


def _present(key: Array, size: int) -> Array:
    """Return booleans [B, M], False for points that are extinct by a rule as of collinear orders.

    Moments that alternate along some of the axes reflect where the sum of these indices is odd,
    others where it is even: present where n·G + e is odd, with n from {0, 1}³ and e from {0, 1};
    everywhere for n = 0.
    """
    n_key, e_key = jax.random.split(key)
    n = jax.random.randint(n_key, (size, 3), 0, 2)
    e = jax.random.randint(e_key, (size, 1), 0, 2)
    odd = (n @ jnp.asarray(POINTS.T) + e) % 2 == 1
    return odd | ~n.any(axis=1, keepdims=True)

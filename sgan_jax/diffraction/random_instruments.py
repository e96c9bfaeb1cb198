"""Random but realistic instruments: the presets' resolutions at any usual wavelength."""

import numpy as np

from sgan_jax.diffraction.instrument import PRESETS, Instrument

STEP_DEG = 0.05
_FIRST_DEG = (3.0, 12.0)  # range of the first 2θ
_LAST_DEG = (115.0, 160.0)  # range of the last 2θ
# Presets with peaks as wide as those of the usual grid, nist2022's: they are drawn half as often as
# the others, from which there is more to learn.
_LIKE_THE_GRID = ("nist2022", "bt1_ge311", "hb2a")
_LORENTZIAN = (0.0, 0.06)  # range of x, degrees: grains of 0.1 µm and larger


def random_instruments(
    count: int,
    seed: int,
    *,
    resolution: float,
    wavelength_range_angstrom: tuple[float, float],
    axial_divergence: float,
) -> list[Instrument]:
    """Return `count` random instruments; a larger count begins with the same ones.

    Args:
        count: number of instruments.
        seed: different seeds give different instruments.
        resolution: a preset's Gaussian widths are scaled by exp(t), t uniform in ±resolution.
        wavelength_range_angstrom: lowest and highest; uniform between them.
        axial_divergence: S/L and H/L are uniform from 0 to this.
    """
    random = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, 7])))
    presets = list(PRESETS.values())
    weights = np.array([0.5 if name in _LIKE_THE_GRID else 1.0 for name in PRESETS])
    made = []
    for n in range(count):
        preset = presets[random.choice(len(presets), p=weights / weights.sum())]
        wider = np.exp(2.0 * random.uniform(-resolution, resolution))
        first, last = random.uniform(*_FIRST_DEG), random.uniform(*_LAST_DEG)
        made.append(
            Instrument(
                f"random {n}",
                float(random.uniform(*wavelength_range_angstrom)),
                two_theta_start_deg=first,
                two_theta_step_deg=STEP_DEG,
                points=int((last - first) / STEP_DEG),
                u=preset.u * wider,
                v=preset.v * wider,
                w=preset.w * wider,
                x=random.uniform(*_LORENTZIAN),
                s_over_l=random.uniform(0.0, axial_divergence),
                h_over_l=random.uniform(0.0, axial_divergence),
            )
        )
    return made

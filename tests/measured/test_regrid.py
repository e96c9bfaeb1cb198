import dataclasses

import numpy as np
import pytest

from sgan_jax.diffraction import peak_shape, profile
from sgan_jax.diffraction.instrument import MISSING, PRESETS, Instrument
from sgan_jax.measured import background, peak_widths, regrid
from sgan_jax.measured.pattern import MeasuredPattern, PatternError

MODEL = PRESETS["nist2022"]
HIGHEST = 5000.0  # counts at the highest peak


def orthorhombic_reflections(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return d and multiplicity·|F|² of a made-up crystal of a 5 x 6 x 7 Å cell."""
    h, k, l = np.meshgrid(*[np.arange(14)] * 3, indexing="ij")  # noqa: E741
    inverse_squared = (h / 5.0) ** 2 + (k / 6.0) ** 2 + (l / 7.0) ** 2
    inverse_squared = inverse_squared[inverse_squared > 0]
    intensity = rng.exponential(size=len(inverse_squared)) * np.exp(-0.4 * inverse_squared)
    return inverse_squared**-0.5, intensity


# Far enough apart that no two peaks overlap on any of the instruments.
FEW_D = np.array([5.2, 3.4, 2.55, 2.05, 1.75, 1.54, 1.38])
FEW_F = np.array([1.0, 3.0, 2.0, 4.0, 2.5, 3.5, 3.0])


def measure(d, f, instrument, rng=None, zero_deg=0.0):
    """Return the pattern that an instrument would measure, with a curved background if `rng`."""
    x = instrument.two_theta_deg
    y = profile.intensity_pattern(d, f, instrument) * HIGHEST
    if rng is not None:
        y = y + HIGHEST * (0.15 + 0.1 * np.exp(-x / 12.0) + 0.05 * np.cos(x / 40.0))
        y = rng.poisson(y).astype(float)
    return MeasuredPattern(
        "made up", "columns", "", x + zero_deg, y, None, instrument.wavelength_angstrom,
        zero_deg=zero_deg,
    )  # fmt: skip


def two_theta(d, wavelength=MODEL.wavelength_angstrom):
    return 2.0 * np.degrees(np.arcsin(wavelength / (2.0 * d)))


@pytest.mark.parametrize("name", ["hb2a", "bt1_cu311", "d1a", "3t2"])
@pytest.mark.parametrize("zero_deg", [0.0, 0.3])
def test_peaks_stand_where_bragg_has_them(name, zero_deg):
    measured = measure(FEW_D, FEW_F, PRESETS[name], np.random.default_rng(0), zero_deg)
    found = regrid.to_model_grid(measured, MODEL)
    instrument = PRESETS[name]
    for d in FEW_D:
        # Axial divergence moves a peak's centroid by (S² + H²) / 6L² cot 2θ where it is measured.
        at, centre = two_theta(d, instrument.wavelength_angstrom), two_theta(d)
        shift = (instrument.s_over_l**2 + instrument.h_over_l**2) / 6.0 / np.tan(np.radians(at))
        stretch = MODEL.wavelength_angstrom * np.cos(np.radians(at / 2))
        stretch /= instrument.wavelength_angstrom * np.cos(np.radians(centre / 2))
        centre = centre - np.degrees(shift) * stretch
        near = np.abs(MODEL.two_theta_deg - centre) < 0.8
        weight = np.where(near, found.intensity, 0.0)
        centroid = np.sum(weight * MODEL.two_theta_deg) / weight.sum()
        assert abs(centroid - centre) < 0.03, d  # counting noise


@pytest.mark.parametrize("name", ["bt1_cu311", "d1a", "3t2"])
def test_areas_are_those_of_the_model_instrument(name):
    """Lorentz factors and the stretching of the axis combine to (λm/λ)³, the same at every d."""
    found = regrid.to_model_grid(measure(FEW_D, FEW_F, PRESETS[name]), MODEL)
    expected = profile.intensity_pattern(FEW_D, FEW_F, MODEL)

    def areas(pattern):
        grid = MODEL.two_theta_deg
        return np.array([pattern[np.abs(grid - two_theta(d)) < 2.5].sum() for d in FEW_D])

    ratio = areas(found.intensity) / areas(expected)
    # The background takes up to 1 % of a peak with it, tails beyond 2.5° another 1 %.
    np.testing.assert_allclose(ratio / np.median(ratio), 1.0, atol=0.03)


@pytest.mark.parametrize("name", ["bt1_cu311", "d1a", "3t2", "hb2a"])
@pytest.mark.parametrize("seed", range(3))
def test_noisy_measurements_look_like_the_direct_simulation(name, seed):
    rng = np.random.default_rng(seed)
    d, f = orthorhombic_reflections(rng)
    found = regrid.to_model_grid(measure(d, f, PRESETS[name], rng), MODEL)
    expected = np.where(found.inside, profile.intensity_pattern(d, f, MODEL), MISSING)
    # Below 50° peaks are wider on all of these than on the model, and stay so: both patterns are
    # blurred to 0.8° to be compared. 1.5 % of counting noise and background remain.
    expected, seen = blurred(expected), blurred(found.intensity)
    assert cosine(seen, expected) > 0.99
    # Shifted by 0.3°, they only have the similarity that any two patterns of the crystal have.
    assert cosine(seen, np.roll(expected, 6)) < cosine(seen, expected) - 0.02


def test_the_same_instrument_gives_the_same_pattern():
    rng = np.random.default_rng(0)
    d, f = orthorhombic_reflections(rng)
    found = regrid.to_model_grid(measure(d, f, PRESETS["bt1_ge311"], rng), MODEL)
    expected = profile.intensity_pattern(d, f, MODEL)
    assert cosine(found.intensity, expected) > 0.99  # 0.6 % of noise at each of 3041 points
    assert np.abs(found.intensity - expected).max() < 0.06  # four standard deviations, of 1.5 %


def blurred(pattern):
    offset = np.arange(-40, 41) * MODEL.two_theta_step_deg
    return np.convolve(pattern, np.exp(-4 * np.log(2) * (offset / 0.8) ** 2), "same")


def full_width(pattern, near_deg):
    """Return the full width at half maximum of the peak at some 2θ, degrees."""
    grid = MODEL.two_theta_deg
    top = np.argmax(np.where(np.abs(grid - near_deg) < 0.5, pattern, 0))
    right = top + np.argmax(pattern[top:] < pattern[top] / 2)
    left = top - np.argmax(pattern[top::-1] < pattern[top] / 2)
    half = pattern[top] / 2

    def crossing(outer, inner):
        share = (half - pattern[outer]) / (pattern[inner] - pattern[outer])
        return grid[outer] + share * (grid[inner] - grid[outer])

    return crossing(right, right - 1) - crossing(left, left + 1)


def cosine(a, b):
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def test_narrow_peaks_get_the_width_of_the_model_and_wide_ones_stay():
    sharp = Instrument("sharp", 1.5, points=3000, u=0.02, v=-0.02, w=0.02)
    narrow = regrid.to_model_grid(measure(FEW_D, FEW_F, sharp), MODEL).intensity
    expected = profile.intensity_pattern(FEW_D, FEW_F, MODEL)
    for d in FEW_D[2:]:
        wanted = full_width(expected, two_theta(d))
        assert full_width(narrow, two_theta(d)) == pytest.approx(wanted, rel=0.08), d
    blunt = Instrument("blunt", 2.079, u=0.0, v=0.0, w=1.0)
    wide = regrid.to_model_grid(measure(FEW_D[:3], FEW_F[:3], blunt), MODEL)
    direct = profile.intensity_pattern(FEW_D[:3], FEW_F[:3], blunt)
    assert np.abs(wide.intensity - direct).max() < 0.03


def test_the_mask_ends_where_the_measurement_does():
    instrument = dataclasses.replace(PRESETS["hb2a"], two_theta_start_deg=8.0, points=2200)
    found = regrid.to_model_grid(measure(FEW_D, FEW_F, instrument), MODEL)
    inside = MODEL.two_theta_deg[found.inside]
    # λ/2d = sin θ: the model's sin θ over the measured one is the ratio of the wavelengths.
    ratio = 2.079 / 2.406
    first, last = (
        2 * np.degrees(np.arcsin(np.sin(np.radians(end / 2)) * ratio))
        for end in (8.0, instrument.two_theta_end_deg)
    )
    assert inside[0] == pytest.approx(first, abs=0.06)
    assert inside[-1] == pytest.approx(last, abs=0.06)
    assert found.inside.sum() == len(inside) and (np.diff(inside) < 0.051).all()
    assert (found.intensity[~found.inside] == np.float32(MISSING)).all()
    (below, above) = found.missing_ranges_deg()
    assert below[0] == MODEL.two_theta_start_deg and above[1] == pytest.approx(155.0)


def test_a_gap_is_missing_and_scattered_lost_points_are_not():
    whole = measure(FEW_D, FEW_F, MODEL)
    keep = (MODEL.two_theta_deg < 60) | (MODEL.two_theta_deg > 70)
    keep[100:2000:100] = False
    gap = dataclasses.replace(
        whole, two_theta_deg=whole.two_theta_deg[keep], intensity=whole.intensity[keep]
    )
    found = regrid.to_model_grid(gap, MODEL)
    missing = MODEL.two_theta_deg[~found.inside]
    assert missing.min() == pytest.approx(60.0, abs=0.11)
    assert missing.max() == pytest.approx(70.0, abs=0.11)
    assert len(missing) == pytest.approx(200, abs=3)


def test_negative_intensities_and_unknown_errors_do_no_harm():
    rng = np.random.default_rng(0)
    measured = measure(FEW_D, FEW_F, PRESETS["d1a"], rng)
    net = measured.intensity - 0.3 * HIGHEST  # someone subtracted too much
    sigma = np.where(np.arange(len(net)) % 7 == 0, np.nan, np.sqrt(measured.intensity))
    found = regrid.to_model_grid(dataclasses.replace(measured, intensity=net, sigma=sigma), MODEL)
    plain = regrid.to_model_grid(measured, MODEL)
    assert found.intensity.min() >= 0 and found.intensity.max() == 1
    np.testing.assert_allclose(found.intensity, plain.intensity, atol=0.02)


@pytest.mark.parametrize(("wavelength", "message"), [(None, "--wavelength"), (9.0, "λ = 9 Å")])
def test_a_missing_or_impossible_wavelength_is_an_error(wavelength, message):
    measured = measure(FEW_D, FEW_F, PRESETS["hb2a"])
    with pytest.raises(PatternError, match=message):
        regrid.to_model_grid(dataclasses.replace(measured, wavelength_angstrom=wavelength), MODEL)


def test_background_is_found_under_peaks_and_noise():
    rng = np.random.default_rng(1)
    d, f = orthorhombic_reflections(rng)
    instrument = PRESETS["bt1_cu311"]
    x = instrument.two_theta_deg
    truth = 800.0 + 500.0 * np.exp(-x / 20.0) + 200.0 * np.cos(np.radians(x))
    counts = rng.poisson(profile.intensity_pattern(d, f, instrument) * HIGHEST + truth)
    found = background.background(x, counts.astype(float))
    # Beyond 120° the peaks overlap without gaps, so that the background cannot be told.
    assert np.abs(found - truth)[x < 120].max() < 0.02 * HIGHEST


def test_the_shadow_of_the_beam_stop_is_no_pattern():
    x = np.arange(0.1, 120.0, 0.1)
    scattering = 600.0 + 300.0 * np.exp(-x / 10.0)
    peak = 2000.0 * np.exp(-(((x - 11.0) / 0.3) ** 2))
    shadowed = scattering * (1.0 - 0.9 * (x < 4.0)) + 4000.0 * (x < 1.5) + peak
    assert x[background.beam_stop_end(x, shadowed)] == pytest.approx(4.0, abs=1.6)
    assert background.beam_stop_end(x, scattering + peak) == 0


@pytest.mark.parametrize("name", ["nist2022", "bt1_cu311", "d1a", "hb2a"])
def test_widths_are_those_of_the_instrument(name):
    instrument = PRESETS[name]
    rng = np.random.default_rng(2)
    measured = measure(FEW_D, FEW_F, instrument, rng)
    under = background.background(measured.two_theta_deg, measured.intensity)
    net = measured.intensity - under
    found = peak_widths.measure_widths(measured.two_theta_deg, net, np.full(len(net), 30.0))
    at = two_theta(FEW_D[1:], instrument.wavelength_angstrom)
    at = at[at < 150]
    offset = np.linspace(-2.0, 2.0, 4001)
    shapes = peak_shape.peak_shapes(at[:, None] + offset[None, :], at, instrument)
    half = shapes > shapes.max(axis=1, keepdims=True) / 2
    np.testing.assert_allclose(found.fwhm_deg(at), half.sum(axis=1) * 0.001, rtol=0.12)
    flat = np.abs(rng.normal(size=3000)) + 0.0
    assert peak_widths.measure_widths(np.arange(3000) * 0.05, flat, np.full(3000, 1.0)) is None


def test_every_measured_file_gives_peaks_where_its_cell_has_them(shared_dir):
    """The highest peak is a reflection of the stated cell; magnetic cells are larger: skipped."""
    import json

    from sgan_jax.crystals import sites
    from sgan_jax.measured import readers

    for entry in json.loads((shared_dir / "measured" / "index.json").read_text()):
        if entry["radiation"] != "neutron_cw" or entry["category"] in (
            "sample-can lines",
            "magnetic",
        ):
            continue
        path = shared_dir / "measured" / entry["id"] / entry["data_file"]
        (measured,) = readers.read_patterns(
            path, wavelength_angstrom=entry["wavelength"], zero_deg=entry["best_zero_deg"]
        )
        found = regrid.to_model_grid(measured, MODEL)
        assert found.intensity.max() == 1 and found.inside.mean() > 0.4
        assert np.median(found.intensity[found.inside]) < 0.05, entry["id"]
        cell = tuple(entry["lattice"][key] for key in ("a", "b", "c", "alpha", "beta", "gamma"))
        to_cartesian = sites.orthogonalisation(cell)
        hkl = np.stack(np.meshgrid(*[np.arange(-16, 17)] * 3, indexing="ij"), -1).reshape(-1, 3)
        inverse = np.linalg.norm(hkl @ np.linalg.inv(to_cartesian), axis=1)
        inverse = inverse[(inverse > 0.05) & (inverse < 2 / 2.079)]
        at = two_theta(1.0 / inverse)
        peak = MODEL.two_theta_deg[np.argmax(found.intensity)]
        assert np.abs(at - peak).min() < 0.35, entry["id"]

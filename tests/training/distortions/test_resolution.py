import jax
import numpy as np

from sgan_jax.training.distortions import resolution

TWO_THETA_DEG = 3 + 0.05 * np.arange(3041)


def gaussian(centre_deg, fwhm_deg):
    return np.exp(-4 * np.log(2) * ((TWO_THETA_DEG - centre_deg) / fwhm_deg) ** 2)


def variance(peak):
    """Return the second moment of a peak, points²."""
    x = np.arange(len(peak))
    mean = (peak * x).sum() / peak.sum()
    return (peak * (x - mean) ** 2).sum() / peak.sum()


def test_spread_adds_the_variance_asked_for_and_keeps_the_area():
    peak = gaussian(80.0, 0.25)
    for added in (0.2, 1.0, 5.0, 23.0, 90.0, 130.0):
        patterns = peak[None].astype(np.float32)
        wider = np.asarray(resolution.spread(patterns, np.full_like(patterns, added)))[0]
        assert abs(variance(wider) - variance(peak) - added) < 0.01 * added + 0.02
        np.testing.assert_allclose(wider.sum(), peak.sum(), rtol=1e-5)
        assert wider.min() >= 0
        # Nearly the Gaussian of that variance, and no echoes beside it.
        fwhm = 0.05 * 2.3548 * np.sqrt(variance(peak) + added)
        expected = gaussian(80.0, fwhm)
        expected *= peak.sum() / expected.sum()
        assert abs(wider - expected).max() < 0.04 * expected.max()
        rising = np.diff(wider[: np.argmax(wider) + 1])
        assert rising.min() > -1e-6


def test_variance_beyond_the_capacity_is_left_out():
    patterns = gaussian(80.0, 0.25)[None].astype(np.float32)
    wider = np.asarray(resolution.spread(patterns, np.full_like(patterns, 1e4)))[0]
    assert abs(variance(wider) - variance(patterns[0]) - resolution.CAPACITY) < 1.0


def test_widths_are_caglioti_s_and_up_to_the_limit():
    """Two peaks determine w and u, which predict a third peak at another angle."""
    centres = np.array([25.0, 100.0, 130.0])
    tan_squared = np.tan(np.deg2rad(centres / 2)) ** 2
    peaks = np.stack([gaussian(centre, 0.3) for centre in centres])
    pattern = peaks.sum(axis=0).astype(np.float32)
    broaden = resolution.make_broadening(TWO_THETA_DEG, broadening_deg=0.3)
    wider = np.asarray(broaden(jax.random.key(0), np.tile(pattern, (64, 1))))
    windows = [abs(TWO_THETA_DEG - centre) < 6 for centre in centres]
    before = np.array([variance(pattern[window]) for window in windows])
    after = np.array([[variance(row[window]) for window in windows] for row in wider])
    fwhm_squared = (after - before) * 8 * np.log(2) * 0.05**2
    slope = (fwhm_squared[:, 1] - fwhm_squared[:, 0]) / (tan_squared[1] - tan_squared[0])
    w_squared = fwhm_squared[:, 0] - slope * tan_squared[0]
    # The kernel changes slightly across a peak that is spread.
    foretold = w_squared + slope * tan_squared[2]
    np.testing.assert_allclose(fwhm_squared[:, 2], foretold, rtol=0.06, atol=0.003)
    assert w_squared.min() > -0.002 and 0.07 < w_squared.max() < 0.095
    assert (slope > -1e-3).all() and (slope / w_squared < 1.1)[w_squared > 0.01].all()

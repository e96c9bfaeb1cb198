"""Views of crystals, and a run that trains on them."""

import jax
import numpy as np
import pytest
from test_train import Killed, settings

from sgan_jax.crystals import prototypes
from sgan_jax.datasets import examples, stored_crystals
from sgan_jax.diffraction import instrument_bank, profile, random_instruments
from sgan_jax.diffraction.instrument import MISSING, PRESETS
from sgan_jax.training import experiment, feeding, loop, rendered, train

NIST = PRESETS["nist2022"]
SIZE = 12


@pytest.fixture(scope="module")
def scene():
    """Return 12 crystals, their patterns, and the layout and bank of three instruments."""
    crystals, patterns = stored_crystals.empty(SIZE, 256), []
    for i in range(SIZE):
        crystal = prototypes.prototype_crystal(i, 0, "uniform", prototypes.PROTOTYPES)
        example = examples.example(crystal, NIST)
        stored_crystals.fill(
            crystals,
            i,
            d_angstrom=example["d_angstrom"],
            strength=example["multiplicity_f_squared"],
            hkl=example["hkl"],
            cell=example["cell"],
            proper_rotations=example["proper_rotations"],
        )
        patterns.append(profile.simulate(crystal, NIST).intensity)
    others = random_instruments.random_instruments(
        2, 0, resolution=0.2, wavelength_range_angstrom=(1.3, 2.5), axial_divergence=0.05
    )
    layout, bank = instrument_bank.make_bank([NIST, *others], NIST)
    return jax.device_put(rendered.Seen(crystals, bank)), np.array(patterns), layout


def views(scene, ranges, keys=1, offset=0.0):
    seen, _, layout = scene
    view = jax.jit(rendered.make_view(NIST.two_theta_deg, layout, ranges, offset=offset))
    return np.stack([np.asarray(view(jax.random.key(k), seen)) for k in range(keys)])


def test_without_any_range_a_group_on_the_own_instrument_is_the_simulators(scene):
    found = views(scene, rendered.Ranges(share=4), keys=20)
    seen, patterns, _ = scene
    groups = found.reshape(-1, 4, found.shape[-1])
    expected = np.tile(patterns.reshape(3, 4, -1), (20, 1, 1))
    own = np.abs(groups - expected).max(axis=(1, 2)) < 1e-3
    # A tenth of the groups; each of the others is on another instrument, all four crystals.
    assert 1 <= own.sum() <= 14  # 6.4 ± 2.4
    inside = [set(map(tuple, group > MISSING)) for group in (groups == MISSING)]
    assert len(inside) == 60
    for group, own_one in zip(groups, own, strict=True):
        hidden = (group == np.float32(MISSING)).all(axis=0)
        known = ~np.asarray(seen.bank.inside)
        assert any((hidden >= mask).all() and mask.sum() >= 0.9 * hidden.sum() for mask in known)
        assert not own_one or not hidden.any()


def test_views_are_patterns_as_measured_ones_come(scene):
    ranges = rendered.Ranges(
        share=6,
        strain=0.03,
        zero_shift_deg=0.3,
        displacement_deg=0.1,
        orientation=0.3,
        magnetic=1.0,
        magnetic_share=0.5,
        impurity=0.3,
        background=1.0,
        background_left=0.05,
        noise=0.03,
        missing_deg=10.0,
    )
    found = views(scene, ranges, keys=4, offset=0.25) - 0.25
    assert np.isfinite(found).all() and found.min() >= -1e-6
    np.testing.assert_allclose(found.max(axis=-1), 1.0, atol=1e-6)
    assert (np.abs(found - MISSING) < 1e-6).mean() > 0.02
    assert len(np.unique(found[:, :, 1000:1200].round(5), axis=0)) == 4  # each key draws anew


def test_magnetic_reflections_come_on_top_of_the_atoms(scene):
    _, patterns, _ = scene
    atoms = views(scene, rendered.Ranges(share=12), keys=20)
    both = views(scene, rendered.Ranges(share=12, magnetic=1.0, magnetic_share=0.5), keys=20)
    # Everything else is drawn alike: where `atoms` is on the data set's instrument, so is `both`.
    own = np.abs(atoms - patterns).max(axis=(1, 2)) < 1e-3
    assert own.sum() >= 2
    for found in both[own]:
        scales = []
        for pattern, nuclear in zip(found, patterns, strict=True):
            at_peaks = nuclear > 0.02
            scale = np.quantile(pattern[at_peaks] / nuclear[at_peaks], 0.1)
            assert (pattern - scale * nuclear).min() > -0.02
            scales.append(np.abs(pattern - nuclear).max())
        assert 1 <= sum(change > 0.01 for change in scales) <= len(scales) - 1
    assert (both[own].max(axis=-1) == 1.0).all()


def test_half_of_the_grains_lie_along_c_star_as_many_by_a_ratio_as_by_its_inverse():
    size, lengths = 4000, np.array([3.0, 4.0, 5.0], np.float32)
    hkl = np.array([[1, 0, 0], [0, 0, 1]], np.int16)
    crystals = stored_crystals.Crystals(
        d_angstrom=np.tile(lengths[[0, 2]], (size, 1)),
        strength=np.ones((size, 2), np.float32),
        hkl=np.tile(hkl, (size, 1, 1)),
        reciprocal_metric=np.tile(np.diag(lengths**-2), (size, 1, 1)),
        rotations=np.tile(np.eye(3, dtype=np.int8), (size, 24, 1, 1)),
    )
    across, along = np.asarray(rendered._orientation(jax.random.key(0), crystals, 0.5)).T
    # For a triclinic crystal with right angles, r⁻³ along the axis and r^(3/2) across it.
    of_c_star = np.abs(along * across**2 - 1) < 1e-4
    assert of_c_star.mean() == pytest.approx(1 / 2 + 1 / 16, abs=0.03)  # 4 standard errors
    r = across[of_c_star] ** (2 / 3)
    assert 0.5 <= r.min() < 0.51 and 1.49 < r.max() <= 1.5
    quarters = np.exp(np.interp([0.25, 0.5, 0.75], [0, 1], np.log([0.5, 1.5])))
    np.testing.assert_allclose(np.quantile(r, [0.25, 0.5, 0.75]), quarters, rtol=0.06)


@pytest.mark.parametrize(
    ("size", "share", "groups"), [(64, 16, 4), (1, 16, 1), (24, 16, 2), (7, 4, 1), (16, 1, 16)]
)
def test_groups_are_equal(size, share, groups):
    assert rendered.group_count(size, share) == groups


def run_settings(tmp_path, **changes):
    return settings(
        "supervised",
        render__on=True,
        render__reflections=64,
        render__instruments=2,
        data__source="prototypes",
        data__prototype_crystals=140,
        data__class_balance="uniform",
        data__dir=str(tmp_path / "data"),
        data__processes=1,
        train__batch_size=1,
        **changes,
    )


@pytest.mark.slow
def test_a_run_on_rendered_patterns_goes_on_bit_identical_from_disk_or_device(
    tmp_path, monkeypatch
):
    import fake_data

    monkeypatch.setattr(experiment, "make_networks", fake_data.make_networks)
    train.train(run_settings(tmp_path), tmp_path / "whole")

    def killed(self, state, **what):
        if self._progress.step == 3:
            raise Killed
        return look(self, state, **what)

    look = loop.Loop._look
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(loop.Loop, "_look", killed)
        train.train(run_settings(tmp_path), tmp_path / "killed")
    streamed = []
    make = feeding.Streamed.__init__
    monkeypatch.setattr(
        feeding.Streamed, "__init__", lambda *a, **k: (streamed.append(1), make(*a, **k))[1]
    )
    train.train(run_settings(tmp_path, data__device_bytes=1), tmp_path / "killed")
    assert streamed
    first, second = (
        (tmp_path / name / "metrics.jsonl").read_text() for name in ("whole", "killed")
    )
    assert first == second

"""Powder CIF: the items _pd_meas_*, _pd_proc_* and _diffrn_radiation_* (dictionary cif_pow).

Dots in names, as in DDLm, are read as underscores. Processed intensities take precedence over
measured ones: they are normalised and belong to the processed 2θ.
"""

import re
from typing import Any

import gemmi
import numpy as np

from sgan_jax.measured import pattern
from sgan_jax.measured.pattern import MeasuredPattern, PatternError

_TWO_THETA = ("pd_proc_2theta_corrected", "pd_meas_2theta_scan", "pd_meas_2theta_corrected")
_RANGE = (
    "pd_proc_2theta_range",
    "pd_meas_2theta_range",
)
_INTENSITY = (
    "pd_proc_intensity_total",
    "pd_proc_intensity_net",
    "pd_meas_intensity_total",
    "pd_meas_counts_total",
    "pd_meas_intensity_net",
)
_TIME = ("pd_meas_time_of_flight", "pd_proc_time_of_flight")
_OTHER_AXES = ("pd_proc_d_spacing", "pd_proc_recip_len_q", "pd_meas_detector_2theta")


def read(name: str, content: bytes) -> list[MeasuredPattern]:
    """Return the pattern of each data block that has one.

    Raises:
        PatternError: none has one, or the file is not a CIF.
    """
    try:
        document = gemmi.cif.read_string(content.decode("utf-8", errors="replace"))
    except (ValueError, RuntimeError) as error:
        line = re.search(r":(\d+):\d+", str(error))
        raise PatternError(name, int(line[1]) if line else None, f"not a CIF: {error}") from error
    blocks = [block for block in document if _columns(block) or _has(block, _TIME)]
    if not blocks:
        raise PatternError(
            name, None, f"no block with any of {', '.join('_' + item for item in _INTENSITY)}"
        )
    wavelengths = [found for block in document if (found := _wavelength(block)) is not None]
    shared = wavelengths[0] if len(set(wavelengths)) == 1 else None
    probes = [probe for block in document if (probe := _probe(block))]
    return [
        _read_block(name, block, shared, probes[0] if len(probes) == 1 else "", len(blocks) > 1)
        for block in blocks
    ]


def _read_block(
    name: str, block: gemmi.cif.Block, wavelength: float | None, probe: str, several: bool
) -> MeasuredPattern:
    where = f"{name}, data_{block.name}"
    probe = _probe(block) or probe
    if "x-ray" in probe:
        raise PatternError(where, None, f"_diffrn_radiation {probe!r}: {pattern.X_RAY}")
    if _has(block, _TIME):
        raise PatternError(where, None, f"time of flight: {pattern.TIME_OF_FLIGHT}")
    columns = _columns(block)
    intensity_name = next(item for item in _INTENSITY if item in columns)
    intensity, errors = columns[intensity_name]
    if not len(intensity):
        raise PatternError(
            where, None, f"the loop with _{intensity_name} is empty; the file is truncated"
        )
    for suffix in ("_su", "_esd"):
        if intensity_name + suffix in columns:
            errors = columns[intensity_name + suffix][0]
    if np.isnan(errors).all() and "counts" in intensity_name:
        errors = np.sqrt(np.where(intensity > 0.0, intensity, np.nan))
    if "pd_proc_ls_weight" in columns and np.isnan(errors).all():
        weight = columns["pd_proc_ls_weight"][0]
        errors = 1.0 / np.sqrt(np.where(weight > 0.0, weight, np.nan))
    own = _wavelength(block)
    return pattern.make_pattern(
        where,
        "cif",
        _angles(where, block, columns, len(intensity)),
        intensity,
        errors if len(errors) == len(intensity) else None,
        title=block.name,
        wavelength_angstrom=wavelength if own is None else own,
        radiation="neutron" if "neutron" in probe else None,
        bank=block.name if several else "",
    )


def _angles(
    where: str,
    block: gemmi.cif.Block,
    columns: dict[str, tuple[np.ndarray, np.ndarray]],
    count: int,
) -> np.ndarray:
    for item in _TWO_THETA:
        if item in columns and len(columns[item][0]) == count:
            return columns[item][0]
    for item in _RANGE:
        start, step, end = (_number(block, f"{item}_{part}") for part in ("min", "inc", "max"))
        if start is not None and step is not None:
            angles = start + step * np.arange(count)
            if end is not None and abs(angles[-1] - end) > abs(step):
                raise PatternError(
                    where,
                    None,
                    f"{count} intensities end at {angles[-1]:g}°, but _{item}_max is {end}",
                )
            return angles
    other = [item for item in _OTHER_AXES if item in columns]
    reason = f"; the axis is _{other[0]}" if other else ""
    raise PatternError(where, None, f"no 2θ for the {count} intensities{reason}")


def _columns(block: gemmi.cif.Block) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return values and standard uncertainties of the loop that holds the intensities."""
    for item in block:
        if item.loop is None:
            continue
        names = [_plain(tag) for tag in item.loop.tags]
        if not any(intensity in names for intensity in _INTENSITY):
            continue
        width = item.loop.width()
        texts = item.loop.values
        return {
            tag: _with_uncertainty(texts[position::width]) for position, tag in enumerate(names)
        }
    return {}


def _with_uncertainty(texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    values = np.array([gemmi.cif.as_number(text) for text in texts], np.float64)
    errors = np.full(len(values), np.nan)
    for position, text in enumerate(texts):
        if len(text) > 40:
            continue
        found = re.fullmatch(r"[-+]?(\d*)\.?(\d*)(?:[eE]([-+]?\d{1,3}))?\((\d{1,9})\)", text)
        if found:
            exponent = int(found[3] or 0) - len(found[2])
            errors[position] = float(f"{found[4]}e{exponent}")
    return values, errors


def _plain(tag: str) -> str:
    return tag.lower().lstrip("_").replace(".", "_")


def _has(block: gemmi.cif.Block, items: tuple[str, ...]) -> bool:
    for item in block:
        tags = item.loop.tags if item.loop is not None else [item.pair[0]] if item.pair else []
        if any(_plain(tag) in items for tag in tags):
            return True
    return False


def _text(block: gemmi.cif.Block, name: str) -> str | None:
    for item in block:
        pair: Any = item.pair
        if pair is not None and _plain(pair[0]) == name:
            return gemmi.cif.as_string(pair[1])
        if item.loop is not None:
            names = [_plain(tag) for tag in item.loop.tags]
            if name in names and item.loop.length() == 1:
                return gemmi.cif.as_string(item.loop.values[names.index(name)])
    return None


def _number(block: gemmi.cif.Block, name: str) -> float | None:
    text = _text(block, name)
    value = gemmi.cif.as_number(text) if text else float("nan")
    return value if np.isfinite(value) else None


def _wavelength(block: gemmi.cif.Block) -> float | None:
    for name in ("diffrn_radiation_wavelength", "diffrn_radiation_wavelength_wavelength"):
        value = _number(block, name)
        if value is not None:
            return value
    return None


def _probe(block: gemmi.cif.Block) -> str:
    """Return the probe, such as 'x-ray' or 'neutron', or '' if the block names none."""
    text = (_text(block, "diffrn_radiation_probe") or "").lower()
    if text not in ("", "?", "."):
        return text
    kind = _text(block, "diffrn_radiation_type") or ""
    if re.search(r"neutron", kind, re.IGNORECASE):
        return "neutron"
    return "x-ray" if re.search(r"x-?ray|K\\a|synchrotron", kind, re.IGNORECASE) else ""

"""NeXus files with the application definition NXmonopd (needs h5py: the extra 'nexus').

NXmonopd: an NXentry with an NXdata with polar_angle [n] and data [n], an NXcrystal with the
wavelength and an NXsource with the probe (nexusformat.org, NXmonopd).
"""

import io

import numpy as np

from sgan_jax.measured import pattern
from sgan_jax.measured.pattern import MeasuredPattern, PatternError

MAGIC = b"\x89HDF\r\n\x1a\n"


def read(name: str, content: bytes) -> list[MeasuredPattern]:
    """Return the pattern of each NXmonopd entry.

    Raises:
        PatternError: the file has no such entry, or h5py is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise PatternError(
            name, None, "reading a NeXus file needs h5py: pip install 'sgan_jax[nexus]'"
        ) from error
    try:
        with h5py.File(io.BytesIO(content), "r") as root:
            entries = [root[key] for key in sorted(root) if _is_entry(root, key)]
            found = [_read_entry(name, entry, len(entries) > 1) for entry in entries]
    except PatternError:
        raise
    # h5py has no exception of its own for damaged files.
    except (OSError, RuntimeError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise PatternError(name, None, f"not a readable HDF5 file: {error}") from error
    if not found:
        raise PatternError(name, None, "no entry with the definition NXmonopd")
    return found


def _is_entry(root, key: str) -> bool:
    entry = root[key]
    return hasattr(entry, "keys") and _text(entry.get("definition")) in ("NXmonopd", "NXxrd")


def _read_entry(name: str, entry, several: bool) -> MeasuredPattern:
    where = f"{name}, {entry.name}"
    groups = _groups(entry)
    probe = _text(_first(groups, "NXsource", "probe")).lower()
    if probe and probe != "neutron":
        raise PatternError(where, None, f"the probe is {probe!r}: {pattern.X_RAY}")
    angle = _first(groups, "NXdata", "polar_angle") or _first(groups, "NXdetector", "polar_angle")
    counts = _first(groups, "NXdata", "data") or _first(groups, "NXdetector", "data")
    if angle is None or counts is None:
        raise PatternError(where, None, "polar_angle or data is missing")
    if angle.size != counts.size or angle.size > pattern.MAX_POINTS:
        raise PatternError(where, None, f"{angle.size} angles and {counts.size} intensities")
    errors = _first(groups, "NXdata", "errors") or _first(groups, "NXdata", "data_errors")
    intensity = np.asarray(counts, np.float64).ravel()
    sigma = np.sqrt(np.where(intensity > 0.0, intensity, np.nan))
    if errors is not None and errors.size == counts.size:
        sigma = np.asarray(errors, np.float64).ravel()
    wavelength = _first(groups, "NXcrystal", "wavelength")
    return pattern.make_pattern(
        where,
        "nexus",
        np.asarray(angle, np.float64).ravel() * _factor(where, angle),
        intensity,
        sigma,
        title=_text(entry.get("title")),
        wavelength_angstrom=_wavelength(where, wavelength),
        radiation="neutron" if probe else None,
        bank=entry.name.strip("/") if several else "",
    )


def _groups(entry) -> list:
    """Return all groups below the entry, at any depth."""
    found = []
    entry.visititems(lambda _, item: found.append(item) if hasattr(item, "keys") else None)
    return found


def _first(groups: list, nexus_class: str, field: str):
    for group in groups:
        if _text(group.attrs.get("NX_class")) == nexus_class and field in group:
            return group[field]
    return None


def _factor(where: str, angle) -> float:
    units = _text(angle.attrs.get("units")).lower() or "degrees"
    if units.startswith("deg") or units == "°":
        return 1.0
    if units.startswith("rad"):
        return float(np.degrees(1.0))
    raise PatternError(
        where, None, f"polar_angle is in {units!r}; only degrees and radians are read"
    )


def _wavelength(where: str, field) -> float | None:
    if field is None:
        return None
    if field.size != 1:
        raise PatternError(where, None, f"{field.size} wavelengths; a pattern has one")
    units = _text(field.attrs.get("units")).lower()
    value = float(np.asarray(field, np.float64).ravel()[0])
    if units.startswith("ang") or units in ("a", "å", ""):
        return value
    if units in ("nm", "nanometer", "nanometre"):
        return 10.0 * value
    raise PatternError(
        where, None, f"the wavelength is in {units!r}; only angstrom and nm are read"
    )


def _text(item) -> str:
    """Return a text field or attribute, '' if it is missing."""
    if item is None:
        return ""
    value = item[()] if hasattr(item, "shape") else item
    if isinstance(value, np.ndarray):
        value = value.ravel()[0] if value.size else ""
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else str(value)

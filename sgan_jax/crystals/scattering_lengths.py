"""Bound coherent neutron scattering lengths of elements and isotopes."""

import functools
import re

import gemmi

_ISOTOPE = re.compile(r"(\d+)([A-Z][a-z]?)")


@functools.cache
def scattering_length_fm(element: str) -> float | None:
    """Return b_coherent in fm, None if it is unknown.

    Elements ('Fe', 'D') as gemmi has them (Sears 1992), isotopes ('7Li') as periodictable has them
    (Rauch & Waschkowski 2003 and later).
    """
    isotope = _ISOTOPE.fullmatch(element)
    if isotope is None:
        return gemmi.Element(element).neutron92.get_coefs()[0] or None  # gemmi: 0 where unknown
    import periodictable  # few files name isotopes, and it is slow to load

    symbol = periodictable.elements.symbol(isotope[2])
    return symbol[int(isotope[1])].neutron.b_c


@functools.cache
def is_isotope(text: str) -> bool:
    """Return whether a text such as '7Li' is the name of an isotope that exists."""
    isotope = _ISOTOPE.fullmatch(text)
    if isotope is None:
        return False
    import periodictable

    try:
        return int(isotope[1]) in periodictable.elements.symbol(isotope[2]).isotopes
    except ValueError:
        return False

"""Chemical formulas of unit-cell contents: reduced ('BaTiO3') and anonymous ('ABC3')."""

import math
import re
from collections.abc import Mapping, Sequence

# Least electronegative first: the order of writing (IUPAC Red Book 2005, table VI).
_SEQUENCE = """
    Rn Xe Kr Ar Ne He Fr Cs Rb K Na Li Ra Ba Sr Ca Mg Be
    Lr No Md Fm Es Cf Bk Cm Am Pu Np U Pa Th Ac
    Lu Yb Tm Er Ho Dy Tb Gd Eu Sm Pm Nd Pr Ce La Y Sc
    Rf Hf Zr Ti Db Ta Nb V Sg W Mo Cr Bh Re Tc Mn Hs Os Ru Fe Mt Ir Rh Co Ds Pt Pd Ni
    Rg Au Ag Cu Cn Hg Cd Zn Nh Tl In Ga Al B Fl Pb Sn Ge Si C Mc Bi Sb As P N D H
    Lv Po Te Se S O Ts At I Br Cl F
""".split()
_POSITION = {element: position for position, element in enumerate(_SEQUENCE)}


def reduced(amounts: Mapping[str, float], units: int) -> dict[str, float]:
    """Return the amounts of one formula unit.

    Args:
      amounts: of each element in the cell (occupancies summed).
      units: the greatest common divisor of the multiplicities of the positions, so that a partly
        occupied crystal gets the same formula in any cell.

    Returns:
      Whole amounts divided by their greatest common divisor, others per unit, to 3 decimals.
    """
    per_unit = {element: amount / units for element, amount in amounts.items()}
    for scale in (1, 2, 3, 4, 6, 8, 12):  # a half-occupied hydrogen beside a whole oxygen
        scaled = [amount * scale for amount in per_unit.values()]
        if all(abs(amount - round(amount)) < 2e-3 * scale and amount > 0.5 for amount in scaled):
            whole = [round(amount) for amount in scaled]
            divisor = math.gcd(*whole)
            return {e: n // divisor for e, n in zip(per_unit, whole, strict=True)}
    return {element: round(amount, 3) for element, amount in per_unit.items()}


def text(amounts: Mapping[str, float]) -> str:
    """Return e.g. 'BaTiO3', 'Mg1.8Fe0.2SiO4', '[7Li]F'; elements in the IUPAC sequence."""
    order = sorted(amounts, key=lambda e: (_POSITION.get(e.lstrip("0123456789"), -1), e))
    return "".join(
        (f"[{element}]" if element[0].isdigit() else element) + _number(amounts[element])
        for element in order
    )


def anonymous(amounts: Sequence[int]) -> str:
    """Return a formula without its elements, rarest first, e.g. 'ABC3' for BaTiO3's 1, 1, 3."""
    letters = (chr(65 + i) if i < 26 else f"A{i}" for i in range(len(amounts)))
    return "".join(
        letter + _number(amount) for letter, amount in zip(letters, sorted(amounts), strict=True)
    )


def differ(one: str, other: str) -> bool:
    """Return whether two formulas such as 'MgAl2O4' differ by more than 1 % of the atoms."""
    first, second = _fractions(one), _fractions(other)
    return any(
        abs(first.get(element, 0.0) - second.get(element, 0.0)) > 0.01
        for element in {*first, *second}
    )


def _fractions(written: str) -> dict[str, float]:
    amounts: dict[str, float] = {}
    for element, amount in re.findall(r"([A-Z][a-z]?)\]?(\d*\.?\d*)", written):
        amounts[element] = amounts.get(element, 0.0) + float(amount.strip(".") or 1)
    total = sum(amounts.values()) or 1.0
    return {element: amount / total for element, amount in amounts.items()}


def _number(amount: float) -> str:
    return "" if amount == 1 else f"{amount:.3f}".rstrip("0").rstrip(".")

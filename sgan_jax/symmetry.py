"""Bravais lattices and space groups: order, names, and which of them are the classes of a task.

Only tables and numpy, so that every module can import it, including the classifier's core.
"""

from collections.abc import Sequence

import numpy as np

# The class order of the published weights.
BRAVAIS_LATTICES = (
    "cubic (F)",
    "cubic (I)",
    "cubic (P)",
    "hexagonal (P)",
    "monoclinic (C)",
    "monoclinic (P)",
    "orthorhombic (C)",
    "orthorhombic (F)",
    "orthorhombic (I)",
    "orthorhombic (P)",
    "rhombohedral (P)",
    "tetragonal (I)",
    "tetragonal (P)",
    "triclinic (P)",
)

# Hermann-Mauguin symbols of the standard settings, number 1 first (International Tables A, 1983).
SPACE_GROUP_SYMBOLS = tuple(
    """
    P1 P-1 P2 P21 C2 Pm Pc Cm Cc P2/m P21/m C2/m P2/c P21/c C2/c P222 P2221 P21212 P212121 C2221
    C222 F222 I222 I212121 Pmm2 Pmc21 Pcc2 Pma2 Pca21 Pnc2 Pmn21 Pba2 Pna21 Pnn2 Cmm2 Cmc21 Ccc2
    Amm2 Abm2 Ama2 Aba2 Fmm2 Fdd2 Imm2 Iba2 Ima2 Pmmm Pnnn Pccm Pban Pmma Pnna Pmna Pcca Pbam
    Pccn Pbcm Pnnm Pmmn Pbcn Pbca Pnma Cmcm Cmca Cmmm Cccm Cmma Ccca Fmmm Fddd Immm Ibam Ibca
    Imma P4 P41 P42 P43 I4 I41 P-4 I-4 P4/m P42/m P4/n P42/n I4/m I41/a P422 P4212 P4122 P41212
    P4222 P42212 P4322 P43212 I422 I4122 P4mm P4bm P42cm P42nm P4cc P4nc P42mc P42bc I4mm I4cm
    I41md I41cd P-42m P-42c P-421m P-421c P-4m2 P-4c2 P-4b2 P-4n2 I-4m2 I-4c2 I-42m I-42d P4/mmm
    P4/mcc P4/nbm P4/nnc P4/mbm P4/mnc P4/nmm P4/ncc P42/mmc P42/mcm P42/nbc P42/nnm P42/mbc
    P42/mnm P42/nmc P42/ncm I4/mmm I4/mcm I41/amd I41/acd P3 P31 P32 R3 P-3 R-3 P312 P321 P3112
    P3121 P3212 P3221 R32 P3m1 P31m P3c1 P31c R3m R3c P-31m P-31c P-3m1 P-3c1 R-3m R-3c P6 P61
    P65 P62 P64 P63 P-6 P6/m P63/m P622 P6122 P6522 P6222 P6422 P6322 P6mm P6cc P63cm P63mc
    P-6m2 P-6c2 P-62m P-62c P6/mmm P6/mcc P63/mcm P63/mmc P23 F23 I23 P213 I213 Pm-3 Pn-3 Fm-3
    Fd-3 Im-3 Pa-3 Ia-3 P432 P4232 F432 F4132 I432 P4332 P4132 I4132 P-43m F-43m I-43m P-43n
    F-43c I-43d Pm-3m Pn-3n Pm-3n Pn-3m Fm-3m Fm-3c Fd-3m Fd-3c Im-3m Ia-3d
    """.split()
)


_LAST_OF_SYSTEM = {
    "triclinic": 2,
    "monoclinic": 15,
    "orthorhombic": 74,
    "tetragonal": 142,
    "trigonal": 167,
    "hexagonal": 194,
    "cubic": 230,
}
CRYSTAL_SYSTEMS = tuple(_LAST_OF_SYSTEM)


def _numbers(*ranges: int | tuple[int, int]) -> tuple[int, ...]:
    ends = [entry if isinstance(entry, tuple) else (entry, entry) for entry in ranges]
    return tuple(number for first, last in ends for number in range(first, last + 1))


# The groups with more than 50 patterns in the paper's data set, ascending.
# fmt: off
PAPER_SPACE_GROUPS = _numbers(
    (1, 2), (4, 15), (18, 20), 26, 29, 31, 33, 34, 36, 38, (40, 47), (51, 53), (55, 67), (69, 74),
    82, (85, 88), 92, 96, 99, 100, 107, 109, 113, 114, 119, (121, 123), (125, 131), (135, 137),
    (139, 142), 143, 144, (146, 148), 150, 152, (154, 157), (159, 167), (173, 176), 180, 182,
    (185, 187), (189, 194), (197, 201), (203, 206), 212, 213, (215, 218), 220, 221, (223, 227),
    229, 230,
)
# fmt: on


def crystal_system(space_group_number: int) -> str:
    """Return the crystal system of a space group, e.g. 'trigonal' (International Tables A)."""
    _check_number(space_group_number)
    return next(system for system, last in _LAST_OF_SYSTEM.items() if space_group_number <= last)


def centring(space_group_number: int) -> str:
    """Return the centring letter of the standard setting: P, A, C, I, F or R."""
    _check_number(space_group_number)
    return SPACE_GROUP_SYMBOLS[space_group_number - 1][0]


def lattice_points(space_group_number: int) -> int:
    """Return the number of lattice points in the standard conventional cell (R: hexagonal axes)."""
    return {"P": 1, "A": 2, "C": 2, "I": 2, "R": 3, "F": 4}[centring(space_group_number)]


def bravais_lattice(space_group_number: int) -> str:
    """Return the Bravais lattice of a space group, e.g. 'cubic (F)' for 225.

    An A centring (groups 38-41) is a C centring with the axes renamed, and a trigonal group with a
    primitive lattice has the hexagonal one.
    """
    letter = centring(space_group_number)
    system = crystal_system(space_group_number)
    if letter == "R":
        return "rhombohedral (P)"
    if system == "trigonal":
        system = "hexagonal"
    return f"{system} ({'C' if letter == 'A' else letter})"


def bravais_index(space_group_number: int) -> int:
    """Return the position of the group's Bravais lattice in `BRAVAIS_LATTICES`, 0..13."""
    return BRAVAIS_LATTICES.index(bravais_lattice(space_group_number))


def class_list(task: str, classes: str, numbers: np.ndarray, min_count: int) -> tuple:
    """Return the classes of a task, in the order of their indices.

    Args:
      task: 'bl' (Bravais lattices, by name), 'sg' (space groups, by number) or 'eg' (extinction
        groups, by name).
      classes: for 'sg': 'paper' (144 groups), 'all' (230) or 'frequent'.
      numbers: the crystals' space-group numbers [N], counted for 'frequent'.
      min_count: 'frequent' groups have more crystals than this (the paper, section 2.1).
    """
    if task == "bl":
        return BRAVAIS_LATTICES
    if task == "eg":
        return tuple(dict.fromkeys(_extinction_names()))
    if task != "sg":
        raise ValueError(f"task {task!r} is unknown; use one of 'bl', 'sg', 'eg'")
    if classes == "paper":
        return PAPER_SPACE_GROUPS
    if classes == "all":
        return tuple(range(1, 231))
    if classes == "frequent":
        counts = np.bincount(np.asarray(numbers, int), minlength=231)
        frequent = tuple(int(number) for number in np.flatnonzero(counts > min_count))
        if not frequent:
            raise ValueError(
                f"no space group has more than min_count = {min_count} crystals; lower it"
            )
        return frequent
    raise ValueError(f"classes {classes!r} is unknown; use one of 'paper', 'all', 'frequent'")


def class_indices(task: str, classes: Sequence, numbers: np.ndarray) -> np.ndarray:
    """Return the class index of each crystal, int32 [N], from its space-group number [N].

    The index is -1 if the crystal belongs to no class of the task.
    """
    index_of = {name: index for index, name in enumerate(classes)}
    groups = range(1, 231)
    names = {"bl": map(bravais_lattice, groups), "sg": groups}.get(task) or _extinction_names()
    of_number = np.array([-1, *(index_of.get(name, -1) for name in names)], np.int32)
    return of_number[np.asarray(numbers, int)]


def class_names(task: str, classes: Sequence) -> list[str]:
    """Return the readable names of the classes: 'cubic (F)', '225 Fm-3m', 'orthorhombic Pn-a'."""
    if task in ("bl", "eg"):
        return list(classes)
    return [f"{number} {SPACE_GROUP_SYMBOLS[number - 1]}" for number in classes]


def _extinction_names() -> list[str]:
    """Return the name of the extinction group of each space group, number 1 first."""
    # Imported here because it needs gemmi, which the other tasks do not.
    from sgan_jax import extinction

    return [extinction.extinction_group(number).name for number in range(1, 231)]


def _check_number(space_group_number: int) -> None:
    if not 1 <= space_group_number <= 230:
        raise ValueError(f"space group {space_group_number} is not in 1..230")

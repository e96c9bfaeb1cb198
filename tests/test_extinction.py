import gemmi
import numpy as np
import pytest
import spglib

from sgan_jax import extinction, symmetry

# International Tables A, table of extinction symbols: a space group of each set and the symbol.
SYMBOLS = """
    1 P-  3 P1-1  4 P1211  5 C1-1  7 P1c1  9 C1c1  14 P121/c1
    16 P---  17 P--21  18 P2121-  19 P212121  20 C--21  21 C---  22 F---  23 I---
    51 P--a  27 Pcc-  57 Pbc-  53 P-na  31 P--n  32 Pba-  62 Pn-a  34 Pnn-  36 C-c-  37 Ccc-
    67 C--(ab)  64 C-c(ab)  43 Fdd-  45 Iba-  74 I--(ab)  48 Pnnn  50 Pban  52 Pnna  54 Pcca
    56 Pccn  60 Pbcn  61 Pbca  68 Ccc(ab)  70 Fddd  73 Ibca
    75 P---  76 P41--  77 P42--  79 I---  80 I41--  85 Pn--  86 P42/n--  88 I41/a--  90 P-21-
    92 P4121-  94 P4221-  100 P-b-  101 P-c-  102 P-n-  103 P-cc  104 P-nc  105 P--c  106 P-bc
    108 I-c-  109 I--d  110 I-cd  114 P-21c  125 Pnb-  126 Pnnc  130 Pncc  133 Pnbc  134 Pnn-
    137 Pn-c  138 Pnc-  141 Ia-d  142 Iacd
    143 P---  146 R--  158 P-c-  159 P--c  161 R-c  169 P61--  173 P63--  184 P-cc
    195 P---  196 F---  197 I---  201 Pn--  203 Fd--  205 Pa--  206 Ia--  208 P42--  210 F41--
    212 P41--  214 I41--  218 P--n  219 F--c  220 I--d  222 Pn-n  228 Fd-c  230 Ia-d
""".split()


def test_there_are_97_and_each_space_group_is_in_one():
    groups = extinction.extinction_groups()
    assert len(groups) == 97
    assert sorted(number for group in groups for number in group.numbers) == list(range(1, 231))
    assert [group.numbers[0] for group in groups] == sorted(g.numbers[0] for g in groups)
    assert len({group.name for group in groups}) == 97


@pytest.mark.parametrize(
    ("number", "members"),
    [
        (62, (33, 62)),
        (14, (14,)),
        (225, (196, 202, 209, 216, 225)),
        (227, (203, 227)),
        (194, (159, 163, 186, 190, 194)),
        (166, (146, 148, 155, 160, 166)),
        (167, (161, 167)),
        (26, (26, 28, 51)),  # Pmc21 and Pma2: the same after a permutation of the axes
        (38, (21, 35, 38, 65)),  # likewise A and C centring
        (136, (102, 118, 136)),
        (2, (1, 2)),
        # The literature separates these by their Laue class, which makes 99.
        (198, (198, 208)),
        (144, (144, 145, 151, 152, 153, 154, 171, 172, 180, 181)),
    ],
)
def test_members_that_are_known(number, members):
    assert extinction.extinction_group(number).numbers == members


@pytest.mark.parametrize(
    ("number", "symbol"), list(zip(map(int, SYMBOLS[::2]), SYMBOLS[1::2], strict=True))
)
def test_symbols_are_those_of_international_tables(number, symbol):
    assert extinction.extinction_group(number).symbol == symbol


def absences(number: int, hkl: np.ndarray) -> np.ndarray:
    return np.array(
        [
            gemmi.find_spacegroup_by_number(number).operations().is_systematically_absent(h)
            for h in hkl.tolist()
        ]
    )


@pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING")
def test_absences_are_those_that_gemmi_and_spglib_have():
    rng = np.random.default_rng(0)
    axes = [[h, k, l] for h in range(-4, 5) for k in (0, 4) for l in (0, 2)]  # noqa: E741
    hkl = np.unique(np.concatenate([axes, rng.integers(-6, 7, (60, 3))]), axis=0)
    hall_numbers = {}
    for hall in range(1, 531):
        hall_numbers.setdefault(spglib.get_spacegroup_type(hall).number, hall)
    for number in range(1, 231, 3):
        found = ~extinction._present(number)[tuple((hkl + 6).T)]
        np.testing.assert_array_equal(found, absences(number, hkl), str(number))
        if number not in (146, 148, 155, 160, 161, 166, 167):
            # Where h is absent, the structure factor of a general point and its images vanishes.
            operations = spglib.get_symmetry_from_database(hall_numbers[number])
            points = operations["rotations"] @ [0.137, 0.291, 0.433] + operations["translations"]
            factor = np.abs(np.exp(2j * np.pi * hkl @ points.T).sum(axis=1))
            np.testing.assert_array_equal(found, factor < 1e-6, str(number))


def test_the_task_has_the_97_as_classes():
    classes = symmetry.class_list("eg", "paper", np.zeros(0, int), 50)
    assert len(classes) == 97 and classes[0] == "triclinic P-"
    numbers = np.array([33, 62, 225, 216, 230])
    indices = symmetry.class_indices("eg", classes, numbers)
    assert indices.dtype == np.int32
    assert [classes[i] for i in indices] == [
        "orthorhombic Pn-a",
        "orthorhombic Pn-a",
        "cubic F---",
        "cubic F---",
        "cubic Ia-d",
    ]
    assert (symmetry.class_indices("eg", classes, np.arange(1, 231)) >= 0).all()
    assert symmetry.class_names("eg", classes) == list(classes)


def test_a_number_that_is_no_group_raises():
    with pytest.raises(ValueError, match=r"not in 1\.\.230"):
        extinction.extinction_group(231)

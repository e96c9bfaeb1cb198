"""CIFs of many different rock salts, a zip of them, and a source that reads it."""

import pathlib
import zipfile

from sgan_jax.datasets.sources import CifSource


def rock_salt(a: float, elements: str = "Na Cl") -> str:
    """Return the CIF of a rock salt of cell edge `a` Å."""
    first, second = elements.split()
    return f"""data_{first}{second}
_cell_length_a {a}
_cell_length_b {a}
_cell_length_c {a}
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'F m -3 m'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
{first}1 {first} 0 0 0
{second}1 {second} 0.5 0.5 0.5
"""


CATIONS = ("Li", "Na", "K", "Rb", "Cs", "Mg", "Ca", "Sr", "Ba", "Mn")
ANIONS = ("F", "Cl", "Br", "I", "O", "S", "Se", "Te", "N", "C")


def rock_salts(count: int) -> dict[str, str]:
    """Return names and texts of `count` different CIFs."""
    return {
        f"salts/{cation}{anion}.cif": rock_salt(4.0 + 0.1 * i + 0.07 * j, f"{cation} {anion}")
        for i, cation in enumerate(CATIONS)
        for j, anion in enumerate(ANIONS)
        if 10 * i + j < count
    }


def write_zip(path: pathlib.Path, files: dict[str, str]) -> pathlib.Path:
    """Write a zip of files and return its path."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return path


def cif_source(path: pathlib.Path) -> CifSource:
    """Return the source of all CIFs of a zip, a tar or a folder, read as they are."""
    return CifSource(path, symmetry="file", b_iso_default=0.5)

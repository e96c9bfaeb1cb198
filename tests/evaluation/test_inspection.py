"""The page about a data set agrees with the files beside its patterns."""

import csv
import re
import zipfile

import numpy as np

from sgan_jax.datasets import preparation
from sgan_jax.datasets.combined_source import CombinedSource
from sgan_jax.datasets.sources import CifSource, PrototypeSource
from sgan_jax.diffraction.instrument import Instrument
from sgan_jax.evaluation import figures, inspection


def test_the_page_shows_what_was_built_and_what_was_not(tmp_path):
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr("empty <b>.cif", " ")
        archive.writestr("line.cif", "not a crystal")
    prototypes = PrototypeSource(25, seed=0, class_balance="natural")
    bad = CifSource(tmp_path / "bad.zip", symmetry="file", b_iso_default=0.5)
    folder = preparation.prepare(
        CombinedSource((prototypes, bad)),
        Instrument("quick", 2.0, 20.0, 0.2, 300),
        max_skipped_fraction=0.2,
        dir=tmp_path,
        processes=1,
    )
    inspection.write(folder, tmp_path / "data.html")
    page = (tmp_path / "data.html").read_text()
    with (folder / "crystals.tsv").open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    cards = [int(number) for number in re.findall(r"<b>(\d+)</b>", page)]
    groups, types = ({row[column] for row in rows} for column in ("space_group", "structure_type"))
    duplicates = (folder / "duplicates.tsv").read_text().count("\n") - 1
    assert cards == [len(rows), len(groups), len(types), duplicates, 2]
    assert len(rows) + duplicates == 25
    skipped = re.findall(r"<td>([\w ]+)</td><td class=\"number\">1</td>", page)
    assert sorted(skipped) == ["empty file", "not a CIF"]
    assert "empty &lt;b&gt;.cif" in page  # file names are escaped
    assert page.count("Pattern of ") == len({row["bravais"] for row in rows})
    assert "http" not in re.sub(r"data:image/svg\+xml;base64,[\w+/=]+", "", page)


def test_a_histogram_holds_every_value():
    values = np.array([1, 1, 2, 700.0])
    (axes,) = figures.histogram(values, "reflections").axes
    assert sum(bar.get_height() for bar in axes.patches) == len(values)

"""The study's page and README's table, as the records in docs/study/ fill them."""

import json
import pathlib
import shutil

import pytest

from sgan_jax.evaluation import study_page

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def copies(tmp_path):
    """Return README.md and docs/ of a copy of the repository's pages."""
    shutil.copy(ROOT / "README.md", tmp_path)
    (tmp_path / "docs").mkdir()
    shutil.copy(ROOT / "docs/STUDY.md", tmp_path / "docs")
    return tmp_path / "README.md", tmp_path / "docs"


def test_the_pages_tell_what_the_records_say(copies):
    readme, docs = copies
    shutil.copytree(ROOT / "docs/study", docs / "study")
    assert study_page.write(readme, docs) == len(list((docs / "study").glob("*.json")))
    for path in (readme, docs / "STUDY.md"):
        assert path.read_text() == (ROOT / path.relative_to(docs.parent)).read_text()


def test_bars_are_met_by_clear_differences_only_and_the_best_is_chosen_on_validation(copies):
    readme, docs = copies
    (docs / "study").mkdir()
    # The row with the best numbers on the test part is not the best on validation.
    for task, row, validation, tested in (
        ("bl", "supervised", 0.1, (0.40, 0.42)),
        ("bl", "sgan", 0.2, (0.42, 0.46)),  # 3 above, ± √(1 + 4): not twice its error
        ("bl", "augmented", 0.3, (0.50, 0.52)),
        ("bl", "consistency", 0.4, (0.55, 0.55)),
        ("bl", "synthetic", 0.35, (0.60, 0.60)),
        ("sg", "supervised", 0.1, (0.40, 0.42)),
        ("sg", "sgan", 0.2, (0.42, 0.46)),
        ("sg", "sgan_noise", 0.2, (0.38, 0.40)),
    ):
        for seed, top1 in enumerate(tested):
            record = {
                "row": row,
                "task": task,
                "split": "random",
                "percent": 5,
                "seed": seed,
                "top1": top1,
                "validation_top1": validation,
                "confusion": [[3, 1], [0, 2]],
                "classes": ["cubic (F)", "cubic (I)"],
            }
            (docs / f"study/{task}_{row}_{seed}.json").write_text(json.dumps(record))
    study_page.write(readme, docs)
    page = (docs / "STUDY.md").read_text()
    assert "| `bl` | 5 % | sgan - supervised | 3 | +3.0 ± 2.2 | not met so far (2 seeds) |" in page
    assert (
        "| `bl` | 5 % | best (`consistency`) - augmented | 2 | +4.0 ± 1.0 | met so far (2 seeds) |"
        in page
    )
    # For space groups a sign is all that is asked.
    said = "sign right, but less than twice its error so far (2 seeds)"
    assert f"| `sg` | 5 % | sgan - supervised | 0 | +3.0 ± 2.2 | {said} |" in page
    assert "| sgan_noise - supervised | 0 | -2.0 ± 1.4 | not met so far (2 seeds) |" in page
    assert "Confusion matrix of `consistency`" in page
    assert "| SGAN, the paper's equations | 44.0 ± 2.8 (2) |" in readme.read_text()

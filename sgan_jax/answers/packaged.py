"""Location and names of the packaged models; does not import jax, which loading them needs."""

import pathlib

MODEL = "model.json"  # in each model's folder; `saved_model` has the format
FOLDER = pathlib.Path(__file__).parents[1] / "trained"


def names() -> list[str]:
    """Return the names of the packaged models, sorted."""
    return sorted(path.parent.name for path in FOLDER.glob(f"*/{MODEL}"))

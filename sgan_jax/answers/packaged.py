"""Where the models in the package are, and their names; without jax, which loading them needs."""

import pathlib

MODEL = "model.json"  # in the folder of each, as `saved_model` has it
FOLDER = pathlib.Path(__file__).parents[1] / "trained"


def names() -> list[str]:
    """Return the names of the models in the package."""
    return sorted(path.parent.name for path in FOLDER.glob(f"*/{MODEL}"))

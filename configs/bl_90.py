"""14 Bravais lattices, all patterns outside the test part labelled: the fully supervised reference.

Should reach (Lolla et al. 2022, test accuracy on 138 362 ICSD structures): 88 %.
100 epochs; the program says at the start how long they will take.

    python -m sgan_jax.main --config=configs/bl_90.py
"""

from sgan_jax import config


def get_config(method: str = "supervised"):
    """Return the paper's settings (Table 2); 90 % labelled leaves nothing for 'sgan'."""
    return config.base("bl", 90, method)

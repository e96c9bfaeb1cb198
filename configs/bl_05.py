"""14 Bravais lattices, 5 % of the patterns labelled: the SGAN and its supervised control.

Should reach (Lolla et al. 2022, test accuracy on 138 362 ICSD structures): SGAN 70 %, supervised
61 %. 100 epochs take days on two CPU cores and hours on a GPU; the program says at the start
how long they will take on this machine.

    python -m sgan_jax.main --config=configs/bl_05.py
    python -m sgan_jax.main --config=configs/bl_05.py:supervised
"""

from sgan_jax import config


def get_config(method: str = "sgan"):
    """Return the paper's settings (Table 2) for 'sgan' or 'supervised'."""
    return config.base("bl", 5, method)

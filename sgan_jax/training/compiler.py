"""How XLA compiles: its flags for GPUs, and compiled programs kept for the next start."""

import importlib.util
import pathlib
import subprocess
import sys
from collections.abc import Iterable, MutableMapping

from absl import logging

# Few: a step's gradients are one message already (`messages`), so thresholds for combining
# all-reduces have nothing to act on.
GPU_FLAGS = {
    # All-reduces of BatchNorm run beside the convolutions that do not wait for them; NVIDIA's own
    # JAX images have it on.
    "xla_gpu_enable_latency_hiding_scheduler": "true",
    # No sums in an order of their own: a run continued after a kill ends as one that was not.
    "xla_gpu_exclude_nondeterministic_ops": "true",
}
CUDA_PLUGINS = ("jax_cuda12_plugin", "jax_cuda13_plugin")


def set_gpu_flags(environment: MutableMapping[str, str]) -> None:
    """Add GPU_FLAGS to XLA_FLAGS where jax can use NVIDIA GPUs; do it before jax is used.

    What XLA_FLAGS names already stays as it is. XLA ends a process that gives it a flag it does not
    know, so each is tried in another process first; an unknown one is left out, with a warning.
    """
    of_user = environment.get("XLA_FLAGS", "")
    if environment.get("JAX_PLATFORMS") == "cpu" or not any(
        importlib.util.find_spec(plugin) for plugin in CUDA_PLUGINS
    ):
        return
    flags = [f"--{name}={value}" for name, value in GPU_FLAGS.items() if name not in of_user]
    if not _is_known(flags):
        unknown = [flag for flag in flags if not _is_known([flag])]
        logging.warning("this version of XLA does not know %s", ", ".join(unknown))
        flags = [flag for flag in flags if flag not in unknown]
    if flags:
        environment["XLA_FLAGS"] = " ".join(filter(None, [of_user, *flags]))


def _is_known(flags: Iterable[str]) -> bool:
    """Say whether the installed XLA starts with these flags."""
    program = "import os, sys; os.environ['XLA_FLAGS'] = sys.argv[1]\n"
    program += "from jaxlib import xla_client; xla_client.make_cpu_client()"
    return not subprocess.run(
        [sys.executable, "-c", program, " ".join(flags)], capture_output=True
    ).returncode


def keep_programs(folder: pathlib.Path, least_seconds: float = 1.0) -> None:
    """Keep compiled programs in a folder, so that the next start need not compile them.

    A folder that the user chose (JAX_COMPILATION_CACHE_DIR) stays. A program's name there covers
    what it depends on: code, versions, devices, flags.

    Args:
      folder: made where it is not there.
      least_seconds: programs that take less to compile are not kept.
    """
    import jax  # `set_gpu_flags` comes before it

    if jax.config.jax_compilation_cache_dir is None:
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", least_seconds)

"""How XLA compiles: its flags for GPUs, and the cache of compiled programs."""

import importlib.util
import pathlib
import subprocess
import sys
from collections.abc import Iterable, MutableMapping

from absl import logging

# Few flags: a step's gradients are already one message (`messages`), so thresholds for combining
# all-reduces would have no effect.
GPU_FLAGS = {
    # BatchNorm's all-reduces overlap with convolutions that do not depend on them; NVIDIA's own
    # JAX images set it, too.
    "xla_gpu_enable_latency_hiding_scheduler": "true",
    # No sums of undefined order: a resumed run ends exactly as an uninterrupted one.
    "xla_gpu_exclude_nondeterministic_ops": "true",
}
CUDA_PLUGINS = ("jax_cuda12_plugin", "jax_cuda13_plugin")


def set_gpu_flags(environment: MutableMapping[str, str]) -> None:
    """Add GPU_FLAGS to XLA_FLAGS if jax can use NVIDIA GPUs; call this before jax is used.

    Flags that XLA_FLAGS already sets are left alone. XLA aborts a process that passes it an unknown
    flag, so they are tried in another process first; unknown ones are left out with a warning.
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
    """Cache compiled programs in a folder, so that the next start need not compile them.

    A folder that the user has chosen (JAX_COMPILATION_CACHE_DIR) takes precedence. A program's key
    in the cache covers what it depends on: code, versions, devices, flags.

    Args:
      folder: created if missing.
      least_seconds: programs that compile faster than this are not cached.
    """
    import jax  # not at the top: `set_gpu_flags` must run before this

    if jax.config.jax_compilation_cache_dir is None:
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", least_seconds)

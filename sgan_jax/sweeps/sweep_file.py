"""Read a sweep file and check all its runs before any starts.

A sweep file is plain Python. Its function `runs` yields (name, config, overrides): the name of the
run's folder, a config file as --config takes it (`configs/bl_05.py:supervised`), and a dict from
dotted keys to values (`{"seed": 1}`).
"""

import difflib
import pathlib
import re
import runpy
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import ml_collections
from absl import flags
from ml_collections import config_flags

from sgan_jax import config as configuration

PROGRAM = (sys.executable, "-m", "sgan_jax.main")


class Run(NamedTuple):
    """One run of a sweep."""

    name: str
    flags: tuple[str, ...]  # of the program, without --workdir
    config: ml_collections.ConfigDict  # that the program makes of the flags

    def command(self, runs_dir: pathlib.Path, program: Sequence[str] = PROGRAM) -> list[str]:
        """Return the command line that starts or resumes the run."""
        # However this was started (by Slurm, in a pod), each run is a single process.
        return [*program, *self.flags, f"--workdir={runs_dir / self.name}", "--num_processes=1"]


def read(path: pathlib.Path, settings: Sequence[str] = ()) -> list[Run]:
    """Return the runs of a sweep file, with --config.KEY=VALUE settings added to each.

    Raises:
      ValueError: the file is not a sweep, or one of its runs has invalid settings.
    """
    if not path.is_file():
        raise ValueError(f"{path} does not exist; use one of configs/sweeps/")
    listed = runpy.run_path(str(path)).get("runs")
    if not callable(listed):
        raise ValueError(f"{path} has no function runs() that yields (name, config, overrides)")
    runs: dict[str, Run] = {}
    for entry in listed():
        try:
            name, config, overrides = entry
        except (TypeError, ValueError):
            raise ValueError(f"{path}: {entry!r} is not (name, config, overrides)") from None
        if not re.fullmatch(r"\w[\w.+=-]*", str(name)):
            raise ValueError(f"{path}: {name!r} is not a folder name; use letters, digits, _-.=")
        if name in runs:
            raise ValueError(f"{path}: two runs are named {name!r}")
        try:
            runs[name] = _run(name, config, overrides, settings)
        except ValueError as error:
            raise ValueError(f"{path}, run {name}: {error}") from error
    if not runs:
        raise ValueError(f"{path} lists no runs")
    _check_all_differ(path, runs.values())
    return list(runs.values())


def _check_all_differ(path: pathlib.Path, runs: Iterable[Run]) -> None:
    names: dict[str, str] = {}
    for run in runs:
        same = names.setdefault(configuration.config_hash(run.config), run.name)
        if same != run.name:
            raise ValueError(f"{path}: the runs {same} and {run.name} are the same experiment")


def _run(name: str, config: str, overrides: Mapping[str, Any], settings: Sequence[str]) -> Run:
    file = config.partition(":")[0]
    if not pathlib.Path(file).is_file():
        raise ValueError(
            f"{file} does not exist; run this where configs/ is, or give its full path"
        )
    given = [f"--config.{key}={_text(key, value)}" for key, value in overrides.items()]
    arguments = (f"--config={config}", *given, *settings)
    for argument in arguments[1:]:
        _check_key(argument)
    parsed = _parse(arguments)
    configuration.validate(parsed)
    return Run(name, arguments, parsed)


def _text(key: str, value: Any) -> str:
    if value is None:
        raise ValueError(f"{key} is None; omit it to keep the config file's value")
    return str(value)


def _check_key(argument: str) -> None:
    match = re.match(r"--config\.([\w.]+)=", argument)
    if match is None:
        raise ValueError(f"{argument!r} is not --config.KEY=VALUE")
    known = list(configuration.flatten(configuration.base("bl", 5, "sgan")))
    if match[1] not in known:
        section = f"{match[1].partition('.')[0]}."
        like = difflib.get_close_matches(match[1], known, n=3, cutoff=0.5)
        there = like or [key for key in known if key.startswith(section)] or known
        raise ValueError(f"{match[1]} does not exist; use one of {', '.join(there)}")


def _parse(arguments: Sequence[str]) -> ml_collections.ConfigDict:
    """Return the configuration that the program makes of its flags, with its own parser."""
    values = flags.FlagValues()
    argv = ["main", *arguments]
    config = config_flags.DEFINE_config_file("config", flag_values=values, sys_argv=argv)
    try:
        values(argv)
        return config.value
    except OSError as error:
        raise ValueError(" ".join(str(error).split())) from error
    except (flags.Error, AttributeError, KeyError, TypeError, ValueError) as error:
        # ml_collections includes a traceback in its messages; the reason is the last line.
        raise ValueError(str(error).strip().splitlines()[-1]) from error

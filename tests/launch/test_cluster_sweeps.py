"""A Slurm array and a Kubernetes Job, executed by stand-ins for sbatch, srun and the kubelet."""

import os
import pathlib
import re
import shlex
import signal
import subprocess

import pytest
import yaml
from sweep_stage import ROOT, Stage

from sgan_jax.sweeps import indexed_job, slurm_array

TOOLS = {
    "sbatch": 'cp "${@: -1}" "$OUT/array.sh"; echo "Submitted batch job 42"',
    # Options first, then the program.
    "srun": 'while [[ $1 == -* ]]; do [[ $1 == --unbuffered ]] || shift; shift; done; exec "$@"',
    "scontrol": 'echo "$*" > "$OUT/scontrol"',
}


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """Return a stage on a cluster."""
    for folder in ("tools", "out"):
        (tmp_path / folder).mkdir()
    for name, text in TOOLS.items():
        tool = tmp_path / "tools" / name
        tool.write_text(f"#!/bin/bash\n{text}\n")
        tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "tools"), prepend=":")
    monkeypatch.setenv("OUT", str(tmp_path / "out"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return Stage(tmp_path)


def element(slurm: Stage, index: int, **environment: str) -> subprocess.Popen:
    """Start an element of the array as Slurm does, in the working directory of sbatch."""
    variables = {
        "SLURM_JOB_ID": str(42 + index),
        "SLURM_ARRAY_JOB_ID": "42",
        "SLURM_ARRAY_TASK_ID": str(index),
        "SLURM_NTASKS": "1",
        "SLURM_PROCID": "0",
        "SLURM_LOCALID": "0",
    }
    return subprocess.Popen(
        ["bash", slurm.folder / "out/array.sh"],
        cwd=slurm.folder,
        env=os.environ | variables | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_a_slurm_array_trains_what_is_not_finished(slurm):
    assert slurm.run("four.py", "--only=p10_0")[0] == 0
    options = ("--backend=slurm", "--parallel=2", "--slurm=partition=gpu,time=60,gpus_per_node=8")
    status, out, err = slurm.run("four.py", *options)
    assert status == 0, err
    assert "submitted 3 runs as the Slurm array 42" in out
    script = (slurm.folder / "out/array.sh").read_text()
    asked = dict(re.findall(r"^#SBATCH --([\w-]+)=(.*)$", script, re.MULTILINE))
    assert asked["array"] == "0-2%2"
    assert asked["partition"] == "gpu"
    assert asked["time"] == "60"
    assert asked["gpus-per-node"] == "8"
    assert asked["job-name"] == "four"
    assert asked["signal"] == "USR2@180"
    assert slurm.starts("p50_1") == []
    for index in range(3):
        assert element(slurm, index).wait(timeout=60) == 0
    for name in ("p10_0", "p10_1", "p50_0", "p50_1"):
        assert slurm.starts(name) == [0]
        assert (slurm.runs / name / "test_metrics.json").is_file()
    assert slurm.run("four.py", *options)[1] == ""  # nothing is left to submit


def test_an_element_whose_time_is_up_saves_and_is_queued_again(slurm):
    options = ("--backend=slurm", "--only=p10", "--slurm=time=60")
    assert slurm.run("four.py", *options)[0] == 0
    process = element(slurm, 1, STEP_SECONDS="30")
    workdir = slurm.runs / "p10_1"
    slurm.wait_for(workdir / "metrics.jsonl")
    run = int((workdir / "pid").read_text())
    parent = int(pathlib.Path(f"/proc/{run}/stat").read_text().split()[3])
    os.kill(run, signal.SIGUSR2)  # Slurm signals all processes of the element
    os.kill(parent, signal.SIGUSR2)
    process.wait(timeout=60)
    with pytest.raises(ProcessLookupError):
        os.kill(run, 0)
    assert (slurm.folder / "out/scontrol").read_text() == "requeue 42_1\n"
    assert not (workdir / "test_metrics.json").exists()
    assert element(slurm, 1).wait(timeout=60) == 0
    first, second = slurm.starts("p10_1")
    assert first == 0
    assert second == 1
    assert (workdir / "test_metrics.json").is_file()


@pytest.mark.parametrize(
    ("option", "said"),
    [("partion=gpu", "--slurm=partion=... does not exist; use one of"), ("gpu", "not KEY=VALUE")],
)
def test_a_wrong_option_of_slurm_is_named(slurm, option, said):
    status, _, err = slurm.run("four.py", "--backend=slurm", f"--slurm={option}")
    assert status == 1
    assert said in err
    assert not (slurm.folder / "out/array.sh").exists()


def test_without_slurm_it_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ValueError, match="srun"):
        slurm_array.submit([["true"]], folder=tmp_path, name="a", parallel=1, options={})


def test_a_command_that_fails_fails_the_element():
    slurm_array.Resumable(["true"])()
    with pytest.raises(subprocess.CalledProcessError):
        slurm_array.Resumable(["false"])()


def pods(manifest: dict) -> list[list[str]]:
    """Return the command of each pod of an Indexed Job, with its variables expanded."""
    (container,) = manifest["spec"]["template"]["spec"]["containers"]
    words = [*container["command"], *container["args"]]
    assert not any("$(" in word.replace("$$", "") for word in words)
    words = [word.replace("$$", "$") for word in words]
    return [
        subprocess.run(
            words,
            env={"PATH": os.environ["PATH"], "JOB_COMPLETION_INDEX": str(index)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split("\0")[:-1]
        for index in range(manifest["spec"]["completions"])
    ]


def test_each_index_runs_its_own_command_word_for_word():
    show = ["printf", r"%s\0"]
    commands = [[*show, "a b", "$HOME", "$(HOME)"], [*show, "it's", '"', "*", "\\"], [*show, "c"]]
    job = indexed_job.manifest(
        commands, name="T_4.x", image="i", claim="c", mount="/scratch", gpus=0, parallel=9
    )
    assert pods(job) == [command[2:] for command in commands]
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", job["metadata"]["name"])
    assert job["spec"]["parallelism"] == 3


def test_a_sweep_is_written_as_an_indexed_job(tmp_path):
    stage = Stage(tmp_path)
    options = ("--backend=k8s", "--parallel=2", "--gpus=8", "--image=here/sgan:1", "--claim=disk")
    status, out, err = stage.run("four.py", *options, "--runs_dir=/scratch/runs/four")
    assert status == 0, err
    assert "kubectl apply -f four.yaml" in out
    job = yaml.safe_load((tmp_path / "four.yaml").read_text())
    spec = job["spec"]
    assert (job["apiVersion"], job["kind"], spec["completionMode"]) == (
        "batch/v1",
        "Job",
        "Indexed",
    )
    assert (spec["completions"], spec["parallelism"]) == (4, 2)
    # The API requires restartPolicy Never with backoffLimitPerIndex and podFailurePolicy.
    assert spec["template"]["spec"]["restartPolicy"] == "Never"
    (container,) = spec["template"]["spec"]["containers"]
    assert container["image"] == "here/sgan:1"
    assert container["resources"] == {"limits": {"nvidia.com/gpu": 8}}
    (volume,) = spec["template"]["spec"]["volumes"]
    assert volume["persistentVolumeClaim"]["claimName"] == "disk"
    commands = [shlex.split(line) for line in container["args"]]
    assert [command[:3] for command in commands] == 4 * [["python", "-m", "sgan_jax.main"]]
    workdirs = [word for command in commands for word in command if word.startswith("--workdir")]
    names = ("p10_0", "p10_1", "p50_0", "p50_1")
    assert workdirs == [f"--workdir=/scratch/runs/four/{name}" for name in names]
    # A pod has JOB_COMPLETION_INDEX: without this jax takes the four for one run of four processes.
    assert all("--num_processes=1" in command for command in commands)

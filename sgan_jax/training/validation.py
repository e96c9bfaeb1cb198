"""Validation of a run, which selects the best checkpoint."""

from collections.abc import Callable
from typing import Any

import jax
import ml_collections

from sgan_jax.evaluation import metrics as counts
from sgan_jax.training import batches, experiment, feeding, parallel, steps
from sgan_jax.training.state import evaluated_params


def make_validation(
    config: ml_collections.ConfigDict,
    data: experiment.Data,
    feed: feeding.Feed,
    should_stop: Callable[[], bool],
) -> Callable[[Any], dict[str, float] | None]:
    """Make state -> loss and accuracy on the validation part; padding does not count.

    The function returns None as soon as `should_stop`, called after each batch, is true.
    """
    networks = experiment.make_networks(config, len(data.classes))
    evaluate = parallel.make_parallel_evaluation(steps.make_evaluation_step(networks.discriminator))

    def validate(state: Any) -> dict[str, float] | None:
        params = evaluated_params(state)
        total = None
        here = parallel.local_devices()
        for positions, mask in batches.padded_batches(
            len(data.split.validation),
            devices=parallel.device_count(),
            batch_size=config.eval.batch_size,
        ):
            counted, _ = evaluate(
                params, *feed.evaluation("validation", positions[here]), mask[here]
            )
            total = counted if total is None else counts.add(total, counted)
            jax.block_until_ready(total)  # else all batches are dispatched before the first check
            if should_stop():
                return None
        summary = counts.summary(jax.device_get(total))
        return {"loss": summary["loss"], "accuracy": summary["top1"]}

    return validate

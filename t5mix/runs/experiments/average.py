"""The mean of a run's checkpoints, as a run folder of its own: whatever takes a checkpoint takes it.

Checkpoints of one training lie near each other, and the mean of their weights is often better than the last (Izmailov
et al. 2018, https://arxiv.org/abs/1803.05407; T5's `transform_checkpoints average_last_n`).
"""

import os
import shutil
from collections.abc import Sequence
from typing import Any

import numpy as np

from t5mix.internal.files import write_json
from t5mix.internal.terminal import Progress, say
from t5mix.mesh.engine import State, jax
from t5mix.mesh.interop.safe_files import new_folder
from t5mix.mesh.optimizers.step_config import StepConfig
from t5mix.mesh.t5.fine_tuning.settings import lora
from t5mix.runs.components import Components
from t5mix.runs.preflight.checks import Checked
from t5mix.runs.records.record import beginning
from t5mix.runs.records.run_folder import CheckpointPath, Trained
from t5mix.training.checkpoints import Checkpoints
from t5mix.training.starting import SLOTS_SINCE, STEP, as_trained, as_written, step_of


def average(checked: Checked, steps: Sequence[int], output: str) -> None:
    """Writes the mean of checkpoints as the checkpoint of the last of these steps, in a new run folder.

    Weights are summed in float64. Optimizer slots are those of the last step. Of LoRA the mean is that of the whole
    weights, in which it is added up.

    Args:
        checked: the settings, and a checkpoint of the training.
        steps: of the checkpoints, ascending; two at least.
        output: a new folder, which appears when complete. For `FOLDER/finetune/TASK` the checkpoint is in
            `OUTPUT/finetune/TASK`.
    """
    newest = checked.checkpoint
    assert newest is not None
    checkpoints, last = Checkpoints(newest.trained.checkpoints), steps[-1]
    engine = Components(checked.run, checked.provider).engine()
    extra = checkpoints.extra(last)
    added_up = isinstance(step_of(extra).trained, lora)
    read = as_trained if added_up else as_written
    sums: dict[str, np.ndarray] = {}
    with Progress(what="averaging") as progress:
        for number, step in enumerate(steps):
            progress.tell("averaging", number, len(steps), f"step {step}")
            state = read(checkpoints, step, engine)
            for name, value in _weights(state).items():
                sums[name] = np.asarray(value, np.float64) + sums.get(name, 0.0)
    for name, total in sums.items():  # into the state of the last step
        state[name] = jax.device_put(np.asarray(total / len(steps), np.float32), state[name].sharding)
    if added_up:
        extra = {**extra, STEP: StepConfig().description(), SLOTS_SINCE: last}
    _write(newest, last, state, {**extra, "averaged": list(steps)}, output, steps)
    say(f"the mean of the checkpoints of steps {', '.join(map(str, steps))} is in {output}")


def _weights(state: State) -> dict[str, Any]:
    return {name: value for name, value in state.items() if "_slot_" not in name}


def _write(
    newest: CheckpointPath, last: int, state: State, extra: dict[str, Any], output: str, steps: Sequence[int]
) -> None:
    run = newest.run
    with new_folder(output) as place:
        for path in (run.config, run.operative_config, run.versions, run.lineage):
            if path.is_file():
                shutil.copyfile(path, place / path.name)
        trained = Trained(place / os.path.relpath(newest.trained.path, run.path))
        trained.path.mkdir(parents=True, exist_ok=True)
        Checkpoints(trained.checkpoints).save(last, state, extra)
        begun = beginning(CheckpointPath(run, newest.trained, last))
        task = {"task": newest.task} if newest.is_fine_tuned else {}
        write_json(trained.start, {**task, **begun, "averaged": list(steps)})

"""A checkpoint's weights to be used: as they were trained, with what was trained alone put onto them."""

import contextlib

from t5mix.mesh.engine import Engine, State
from t5mix.mesh.interop.trained_alone import read_trained
from t5mix.mesh.optimizers.step_config import StepConfig
from t5mix.runs.run_folder import CheckpointPath
from t5mix.training.checkpoints import Checkpoints
from t5mix.training.starting import as_trained


def state_to_use(checkpoint: CheckpointPath, engine: Engine) -> State:
    """Returns what a checkpoint predicts with; with LoRA added up.

    Args:
        checkpoint: of a run.
        engine: of its model.

    Raises:
        ValueError: what was trained alone was trained on other weights.
    """
    keep = len(checkpoint.trained.steps())
    with contextlib.closing(Checkpoints(checkpoint.trained.checkpoints, keep)) as checkpoints:
        state = as_trained(checkpoints, checkpoint.step, engine)
    if checkpoint.trained_alone is None:
        return state
    alone = read_trained(checkpoint.trained_alone)
    weights = {name: value for name, value in state.items() if "_slot_" not in name}
    return engine.with_step(StepConfig(trained=alone.beside)).initialize(0, alone.onto(weights))

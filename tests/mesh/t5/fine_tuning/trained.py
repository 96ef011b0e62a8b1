"""Engines that train a part of a small model, and steps with them."""

import numpy as np

from t5mix.mesh.engine import Engine
from t5mix.mesh.layouts import MeshConfig
from t5mix.mesh.optimizers.step_config import StepConfig
from tests.mesh.small import BATCH, LENGTHS, batch, config

LOOP = {"num_encoder_layers": 2, "num_decoder_layers": 2, "block_loop": "kept"}


def engine(trained=None, shape: str = "batch:1", optimizer=None, micro_batches: int = 1, **changes) -> Engine:
    if changes.get("architecture") in ("language_model", "prefix_lm"):
        changes["num_encoder_layers"] = 0
    settings = {name: value for name, value in (("trained", trained), ("optimizer", optimizer)) if value is not None}
    step = StepConfig(micro_batches=micro_batches, **settings)
    return Engine(config(**changes), MeshConfig(shape=shape), batch_size=BATCH, lengths=LENGTHS, num_tasks=3, step=step)


def values(state) -> dict[str, np.ndarray]:
    return {name: np.asarray(value).copy() for name, value in state.items()}


def after(on: Engine, steps: int = 2, start: dict | None = None):
    """Returns the arrays before and after steps, and the losses."""
    state = on.initialize(seed=0)
    for name, value in (start or {}).items():
        state[name] = value
    before, losses = values(state), []
    for step in range(steps):
        state, metrics = on.train_step(state, unpacked(step), learning_rate=1e-2, step=step, seed=0)
        losses.append(float(metrics.loss))
    return before, values(state), losses


def unpacked(seed: int) -> dict[str, np.ndarray]:
    """A batch of one example a row."""
    packed = batch(seed)
    for name in ("inputs", "targets"):
        first = packed[f"{name}_segment_ids"] == 1
        packed[name] = np.where(first, packed[name], 0).astype(np.int32)
        packed[f"{name}_segment_ids"] = first.astype(np.int32)
    packed["targets_task"] = np.where(packed["targets_segment_ids"] == 1, packed["targets_task"], -1).astype(np.int32)
    return packed


def changed(before: dict, found: dict) -> set[str]:
    """Returns the weights that are not bit for bit what they were."""
    return {name for name in before if "_slot_" not in name and not np.array_equal(before[name], found[name])}


def trained_names(on: Engine) -> set[str]:
    return {variable.name for variable in on.trained_weights}


def slot_owners(on: Engine) -> set[str]:
    return {variable.name.split("_slot_")[0] for variable in on.variables if not variable.trainable}

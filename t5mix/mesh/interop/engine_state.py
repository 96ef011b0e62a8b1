"""Weights of a checkpoint, laid out on an engine's mesh; and the other way, an engine's weights for an export."""

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from t5mix.mesh.engine import Engine, State
from t5mix.mesh.interop.weights import ExpectedWeight, LazyArray, Weights, match
from t5mix.mesh.t5.fine_tuning.selection import is_added


def initial_state(engine: Engine, weights: Weights, source: str, seed: int = 0) -> State:
    """Returns the state that training starts from: the checkpoint's weights, and an optimizer that has seen nothing.

    One weight at a time is in this process's memory besides those on the devices.

    Args:
        engine: the model on its mesh.
        weights: by t5mix's names.
        source: of the checkpoint, for errors.
        seed: of what training adds to T5's weights: LoRA, adapters, a prompt.

    Raises:
        ValueError: a weight is missing, of another shape than the engine's, or too many.
    """
    own = [variable for variable in engine.variables if variable.trainable and not is_added(variable.name)]
    arrays = match([ExpectedWeight(v.name, v.name, v.shape) for v in own], weights, source)
    given = {v.name: engine.spread(v.name, arrays[v.name].float32()) for v in own}
    return engine.initialize(seed, given)


def weights_of_state(engine: Engine, state: Mapping[str, Any]) -> dict[str, LazyArray]:
    """Returns the weights of a state, without the optimizer's slots, to be read one by one."""
    return {
        variable.name: LazyArray(variable.shape, "float32", functools.partial(_value, state, variable.name))
        for variable in engine.variables
        if variable.trainable
    }


def _value(state: Mapping[str, Any], name: str) -> np.ndarray:
    return np.asarray(state[name])

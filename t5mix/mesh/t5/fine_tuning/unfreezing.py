"""Gradual unfreezing (Raffel et al. 2020, section 3.5.1): when each weight begins to be trained.

episode     0                   1                  ...   12
trained     top block of        top two blocks           all blocks
            both stacks         of both
always      embedding, output layer, last norm of each stack
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from t5mix.mesh.t5.fine_tuning.settings import gradual_unfreezing

_LAYER = re.compile(r"([^/]+)/layer_(\d+)/")


def first_steps(options: gradual_unfreezing, names: Sequence[str], layers_of_a_block: Mapping[str, int]) -> list[int]:
    """Returns the step at which each weight is trained for the first time, counted from 0.

    Args:
        options: how fast.
        names: of all weights.
        layers_of_a_block: how many layers a block of each stack has, by the stack's name.
    """
    found = {name: match for name in names if (match := _LAYER.match(name))}

    def block(name: str) -> int:
        return int(found[name][2]) // layers_of_a_block[found[name][1]]

    top = {
        stack: max((block(name) for name in found if found[name][1] == stack), default=0) for stack in layers_of_a_block
    }

    def first_step(name: str) -> int:
        if name not in found:
            return 0
        return math.ceil((top[found[name][1]] - block(name)) * options.steps_per_layer)

    return [first_step(name) for name in names]


def trained_yet(
    gradients: Sequence[Any], counts: Sequence[int], first_steps: Sequence[int] | None, step: int
) -> list[Any]:
    """Returns gradients with 0 in place of those of variables that are not trained yet.

    Args:
        gradients: JAX's arrays; that of several variables has them in its first dimension.
        counts: of each array's variables.
        first_steps: at which each variable begins to be trained, array by array; None where all are from the start.
        step: of the training.
    """
    if first_steps is None:
        return list(gradients)
    result, first = [], 0
    for gradient, count in zip(gradients, counts, strict=True):
        waiting = [number for number in range(count) if first_steps[first + number] > step]
        first += count
        if len(waiting) == count:
            gradient = gradient.at[...].set(0.0)
        elif waiting:
            gradient = gradient.at[np.array(waiting)].set(0.0)
        result.append(gradient)
    return result

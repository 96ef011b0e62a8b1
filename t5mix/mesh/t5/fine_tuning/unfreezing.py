"""Gradual unfreezing (Raffel et al. 2020, section 3.5.1): when each weight begins to be trained.

episode     0                   1                  ...   12
trained     top block of        top two blocks           all blocks
            both stacks         of both
always      embedding, output layer, last norm of each stack
"""

import math
import re
from collections.abc import Sequence

from t5mix.mesh.t5.fine_tuning.settings import gradual_unfreezing

_LAYER = re.compile(r"([^/]+)/layer_(\d+)/([^/]+)/")
_NORM = "rms_norm"


def first_steps(options: gradual_unfreezing, names: Sequence[str]) -> list[int]:
    """Returns the step at which each weight is trained for the first time, counted from 0.

    Args:
        options: how fast.
        names: of all weights.
    """
    found = {name: match for name in names if (match := _LAYER.match(name))}
    parts: dict[str, set[str]] = {}
    layers: dict[str, int] = {}
    for match in found.values():
        stack, layer, part = match[1], int(match[2]), match[3]
        parts.setdefault(stack, set()).update({part} - {_NORM})
        layers[stack] = max(layers.get(stack, 0), layer + 1)

    def first_step(name: str) -> int:
        if name not in found:
            return 0
        stack, layer = found[name][1], int(found[name][2])
        size = len(parts[stack])  # layers of a block
        above = layers[stack] // size - 1 - layer // size
        return math.ceil(above * options.steps_per_layer)

    return [first_step(name) for name in names]

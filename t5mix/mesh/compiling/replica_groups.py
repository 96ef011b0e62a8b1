"""Which cores take part in a collective, from the text that XLA writes."""

import itertools
import math
import re

import numpy as np


def first_group(rest: str, number: int) -> list[int]:
    """Returns the cores that work together with the first one.

    XLA writes groups as a list, `{{0,1},{2,3}}`; as a reshaped count, `[2,2]<=[4]` or `[2,2]<=[2,2]T(1,0)`; or by axes
    of a mesh, `mesh['a'=2,'b'=2] {'b'}`.

    Args:
        rest: attributes of the collective.
        number: cores of the program; the group where none is written.
    """
    text = rest.split("replica_groups=", 1)[-1] if "replica_groups=" in rest else ""
    counted = re.match(r"\[([\d,]+)\]<=\[([\d,]+)\](?:T\(([\d,]+)\))?", text)
    if counted:
        shape, sizes = _numbers(counted[1]), _numbers(counted[2])
        order = _numbers(counted[3]) if counted[3] else range(len(sizes))
        cores = np.arange(math.prod(sizes)).reshape(sizes).transpose(order).reshape(shape)
        return [int(core) for core in cores[0]]
    by_axes = re.match(r"@?mesh\[([^\]]*)\](?:, device_ids=\(?\[?([^)]*?)\]?\))? ?\{([^}]*)\}", text)
    if by_axes:
        return _along(by_axes[1], by_axes[3])
    listed = re.match(r"\{\{([\d,]+)\}", text)
    return _numbers(listed[1]) if listed else list(range(number))


def _along(axes: str, chosen: str) -> list[int]:
    """Returns the cores from the first one along axes of a mesh, or along a part of one: `'a':(2)4`."""
    sizes = {name: int(size) for name, size in re.findall(r"'([^']*)'=(\d+)", axes)}
    strides = dict(zip(sizes, _strides(list(sizes.values())), strict=True))
    steps = []
    for name, before, part in re.findall(r"'([^']*)'(?::\((\d+)\)(\d+))?", chosen):
        size = int(part) if part else sizes[name]
        step = strides[name] * (sizes[name] // (int(before) * size) if part else 1)
        steps.append([step * place for place in range(size)])
    return [sum(places) for places in itertools.product(*steps)]


def _strides(sizes: list[int]) -> list[int]:
    return [math.prod(sizes[place + 1 :]) for place in range(len(sizes))]


def pairs(rest: str) -> list[list[int]]:
    """Returns who sends to whom in a permutation; empty where nobody does."""
    found = re.search(r"source_target_pairs=\{((?:\{\d+,\d+\},?)*)\}", rest)
    return [_numbers(pair) for pair in re.findall(r"\{(\d+,\d+)\}", found[1])] if found else []


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]

"""Which cores take part in a collective, from the text that XLA writes."""

import itertools
import math
import re

import numpy as np


def first_group(rest: str, number: int) -> list[int]:
    """Returns the cores that work together with the first one.

    XLA writes groups as a list, `{{0,1},{2,3}}`; as a reshaped count, `[2,2]<=[4]` or `[2,2]<=[2,2]T(1,0)`; or by axes
    of a mesh, `mesh['a'=2,'b'=2] {'b'}`, which may say in which order its cores are: `device_ids=([2,2]T(1,0))`.

    Args:
        rest: attributes of the collective.
        number: cores of the program; the group where none is written.
    """
    text = rest.split("replica_groups=", 1)[-1] if "replica_groups=" in rest else ""
    counted = re.match(r"\[([\d,]+)\]<=(\[[\d,]+\](?:T\([\d,]+\))?)", text)
    if counted:
        return _in_order(counted[2]).reshape(_numbers(counted[1]))[0].tolist()
    by_axes = re.match(r"@?mesh\[([^\]]*)\](?:, device_ids=\((.*?)\))? ?\{([^}]*)\}", text)
    if by_axes:
        places = _along(by_axes[1], by_axes[3])
        return places if by_axes[2] is None else _in_order(by_axes[2])[places].tolist()
    listed = re.match(r"\{\{([\d,]+)\}", text)
    return _numbers(listed[1]) if listed else list(range(number))


def _in_order(text: str) -> np.ndarray:
    """Returns cores in an order that is written as a list, `0,2,1,3`, or as that of a count: `[2,2]T(1,0)`."""
    counted = re.match(r"\[([\d,]+)\](?:T\(([\d,]+)\))?", text)
    if not counted:
        return np.array(_numbers(text))
    sizes = _numbers(counted[1])
    order = _numbers(counted[2]) if counted[2] else range(len(sizes))
    return np.arange(math.prod(sizes)).reshape(sizes).transpose(order).ravel()


def _along(axes: str, chosen: str) -> list[int]:
    """Returns the places from the first one along axes of a mesh, or along a part of one: `'a':(2)4`."""
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

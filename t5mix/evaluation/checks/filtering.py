"""How many examples the steps of a task make of raw ones: the rate of a task counts the raw ones."""

import functools
from collections.abc import Mapping
from typing import Any

from t5mix import preprocessors
from t5mix.declarations.task import Task
from t5mix.evaluation.checks.samples import step_for_lengths
from t5mix.internal.code import signatures
from t5mix.preprocessors.mapping import map_seed_manager
from t5mix.preprocessors.pipeline import CacheDatasetPlaceholder

# Raw examples that are tried, and how many bytes they may have; a few of that size would tell nothing.
_RAW = 300
_BYTES = 8 << 20
_FEWEST = 20
# Steps that are no maps of one example each by their form.
_ONE_OF_ONE = ("tokenize", "tokenize_and_append_eos", "append_eos", "append_eos_after_trim", "rekey", "parse_tsv")


def made_of_raw(task: Task, split: str, lengths: Mapping[str, int]) -> tuple[int, int] | None:
    """Returns how many of a split's first raw examples were tried, and how many examples the steps make of them.

    None is for tasks whose steps all make one example of one, or divide or join examples to a length, and where raw
    ones are too few or too large.
    """
    if step_for_lengths(task) or all(map(_makes_one_of_one, task.preprocessors)):
        return None
    source = task.source.get_dataset(split=split, shuffle=False).take(_RAW)
    raw = size = 0
    for example in source.as_numpy_iterator():
        size += _size(example)
        if size > _BYTES:
            break
        raw += 1
    if raw < _FEWEST:
        return None
    steps = [step for step in task.preprocessors if signatures.name(step) != "CacheDatasetPlaceholder"]
    with map_seed_manager(0):
        made = task.run_steps(source.take(raw), steps, {k: v for k, v in lengths.items() if k in task.output_features})
    return raw, sum(1 for _ in made)


def _makes_one_of_one(step: Any) -> bool:
    """Tells whether a step is known to make one example of each: a map, or one of this library's that finish one."""
    while isinstance(step, functools.partial):
        step = step.func
    if isinstance(step, CacheDatasetPlaceholder) or hasattr(step, "map_fn"):
        return True
    return any(step is getattr(preprocessors, name) for name in _ONE_OF_ONE)


def line(made: tuple[int, int] | None) -> str | None:
    """Returns what to tell a person, where steps make fewer examples than there were raw ones, or more."""
    if made is None or made[0] == made[1]:
        return None
    return f"of the first {made[0]:,} raw examples the steps make {made[1]:,}; a rate by examples counts the raw ones"


def _size(value: Any) -> int:
    if isinstance(value, Mapping):
        return sum(map(_size, value.values()))
    return int(getattr(value, "nbytes", 0)) or len(value if isinstance(value, bytes) else b"")

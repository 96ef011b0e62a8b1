"""The examples that are checked."""

import dataclasses
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from t5mix.declarations.task import Task
from t5mix.evaluation.examples import text_of
from t5mix.internal.code import signatures
from t5mix.preprocessors.mapping import map_seed_manager

Fields = Mapping[str, Any]

# Settles random steps, so that a check finds the same each time.
_SEED = 0


@dataclasses.dataclass(frozen=True)
class Sample:
    """The first examples of a split.

    Attributes:
        split: its name.
        rows: examples as a model gets them, trimmed, as NumPy arrays and bytes.
        untrimmed: the same without any length; empty where a step makes examples for a length.
    """

    split: str
    rows: tuple[Fields, ...]
    untrimmed: tuple[Fields, ...]


def read(task: Task, split: str, lengths: Mapping[str, int], limit: int) -> Sample:
    """Reads the first `limit` examples of a split."""
    lengths = _own(task, lengths)
    rows = tuple(_rows(task, split, lengths, limit))
    whole = () if step_for_lengths(task) else tuple(_rows(task, split, None, limit))
    return Sample(split, rows, whole)


def _own(task: Task, lengths: Mapping[str, int]) -> dict[str, int]:
    return {name: length for name, length in lengths.items() if name in task.output_features}


def step_for_lengths(task: Task) -> str | None:
    """Returns the name of the first step that makes examples for a length, such as span corruption, or None."""
    for step in task.preprocessors:
        name = signatures.name(step)
        if signatures.takes(step, "sequence_length") and not name.startswith("append_eos"):
            return name
    return None


def texts(task: Task, split: str, limit: int, lengths: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """Yields the (inputs, targets) of a split, of those that have none ""; see `raw_texts`."""
    for found in raw_texts(task, split, limit, lengths):
        yield found.get("inputs", ""), found.get("targets", "")


def raw_texts(task: Task, split: str, limit: int, lengths: Mapping[str, int]) -> Iterator[dict[str, str]]:
    """Yields the texts of features by name: before tokenization where a step tokenizes, else decoded.

    Args:
        task: the task.
        split: name of the split.
        limit: how many at most, the first ones.
        lengths: for steps that need them; texts are whole.
    """
    lengths = _own(task, lengths)
    steps = list(itertools.takewhile(lambda step: not signatures.name(step).startswith("tokenize"), task.preprocessors))
    if len(steps) == len(task.preprocessors):
        for row in _rows(task, split, lengths, limit, trim=False):
            yield {name: text_of(task, name, row) for name in ("inputs", "targets") if name in row}
        return
    dataset = task.source.get_dataset(split=split, shuffle=False)
    steps = [step for step in steps if signatures.name(step) != "CacheDatasetPlaceholder"]
    with map_seed_manager(_SEED):
        dataset = task.run_steps(dataset, steps, lengths)
    for row in dataset.take(limit).as_numpy_iterator():
        yield {name: _text(value) for name, value in row.items() if name in task.output_features}


def _rows(task: Task, split: str, lengths: Mapping[str, int] | None, limit: int, trim: bool = True) -> Iterator[Fields]:
    dataset = task.get_dataset(
        lengths,
        split=split,
        use_cached=task.requires_caching,
        shuffle=False,
        seed=_SEED,
        trim_output_features=trim,
        try_in_mem_cache=False,
    )
    yield from dataset.take(limit).as_numpy_iterator()


def _text(value: Any) -> str:
    value = value.tolist() if hasattr(value, "tolist") else value
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else repr(value)

"""The examples of one task, as the model gets them, at any (epoch, index).

What runs behind the token cache runs here: objectives and EOS in NumPy, one example at a time, with
noise that depends on (seed, task, epoch, index) alone; other steps through `tf.data`, an epoch at a time.
"""

import abc
import dataclasses
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from t5mix import fingerprints, objectives
from t5mix.stream import cache, columns, keys, whole_epochs
from t5mix.stream.endings import Ending, ending

# Lengths that depend on noise are measured on so many examples where all would take long.
_MEASURED = 1000


class Examples(abc.ABC):
    """A task's examples.

    Attributes:
      count: number of examples in an epoch.
    """

    count: int

    @abc.abstractmethod
    def lengths(self, epoch: int, indices: np.ndarray) -> np.ndarray:
        """Returns int64 [indices, features]: tokens of each feature of these examples."""

    @abc.abstractmethod
    def tokens(self, epoch: int, index: int) -> list[np.ndarray]:
        """Returns the token ids of each feature of an example, int32 [length], EOS included."""

    @abc.abstractmethod
    def truncates(self, indices: np.ndarray) -> np.ndarray:
        """Returns bool [indices, features]: which lose tokens, in epoch 0, because a row is short."""

    def sample(self) -> np.ndarray:
        """Returns indices to measure the task by: all, unless that takes long."""
        return np.arange(self.count)


@dataclasses.dataclass(frozen=True)
class CachedExamples(Examples):
    """Examples that are what the cache holds, but for their endings."""

    features: tuple[columns.TokenColumn, ...]
    endings: tuple[Ending, ...]

    @property
    def count(self) -> int:  # type: ignore[override]
        """Number of examples in an epoch."""
        return int(self.features[0].first_rows[-1])

    def lengths(self, epoch: int, indices: np.ndarray) -> np.ndarray:
        """See `Examples`."""
        return _columns(end.lengths(sizes) for end, sizes in self._sizes(indices))

    def tokens(self, epoch: int, index: int) -> list[np.ndarray]:
        """See `Examples`."""
        pairs = zip(self.endings, self.features, strict=True)
        return [end.apply(feature.row(index)) for end, feature in pairs]

    def truncates(self, indices: np.ndarray) -> np.ndarray:
        """See `Examples`."""
        return _columns(end.truncates(sizes) for end, sizes in self._sizes(indices))

    def _sizes(self, indices: np.ndarray) -> list[tuple[Ending, np.ndarray]]:
        pairs = zip(self.endings, self.features, strict=True)
        return [(end, feature.lengths[indices]) for end, feature in pairs]


@dataclasses.dataclass(frozen=True)
class ObjectiveExamples(Examples):
    """Examples that an objective makes of segments of text, with fresh noise in each epoch."""

    objective: objectives.Objective
    text: columns.TokenColumn | columns.EndedColumn
    segment_length: int
    sentinel: int
    names: tuple[str, ...]
    endings: tuple[Ending, ...]
    key: tuple[str | int, ...]

    @property
    def count(self) -> int:  # type: ignore[override]
        """Number of segments in an epoch."""
        return len(self._segments[0])

    @functools.cached_property
    def _segments(self) -> tuple[np.ndarray, np.ndarray]:
        """Where segments start and stop in the text of all documents."""
        size = self.segment_length
        if self.objective.merge_examples_to_reduce_padding:
            documents = np.array([self.text.first_tokens[-1]])
        else:
            documents = self.text.lengths
        ends = np.cumsum(documents)
        pieces = -(-documents // size)
        number = np.arange(pieces.sum()) - np.repeat(np.cumsum(pieces) - pieces, pieces)
        starts = np.repeat(ends - documents, pieces) + number * size
        return starts, np.minimum(starts + size, np.repeat(ends, pieces))

    def lengths(self, epoch: int, indices: np.ndarray) -> np.ndarray:
        """See `Examples`."""
        sizes = self._sizes(epoch, indices)
        return _columns(end.lengths(sizes[:, i]) for i, end in enumerate(self.endings))

    def truncates(self, indices: np.ndarray) -> np.ndarray:
        """See `Examples`."""
        sizes = self._sizes(0, indices)
        return _columns(end.truncates(sizes[:, i]) for i, end in enumerate(self.endings))

    def tokens(self, epoch: int, index: int) -> list[np.ndarray]:
        """See `Examples`."""
        made = self._made(epoch, index)
        pairs = zip(self.endings, made, strict=True)
        return [end.apply(ids) for end, ids in pairs]

    def sample(self) -> np.ndarray:
        """See `Examples`."""
        step = 1
        if self.objective.example_lengths(np.array([2])) is None:
            step = max(1, self.count // _MEASURED)
        return np.arange(0, self.count, step)

    def _sizes(self, epoch: int, indices: np.ndarray) -> np.ndarray:
        """Lengths before their endings, int64 [indices, features]."""
        starts, stops = self._segments
        both = self.objective.example_lengths(stops[indices] - starts[indices])
        if both is None:
            made = [[len(ids) for ids in self._made(epoch, int(index))] for index in indices]
            return np.array(made, dtype=np.int64).reshape(len(indices), len(self.names))
        places = {"inputs": 0, "targets": 1}
        nothing = np.zeros(len(indices), dtype=np.int64)
        return _columns(both[:, places[name]] if name in places else nothing for name in self.names)

    def _made(self, epoch: int, index: int) -> list[np.ndarray]:
        starts, stops = self._segments
        text = self.text.span(int(starts[index]), int(stops[index]))
        words = keys.philox(("noise", *self.key), epoch, index).random_raw
        example = self.objective.apply(text, words, self.sentinel)
        return [example.get(name, np.empty(0, np.int32)) for name in self.names]


@dataclasses.dataclass(frozen=True)
class EpochExamples(Examples):
    """Examples that `tf.data` makes, an epoch at a time, kept in memory."""

    epochs: whole_epochs.WholeEpochs
    endings: tuple[Ending, ...]

    @property
    def count(self) -> int:  # type: ignore[override]
        """Number of examples in an epoch."""
        return self.epochs.count

    def lengths(self, epoch: int, indices: np.ndarray) -> np.ndarray:
        """See `Examples`."""
        return self._cached(epoch).lengths(epoch, indices)

    def tokens(self, epoch: int, index: int) -> list[np.ndarray]:
        """See `Examples`."""
        return self._cached(epoch).tokens(epoch, index)

    def truncates(self, indices: np.ndarray) -> np.ndarray:
        """See `Examples`."""
        return self._cached(0).truncates(indices)

    def _cached(self, epoch: int) -> CachedExamples:
        return CachedExamples(self.epochs.features(epoch), self.endings)


@dataclasses.dataclass(frozen=True)
class TaskExamples:
    """A task on the stream.

    Attributes:
      examples: its examples.
      identity: hash of everything that decides them, but for seed and lengths.
    """

    examples: Examples
    identity: str


def open_examples(
    task: Any,
    split: str,
    lengths: Mapping[str, int],
    seed: int,
    folder: Path,
    progress: cache.Progress | None = None,
) -> TaskExamples:
    """Returns the examples of a task, making its token cache when there is none.

    Args:
      task: the task.
      split: the split of its source.
      lengths: for each feature of the stream its length in tokens.
      seed: decides the noise.
      folder: the folder of caches.
      progress: see `cache.Progress`.

    Raises:
      ValueError: naming the task, when its features do not fit the stream or it has no example.
    """
    _check_features(task, lengths)
    before, after = task.steps_before_cache, task.steps_after_cache
    plan = _native_plan(after)
    found = cache.cached_tokens(task, split, before, folder, plan is None, progress)
    examples = _examples(task, found.table, plan, lengths, (seed, task.name))
    if examples.count == 0:
        raise ValueError(f"task {task.name!r}, split {split!r}: the preprocessors behind the cache leave no example")
    steps = [cache.step_fingerprint(task, step) for step in after]
    return TaskExamples(examples, fingerprints.digest(found.key, steps))


def _examples(
    task: Any,
    table: pa.Table,
    plan: "_Plan | None",
    lengths: Mapping[str, int],
    key: tuple[str | int, ...],
) -> Examples:
    names = tuple(lengths)
    step = None if plan is None else plan.eos
    endings = tuple(ending(task, name, limit, step) for name, limit in lengths.items())
    if plan is None:
        return EpochExamples(whole_epochs.WholeEpochs(task, table, dict(lengths), key), endings)
    if plan.objective is None:
        features = tuple(columns.token_column(table, name) for name in names)
        return CachedExamples(features, endings)
    objective = plan.objective
    try:
        sentinel = objective.check(task.output_features, lengths)
        size = objective.segment_length(lengths)
    except ValueError as error:
        raise ValueError(f"task {task.name!r}: {error}") from error
    documents = columns.token_column(table, "targets")
    text: columns.TokenColumn | columns.EndedColumn = documents
    if objective.ends_documents:
        eos = ending(task, "targets", lengths["targets"], "append_eos").eos
        text = documents if eos is None else columns.EndedColumn(documents, eos)
    return ObjectiveExamples(objective, text, size, sentinel, names, endings, key)


@dataclasses.dataclass(frozen=True)
class _Plan:
    """Steps behind the cache that run in NumPy: at most an objective, then at most an EOS step."""

    objective: objectives.Objective | None
    eos: str | None


def _native_plan(steps: tuple[Any, ...]) -> _Plan | None:
    """Returns the plan of these steps, or None when `tf.data` must run them."""
    rest = list(steps)
    objective = objectives.as_objective(rest[0]) if rest else None
    if objective is not None:
        rest = rest[1:]
    if not rest:
        return _Plan(objective, None)
    name = _eos_step(rest[0])
    return _Plan(objective, name) if name is not None and len(rest) == 1 else None


def _eos_step(step: Any) -> str | None:
    from t5mix import preprocessors

    for name in ("append_eos", "append_eos_after_trim"):
        if step is getattr(preprocessors, name):
            return name
    return None


def _check_features(task: Any, lengths: Mapping[str, int]) -> None:
    surplus = [name for name in task.output_features if name not in lengths]
    if surplus:
        raise ValueError(
            f"task {task.name!r} has the feature {surplus[0]!r}, but the stream has lengths for "
            f"{list(lengths)} only; give its length"
        )
    for name, feature in task.output_features.items():
        if feature.rank != 1 or "int" not in str(feature.dtype):
            raise ValueError(
                f"task {task.name!r}, feature {name!r}: the stream takes lists of token ids, not "
                f"{feature.dtype} of rank {feature.rank}"
            )


def _columns(parts: Any) -> np.ndarray:
    return np.stack(list(parts), axis=1)

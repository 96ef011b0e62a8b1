"""Examples of many tasks at once; small tasks, which are read again and again, are held in memory."""

import functools

import numpy as np

from t5mix.data.examples.base import Examples, Ragged
from t5mix.internal.ragged import ranges

# Of a task with at most so many examples, the same in each epoch, the lengths are held; and of the smallest tasks, as
# long as they have at most so many in all.
_EXAMPLES, _EXAMPLES_IN_ALL = 1 << 12, 1 << 19
# If they have at most so many tokens, these are held too, by the same rule: 16 MiB in all.
_TOKENS, _TOKENS_IN_ALL = 1 << 13, 1 << 22


class Lengths:
    """Lengths of examples of several tasks; those of small tasks are held.

    Args:
        examples: the tasks' examples.
    """

    def __init__(self, examples: tuple[Examples, ...]) -> None:
        self._examples = examples
        counts = np.array([task.count for task in examples], dtype=np.int64)
        fixed = np.array([not task.varies for task in examples])
        few = fixed & _small(np.where(fixed, counts, 0), _EXAMPLES, _EXAMPLES_IN_ALL)
        held = [
            task.lengths(0, np.arange(task.count)).astype(np.int32) if keep else np.empty((0, 0), np.int32)
            for task, keep in zip(examples, few.tolist(), strict=True)
        ]
        self._is_held = np.array([len(lengths) > 0 for lengths in held])
        self._counts = np.array([len(lengths) for lengths in held])
        self._first = np.cumsum(self._counts) - self._counts
        some = [lengths for lengths in held if len(lengths)]
        self._held = np.concatenate(some) if some else np.empty((0, 0), np.int32)

    def tokens_in_memory(self) -> np.ndarray:
        """Tells which tasks have so few tokens that these are held in memory, too, bool [tasks]."""
        sums = np.append(0, np.cumsum(self._held.sum(axis=1, dtype=np.int64)))
        tokens = sums[self._first + self._counts] - sums[self._first]
        return self._is_held & _small(np.where(self._is_held, tokens, 0), _TOKENS, _TOKENS_IN_ALL)

    def of(self, task: np.ndarray, epoch: np.ndarray, index: np.ndarray) -> np.ndarray:
        """Returns the lengths of examples that are given task by task, epoch by epoch, int64 [examples, features]."""
        if len(task) == 0:
            return self._examples[0].lengths(0, np.arange(1))[:0]
        known = self._is_held[task]
        if known.all():
            return self._held[self._first[task] + index].astype(np.int64)
        parts = [
            self._held[self._first[number] + index[run]].astype(np.int64)
            if self._is_held[number]
            else self._examples[number].lengths(one, index[run])
            for number, one, run in runs(self._examples, task, epoch)
        ]
        return np.concatenate(parts)


def _small(sizes: np.ndarray, most_each: int, most_in_all: int) -> np.ndarray:
    """Tells which sizes are at most `most_each`, or among the smallest that are at most `most_in_all` together."""
    by_size = np.argsort(sizes, kind="stable")
    small = sizes <= most_each
    small[by_size] |= np.cumsum(sizes[by_size]) <= most_in_all
    return small


def runs(examples: tuple[Examples, ...], task: np.ndarray, epoch: np.ndarray) -> list[tuple[int, int, slice]]:
    """Returns (task, epoch, where) of runs of the same task, and the same epoch if that makes a difference."""
    varies = np.array([one.varies for one in examples])
    epoch = np.where(varies[task], epoch, 0)
    if len(task) == 0:
        return []
    begins = np.flatnonzero(np.append(True, (np.diff(task) != 0) | (np.diff(epoch) != 0)))
    stops = [*begins[1:], len(task)]
    return [
        (int(task[start]), int(epoch[start]), slice(int(start), int(stop)))
        for start, stop in zip(begins, stops, strict=True)
    ]


class SmallTasks:
    """The tokens of small tasks, one example behind the other.

    Args:
        examples: all tasks' examples.
        lengths: their lengths.
    """

    def __init__(self, examples: tuple[Examples, ...], lengths: Lengths) -> None:
        self.holds = lengths.tokens_in_memory()
        tasks = np.flatnonzero(self.holds).tolist()
        self._first = np.zeros(len(examples), dtype=np.int64)
        counts = np.array([examples[task].count for task in tasks], dtype=np.int64)
        self._first[tasks] = np.cumsum(counts) - counts
        self._read = functools.cache(lambda: _read(examples, tasks, lengths))

    def gather(self, task: np.ndarray, index: np.ndarray) -> list[Ragged]:
        """Returns the tokens of each feature of these examples."""
        rows = self._first[task] + index
        return [
            Ragged(values[ranges(starts[rows], lengths[rows])], lengths[rows])
            for values, starts, lengths in self._read()
        ]


def _read(
    examples: tuple[Examples, ...], tasks: list[int], known: Lengths
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Returns for each feature all tokens of these tasks, where each example begins, and its length."""
    all_of = [np.arange(examples[task].count) for task in tasks]
    task = np.repeat(np.array(tasks, dtype=np.int32), list(map(len, all_of)))
    lengths = known.of(task, np.zeros(len(task), np.int64), np.concatenate(all_of))
    # Arrays of their full size at once: parts joined at the end would take as much memory again.
    values = [np.empty(tokens, np.int32) for tokens in lengths.sum(axis=0).tolist()]
    done = [0] * len(values)
    for number, indices in zip(tasks, all_of, strict=True):
        for feature, tokens in enumerate(examples[number].gather(0, indices)):
            begin, done[feature] = done[feature], done[feature] + len(tokens.values)
            values[feature][begin : done[feature]] = tokens.values
        examples[number].release()
    assert done == [len(each) for each in values]
    sizes = np.ascontiguousarray(lengths.T)
    return [(each, np.cumsum(size) - size, size) for each, size in zip(values, sizes, strict=True)]

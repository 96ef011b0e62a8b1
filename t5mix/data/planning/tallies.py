"""Tokens of the examples that are fed, and what trimming takes of them.

A task's first n examples are its whole epochs, whose tokens are counted once where lengths do not depend on the epoch,
and the first ones of one more, in its own order. No token is read, only lengths.

Shapes: F features; a tally is int64 [3, F]: tokens, examples that lose some, tokens that they lose.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from t5mix.data.examples.base import Examples
from t5mix.data.mixing.mixer import Draws, Mixer
from t5mix.data.packing.windows import Fed

# Lengths that are looked up at once.
_AT_ONCE = 1 << 18
# Lengths that are looked up in all where estimates may stand in; one that an objective must make its example for
# counts for as many as take that long.
_LOOKED_UP, _MADE = 1 << 24, 1 << 8


def tally(examples: Examples, epoch: int, indices: np.ndarray) -> np.ndarray:
    """Returns the tally of these examples."""
    parts = [np.zeros((3, examples.lengths(0, np.arange(1)).shape[1]), np.int64)]
    for start in range(0, len(indices), _AT_ONCE):
        some = indices[start : start + _AT_ONCE]
        lost = examples.lost(epoch, some)
        parts.append(np.stack([examples.lengths(epoch, some).sum(axis=0), (lost > 0).sum(axis=0), lost.sum(axis=0)]))
    return np.stack(parts).sum(axis=0)


def of_first(mixer: Mixer, task: int, examples: Examples, count: int) -> np.ndarray:
    """Returns the tally of the first so many examples of a task."""
    epochs, rest = divmod(count, examples.count)
    last = tally(examples, epochs, mixer.epoch(task, epochs, 0, rest))
    if not epochs:
        return last
    every = np.arange(examples.count)
    if not examples.lengths_vary:
        return epochs * tally(examples, 0, every) + last
    return np.stack([last, *(tally(examples, epoch, every) for epoch in range(epochs))]).sum(axis=0)


def estimate(examples: Examples, count: int) -> np.ndarray:
    """Returns about the tally of so many examples: that of a sample, scaled."""
    sample = examples.sample()
    return np.round(tally(examples, 0, sample) * (count / len(sample))).astype(np.int64)


def of_draws(examples: Sequence[Examples], draws: Draws) -> np.ndarray:
    """Returns each task's tally of some draws, int64 [tasks, 3, F]."""
    by_task = [tally(one, 0, np.arange(0)) for one in examples]
    epochs = np.stack([draws.task.astype(np.int64), draws.epoch], axis=1)
    found, which = np.unique(epochs, axis=0, return_inverse=True) if len(epochs) else (epochs, np.arange(0))
    order = np.argsort(which.ravel(), kind="stable")
    stops = np.cumsum(np.bincount(which.ravel(), minlength=len(found)))
    for (task, epoch), some in zip(found.tolist(), np.split(order, stops[:-1]) if len(found) else (), strict=True):
        by_task[task] = by_task[task] + tally(examples[task], epoch, draws.index[some])
    return np.stack(by_task)


def of_fed(mixer: Mixer, examples: Sequence[Examples], fed: Fed, every: bool) -> tuple[np.ndarray, list[bool]]:
    """Returns each task's tally of what is fed.

    Args:
        mixer: of the stream.
        examples: each task's.
        fed: what is fed.
        every: look up the lengths of all of it, however long that takes.

    Returns:
        int64 [tasks, 3, F], and for each task whether it is that of the very examples, and not an estimate.
    """
    before = fed.before.tolist()
    work = {task: _work(examples[task], count) for task, count in enumerate(before)}
    measured = dict.fromkeys(work, True)
    left = _LOOKED_UP
    for task in sorted(work, key=lambda task: (work[task], task)):
        left -= work[task]
        measured[task] = every or left >= 0
    first = [
        of_first(mixer, task, one, before[task]) if measured[task] else estimate(one, before[task])
        for task, one in enumerate(examples)
    ]
    change = of_draws(examples, fed.more) - of_draws(examples, fed.waiting)
    return np.maximum(np.stack(first) + change, 0), list(measured.values())


def _work(examples: Examples, count: int) -> int:
    if examples.lengths_vary:
        return count * _MADE
    return count % examples.count + (examples.count if count >= examples.count else 0)


def by_feature(features: Sequence[str], numbers: np.ndarray) -> Mapping[str, int]:
    """Returns a number for each feature."""
    return {name: int(number) for name, number in zip(features, numbers, strict=True)}

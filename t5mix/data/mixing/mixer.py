"""Drawing examples: which example of which task each draw is."""

import copy
import dataclasses
from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np

from t5mix.data.examples.base import Examples
from t5mix.data.examples.in_memory import Lengths
from t5mix.data.mixing import permutation, weights
from t5mix.data.mixing.deadline_order import DeadlineOrder
from t5mix.data.mixing.intended import Intended
from t5mix.data.mixing.scheduled_order import ScheduledOrder
from t5mix.data.mixing.task_order import TaskOrder
from t5mix.internal import splitmix


@dataclasses.dataclass(frozen=True)
class Draws:
    """Examples, as numbers.

    Attributes:
        task: int32, number of the task.
        epoch: int64, the task's epoch.
        index: int64, the example within the epoch.
        lengths: int64 [examples, features], its tokens.
    """

    task: np.ndarray
    epoch: np.ndarray
    index: np.ndarray
    lengths: np.ndarray

    def take(self, which: np.ndarray | slice) -> "Draws":
        """Returns these examples."""
        return Draws(self.task[which], self.epoch[which], self.index[which], self.lengths[which])

    @classmethod
    def joined(cls, parts: Sequence["Draws"]) -> "Draws":
        """Returns the examples of all parts, one part behind the other."""
        fields = ([part.task, part.epoch, part.index, part.lengths] for part in parts)
        return cls(*(np.concatenate(field) for field in zip(*fields, strict=True)))


class Mixer:
    """Draws examples of tasks: the k-th of a task is the next of a random order of each of its epochs.

    Args:
        examples: each task's examples, by name.
        rates: each task's share, positive.
        seed: decides the order.
    """

    def __init__(
        self,
        examples: Mapping[str, Examples],
        rates: Mapping[str, float | Fraction],
        seed: int,
    ) -> None:
        self.names, self.seed = tuple(examples), seed
        self._mixing: DeadlineOrder = TaskOrder({name: rates[name] for name in examples}, seed)
        self._examples = tuple(examples.values())
        self._counts = np.array([task.count for task in self._examples], dtype=np.int64)
        self._words = np.array(
            [splitmix.key_words(("epochs", seed, name), 1)[0] for name in self.names], dtype=np.uint64
        )
        self.lengths = Lengths(self._examples)

    def by(self, intended: Intended) -> "Mixer":
        """Returns what draws the same examples by intended sums of its tasks."""
        made = copy.copy(self)
        made._mixing = ScheduledOrder(self.names, intended, self.seed)
        return made

    @property
    def end(self) -> int:
        """The number of draws, where they end."""
        return self._mixing.end

    def counts(self) -> list[int]:
        """Returns how many examples an epoch of each task has."""
        return self._counts.tolist()

    def before(self, draw: int) -> np.ndarray:
        """Returns how many examples of each task come before a draw, int64 [tasks]."""
        return self._mixing.before(draw)

    def epoch(self, task: int, epoch: int, start: int, stop: int) -> np.ndarray:
        """Returns the examples of a task at places `start` to before `stop` of an epoch's order, int64."""
        places = np.arange(start, stop)
        words = np.repeat(splitmix.hashed(self._words[[task]], np.array([epoch])), len(places))
        return permutation.permute_each(places, np.repeat(self._counts[[task]], len(places)), words)

    def draws(self, start: int, stop: int) -> Draws:
        """Returns the examples of draws `start` to before `stop`, in their order."""
        task = self._mixing.tasks(start, stop)
        by_task = np.argsort(task, kind="stable")
        in_order = np.empty_like(by_task)
        in_order[by_task] = np.arange(len(task))
        number = self._mixing.before(start)[task] + weights.rank_within(task)
        return self._examples_of(task[by_task], number[by_task]).take(in_order)

    def quota(self, start: int, stop: int, measured: bool = False) -> Draws:
        """Returns the examples of draws `start` to before `stop`, task by task.

        Args:
            start: the first draw.
            stop: the one behind the last.
            measured: give the lengths of epoch 0, where others would have to be made.
        """
        first, last = self._mixing.before(start), self._mixing.before(stop)
        counts = last - first
        task = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
        number = np.arange(len(task)) - np.repeat(np.cumsum(counts) - counts - first, counts)
        return self._examples_of(task, number, measured)

    def _examples_of(self, task: np.ndarray, number: np.ndarray, measured: bool = False) -> Draws:
        """Returns the number-th example of each task, given task by task, in ascending numbers."""
        size = self._counts[task]
        epoch, position = np.divmod(number, size)
        index = permutation.permute_each(position, size, splitmix.hashed(self._words[task], epoch))
        return Draws(task, epoch, index, self.lengths.of(task, 0 * epoch if measured else epoch, index))

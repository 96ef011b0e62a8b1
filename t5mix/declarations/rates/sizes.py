"""Rates by size: functions of a task that say how much of a mixture it is.

Rates are relative: 1.0 for every task mixes them equally. What the T5 paper calls
examples-proportional mixing with artificial limit K and temperature T (Raffel et al., 2020,
arXiv:1910.10683, section 3.5.2) is `mixing_rate_num_examples(maximum=K, temperature=T)`.
"""

import dataclasses
import fractions
import functools
import math
import numbers
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from t5mix.sources import seqio_caches

if TYPE_CHECKING:
    from t5mix.declarations.task import Task


def mixing_rate_num_examples(
    task: "Task",
    maximum: int | None = None,
    scale: float = 1.0,
    temperature: float = 1.0,
    fallback_to_num_input_examples: bool = True,
    split: str = "train",
) -> float:
    """Returns min(n * scale, maximum) ** (1 / temperature) of the n examples of `task`.

    n is the number of preprocessed examples when seqio has cached the task in a folder that
    `t5mix.set_global_cache_dirs` named, and else the number of raw ones.

    Args:
        task: the task.
        maximum: the artificial limit K; None is no limit. In seqio 0 is no limit either; here it is
            refused, since it reads like the opposite.
        scale: what n is multiplied by, before the limit.
        temperature: 1 is proportional; the rates approach each other as it grows.
        fallback_to_num_input_examples: whether raw examples are counted where there is no such cache.
        split: the split that is counted.

    Raises:
        ValueError: when an argument is no positive number, or the number of examples is not known.
        NotCachedError: when the task is not cached, and raw examples must not be counted.
    """
    _check(maximum=maximum, scale=scale, temperature=temperature)
    cached = task.cache_dir is not None
    if not cached and not fallback_to_num_input_examples:
        raise seqio_caches.NotCachedError(
            f"mixing_rate_num_examples of task {task.name!r}: it is not cached, so its preprocessed examples are not "
            "counted; leave fallback_to_num_input_examples True, or name the cache with t5mix.set_global_cache_dirs"
        )
    if cached:
        examples = _cached_count(task, "examples", split)
    else:
        examples = _num_examples(task, split)
    rate: float = examples * scale
    if maximum is not None:
        rate = min(rate, maximum)
    return rate if temperature == 1.0 else rate ** (1.0 / temperature)


def mixing_rate_num_characters(task: "Task", temperature: float = 1.0, char_count_name: str = "text_chars") -> float:
    """Returns c ** (1 / temperature) of the c characters that seqio counted when it cached split "train" of `task`.

    Args:
        task: a task that is cached in a folder that `t5mix.set_global_cache_dirs` named.
        temperature: 1 is proportional; the rates approach each other as it grows.
        char_count_name: name of the count, such as "inputs_chars".

    Raises:
        ValueError: when temperature is no positive number, or the cache has no such count.
        NotCachedError: when the task is not cached.
    """
    _check(temperature=temperature)
    rate: float = _cached_count(task, char_count_name, "train")
    return rate if temperature == 1.0 else rate ** (1.0 / temperature)


def proportional(
    maximum: int | None = None,
    scale: float = 1.0,
    temperature: float = 1.0,
    split: str = "train",
) -> Callable[["Task"], float]:
    """Returns `mixing_rate_num_examples` with these arguments, checked now."""
    _check(maximum=maximum, scale=scale, temperature=temperature)
    return functools.partial(
        mixing_rate_num_examples,
        maximum=maximum,
        scale=scale,
        temperature=temperature,
        split=split,
    )


def equal(task: "Task") -> float:
    """Returns 1.0, whatever the task."""
    return 1.0


def unimax(examples: Mapping[str, int], budget: float, max_epochs: float) -> dict[str, float]:
    """Returns UniMax rates: as equal as can be without repeating any task too often.

    Every task gets the same share of the budget, but none more than `max_epochs` passes over its
    examples; what small tasks leave is shared by the rest. Chung et al., 2023, arXiv:2304.09151,
    algorithm 1, with examples in place of characters. The rates are numbers of examples, exact up
    to the final rounding to float, and their sum is the budget, or all that may be taken when that
    is less.

    Before: {"big": 1000, "small": 10}, budget 100, max_epochs 2; after: {"big": 80., "small": 20.}.

    Args:
        examples: number of examples by task.
        budget: number of examples to draw in all.
        max_epochs: the most passes over one task.

    Raises:
        ValueError: when a number is not positive.
    """
    _check(budget=budget, max_epochs=max_epochs)
    if not examples:
        raise ValueError("unimax: examples is empty; name the tasks and their numbers of examples")
    _check(**examples)
    left = fractions.Fraction(budget)
    taken: dict[str, fractions.Fraction] = {}
    ascending = sorted(examples, key=lambda name: (examples[name], name))
    for position, name in enumerate(ascending):
        share = left / (len(ascending) - position)
        taken[name] = min(share, fractions.Fraction(max_epochs) * examples[name])
        left -= taken[name]
    return {name: float(taken[name]) for name in examples}


@dataclasses.dataclass(frozen=True)
class UniMax:
    """UniMax rates of all tasks of a mixture, by their numbers of examples; see `unimax`.

    Example: `Mixture("m", ["a", "b"], rates=rates.UniMax(budget=1_000_000, max_epochs=4))`.

    Attributes:
        budget: number of examples to draw in all.
        max_epochs: the most passes over one task.
        split: the split that is counted.
    """

    budget: float
    max_epochs: float
    split: str = "train"

    def __post_init__(self) -> None:
        _check(budget=self.budget, max_epochs=self.max_epochs)

    def rates(self, tasks: Iterable["Task"]) -> dict[str, float]:
        """Returns the rate of each of these tasks, which are all tasks of the mixture."""
        counts = {task.name: _num_examples(task, self.split) for task in tasks}
        return unimax(counts, self.budget, self.max_epochs)


def _num_examples(task: "Task", split: str) -> int:
    examples = task.num_input_examples(split)
    if examples is None:
        raise ValueError(
            f"task {task.name!r} has no rate by its number of examples: its source does not know "
            f"how many {split!r} has; give the source num_input_examples={{{split!r}: ...}}, or the mixture a number"
        )
    return examples


def _cached_count(task: "Task", name: str, split: str) -> int:
    counts = task.get_cached_stats(split)
    if name not in counts:
        raise ValueError(
            f"task {task.name!r} has no rate by {name!r}: its cache has no such count for {split!r}, but "
            f"{', '.join(sorted(counts))}; cache it with --enable_char_counts, or name another"
        )
    return counts[name]


def _check(**given: Any) -> None:
    for name, number in given.items():
        if number is None and name == "maximum":
            continue
        real = isinstance(number, numbers.Real) and not isinstance(number, bool)
        if not real or not number > 0 or not math.isfinite(number):
            raise ValueError(f"rate: {name} is {number!r}; give a positive number")

"""Rates that change with the training step: in stages, along a line, or as a function says.

All of them become stages, in each of which rates stay as they are. A step is a step of training: the batch at step s is
drawn by the rates of the stage that s lies in.
"""

import abc
import bisect
import dataclasses
import functools
import math
import numbers
import operator
from collections.abc import Callable, Mapping
from typing import Any

# Stages of a linear change, and of a function of the step, at most: each is looked through when a stream is opened.
_LINEAR_STAGES, _MOST_STAGES = 100, 1000


class Changing(abc.ABC):
    """A rate, or the rates of all parts of a mixture by name, in stages."""

    @functools.cached_property
    def by_start(self) -> dict[int, Any]:
        """What holds from each step on, in ascending order of steps; the first is 0."""
        return self._by_start()

    @functools.cached_property
    def _starts(self) -> list[int]:
        return list(self.by_start)

    @abc.abstractmethod
    def _by_start(self) -> dict[int, Any]:
        """Returns `by_start`."""

    def start_of(self, step: int) -> int:
        """Returns the step at which the stage begins that a step lies in."""
        return self._starts[bisect.bisect_right(self._starts, step) - 1]

    def at(self, step: int) -> Any:
        """Returns what holds at a step."""
        return self.by_start[self.start_of(step)]


@dataclasses.dataclass(frozen=True)
class stages(Changing):
    """Rates in stages.

    Example: `stages({0: 1.0, 10_000: 0.25})` is 1.0 before step 10,000 and 0.25 from it on.

    Attributes:
        rates: for the first step of each stage its rate; 0 is one of the steps.
    """

    rates: Mapping[int, Any]

    def __post_init__(self) -> None:
        if not isinstance(self.rates, Mapping) or not self.rates:
            raise ValueError(f"stages: {self.rates!r} is no dict of steps and rates; give {{0: 1.0, 1000: 0.5}}")
        for step in self.rates:
            _check_step("stages: a stage's first step", step)
        if 0 not in self.rates:
            raise ValueError(f"stages: no stage begins at step 0, but at {sorted(self.rates)}; say what holds before")
        if len(self.rates) > _MOST_STAGES:
            raise ValueError(f"stages: there are {len(self.rates)} stages; give {_MOST_STAGES} at most")

    def _by_start(self) -> dict[int, Any]:
        return {int(step): self.rates[step] for step in sorted(self.rates)}


@dataclasses.dataclass(frozen=True)
class linear(Changing):
    """A linear change from one rate to another, made in up to 100 equal parts, each of one step at least.

    Each part has the line's mean over its steps, so what is drawn in all is what the line says.

    Example: `linear(1.0, 0.0, 1000, 2000)` is 0.995 in steps 1000 to 1009, and 0.005 in steps 1990 to 1999.

    Attributes:
        first: the rate before step `start`; or a dict of the rates of all parts of a mixture.
        last: the rate from step `stop` on, likewise.
        start: the step at which the change begins.
        stop: the step at which it is complete.
    """

    first: Any
    last: Any
    start: int
    stop: int

    def __post_init__(self) -> None:
        _check_step("linear: start", self.start)
        _check_step("linear: stop", self.stop)
        if self.stop <= self.start:
            raise ValueError(f"linear: from step {self.start} to {self.stop} there are no steps; give a later stop")
        if isinstance(self.first, Mapping) != isinstance(self.last, Mapping):
            raise ValueError("linear: of first and last one is a dict; give two numbers, or two dicts of numbers")
        for what, value in (("first", self.first), ("last", self.last)):
            for rate in value.values() if isinstance(value, Mapping) else (value,):
                check_rate(rate, f"linear: {what}")

    def _by_start(self) -> dict[int, Any]:
        steps = self.stop - self.start
        parts = min(_LINEAR_STAGES, steps)
        made: dict[int, Any] = {0: self.first} if self.start else {}
        for part in range(parts):
            first, after = (self.start + steps * number // parts for number in (part, part + 1))
            made[first] = self._between((first + after - 2 * self.start) / (2 * steps))
        return made | {self.stop: self.last}

    def _between(self, way: float) -> Any:
        if not isinstance(self.first, Mapping):
            return _mean(self.first, self.last, way)
        names = [*self.first, *(name for name in self.last if name not in self.first)]
        return {name: _mean(self.first.get(name, 0.0), self.last.get(name, 0.0), way) for name in names}


@dataclasses.dataclass(frozen=True)
class by_step(Changing):
    """A function of the step, asked every so many steps.

    Example: `by_step(lambda step: 1 / (1 + step / 1000), every=100, until=20_000)`.

    Attributes:
        function: takes a step; returns a rate, or a dict of the rates of all parts of a mixture.
        every: steps between two calls; what it returns holds until the next.
        until: the last step that it is called with, a multiple of `every`; what it returns then holds on.
    """

    function: Callable[[int], Any]
    every: int
    until: int

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise ValueError(f"by_step: {self.function!r} is no function of the step; give one")
        _check_step("by_step: until", self.until)
        _check_step("by_step: every", self.every)
        if self.every < 1 or self.until % self.every:
            raise ValueError(f"by_step: until is {self.until}, no multiple of every, {self.every}; give one")
        if self.until // self.every >= _MOST_STAGES:
            least = -(-self.until // (_MOST_STAGES - 1))
            raise ValueError(
                f"by_step: it would be asked at {self.until // self.every + 1} steps; give {_MOST_STAGES} at most: "
                f"every={least} or more, and until a multiple of it"
            )

    def _by_start(self) -> dict[int, Any]:
        return {step: self.function(step) for step in range(0, self.until + 1, self.every)}


Rate = float | Callable[..., float] | Changing | Mapping[int, Any]


def check_rate(rate: Any, what: str) -> float:
    """Returns a rate as a float.

    Raises:
        ValueError: beginning with `what`, when it is negative, NaN, infinite or no number.
    """
    try:
        number = float(rate)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if isinstance(rate, str | bytes) or not math.isfinite(number) or number < 0:
        raise ValueError(f"{what} is {rate!r}; a rate is a finite number, 0 or more")
    return number


def _check_step(what: str, step: Any) -> None:
    whole = isinstance(step, numbers.Integral) and not isinstance(step, bool)
    if not whole or operator.index(step) < 0:
        raise ValueError(f"{what} is {step!r}; give a whole number, 0 or more")


def _mean(first: float, last: float, way: float) -> float:
    return float(first) * (1 - way) + float(last) * way

"""The rates of a mixture's parts, at any step."""

import bisect
import dataclasses
import functools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn

from t5mix.declarations import validation
from t5mix.declarations.rates.changing import Changing, Rate, by_step, check_rate, stages
from t5mix.declarations.rates.sizes import UniMax
from t5mix.internal.code import user_errors
from t5mix.internal.suggestions import suggestion

# What the rates of a mixture are shares of.
UNITS = ("examples", "target_tokens", "tokens")


class PartRates:
    """Rates of parts as numbers, computed as they are asked for.

    Args:
        mixture: the mixture's name.
        parts: its tasks and mixtures, by name.
        rates: the rate of each.

    Raises:
        ValueError: naming the mixture, the part and the fix, when a rate cannot be one.
    """

    def __init__(self, mixture: str, parts: Mapping[str, Any], rates: Mapping[str, Rate]) -> None:
        self._mixture, self._parts = mixture, parts
        self.declared = {name: self._checked(name, rates[name]) for name in parts}
        changing = [rate for rate in self.declared.values() if isinstance(rate, Changing)]
        # A function of the step is not asked before its rates are.
        fixed = not any(isinstance(rate, by_step | _PartOf) for rate in changing)
        if fixed:
            for step in self.starts:
                self._check_some(step)

    def _checked(self, name: str, rate: Rate) -> Rate:
        what = self._what(name)
        is_mixture = hasattr(self._parts[name], "parts")
        if isinstance(rate, Mapping):
            with user_errors.within(what):
                rate = stages(rate)
        if isinstance(rate, Changing):
            if isinstance(rate, stages):
                for step, value in rate.by_start.items():
                    if not callable(value) or is_mixture:
                        check_rate(value, f"{what} at step {step}")
            return rate
        if not callable(rate):
            return check_rate(rate, what)
        if is_mixture:
            validation.refuse_mixture(
                self._mixture,
                f"gives the mixture {name!r} a function as rate: 'rate' for sub-mixture {name} must be a number.",
                "give a number: a function is of a task",
            )
        return rate

    def _what(self, name: str) -> str:
        return f"mixture {self._mixture!r}: the rate of {name!r}"

    @functools.cached_property
    def starts(self) -> tuple[int, ...]:
        """The steps at which a rate changes, ascending; the first is 0."""
        found = {0}
        for name, rate in self.declared.items():
            if isinstance(rate, Changing):
                with user_errors.within(self._what(name)):
                    found.update(rate.by_start)
        return tuple(sorted(found))

    @functools.cached_property
    def _numbers(self) -> dict[tuple[str, int], float]:
        return {}

    @functools.cached_property
    def _totals(self) -> dict[int, float]:
        return {}

    def number(self, name: str, step: int = 0) -> float:
        """Returns the rate of a part at a step."""
        rate, start = self.declared[name], 0
        if isinstance(rate, Changing):
            with user_errors.within(self._what(name)):
                start = rate.start_of(step)
                rate = rate.by_start[start]
        if (name, start) not in self._numbers:
            what = self._what(name) + (f" at step {start}" if start else "")
            if callable(rate):
                with user_errors.within(what):
                    rate = rate(self._parts[name])
            self._numbers[name, start] = check_rate(rate, what)
        return self._numbers[name, start]

    def total(self, step: int = 0) -> float:
        """Returns the sum of the rates of the parts at a step.

        Raises:
            ValueError: when a rate is no finite number, or all are 0.
        """
        start = self.starts[bisect.bisect_right(self.starts, step) - 1]
        if start not in self._totals:  # which every task of a nested mixture asks for
            self._totals[start] = self.sum([self.number(name, start) for name in self._parts], start)
        return self._totals[start]

    def sum(self, rates: Iterable[float], step: int = 0) -> float:
        """Returns a sum of rates, refused where it is 0 or too great."""
        try:
            total = math.fsum(rates)
        except OverflowError:
            self._refuse("has rates whose sum is too great", "divide them all by one number")
        if not total > 0:
            self._refuse_zeros(step)
        return total

    def _check_some(self, step: int) -> None:
        rates = [rate.at(step) if isinstance(rate, Changing) else rate for rate in self.declared.values()]
        if not any(callable(rate) or float(rate) > 0 for rate in rates):  # type: ignore[arg-type]  # numbers, here
            self._refuse_zeros(step)

    def _refuse_zeros(self, step: int) -> NoReturn:
        when = f" from step {step} on" if step else ""
        self._refuse(f"has only rates of 0{when}", "give one task a positive rate")

    def _refuse(self, what: str, fix: str) -> NoReturn:
        validation.refuse_mixture(self._mixture, what, fix)


@dataclasses.dataclass(frozen=True)
class _Whole(Changing):
    """Rates of a whole mixture, each a dict of some of its parts; looked at once for all parts."""

    rates: Changing
    names: tuple[str, ...]

    def _by_start(self) -> dict[int, Any]:
        for step, value in self.rates.by_start.items():
            if not isinstance(value, Mapping):
                raise ValueError(f"at step {step} rates is {value!r}; give a dict of parts and their rates")
            _check_names(value, self.names, f"at step {step} rates")
        return self.rates.by_start


@dataclasses.dataclass(frozen=True)
class _PartOf(Changing):
    """What rates of a whole mixture are for one of its parts; one that they do not name has 0."""

    whole: _Whole
    name: str

    def _by_start(self) -> dict[int, Any]:
        return {step: value.get(self.name, 0.0) for step, value in self.whole.by_start.items()}


def of_parts(mixture: str, rates: Any, parts: Mapping[str, Any]) -> dict[str, Rate]:
    """Returns the rate of each part where a mixture's are given together.

    Args:
        mixture: the mixture's name.
        rates: a dict of parts and their rates; stages of such, or another `Changing` of such; or `UniMax`.
        parts: the mixture's tasks and mixtures, by name.

    Raises:
        ValueError: naming the mixture, when it is none of these, or names a part that is not there.
    """
    names = tuple(parts)
    with user_errors.within(f"mixture {mixture!r}"):
        if isinstance(rates, UniMax):
            return _unimax(rates, parts)
        if isinstance(rates, Mapping) and rates and all(isinstance(name, str) for name in rates):
            _check_names(rates, names, "rates")
            missing = [name for name in names if name not in rates]
            if missing:
                raise ValueError(f"rates gives none to {missing[0]!r}; give it one, or 0")
            return dict(rates)
        if isinstance(rates, Mapping):
            rates = stages(rates)
        if not isinstance(rates, Changing):
            raise ValueError(f"rates is {rates!r}; give a dict of parts and their rates, or of steps and such dicts")
        whole = _Whole(rates, names)
        found = {name: _PartOf(whole, name) for name in names}
        if isinstance(rates, by_step):
            return dict(found)
        named = set().union(*whole.by_start.values())
        for name in names:
            if name not in named:
                raise ValueError(f"rates gives {name!r} none at any step; name it, with 0 too, or take it out of tasks")
        return {name: stages(one.by_start) for name, one in found.items()}


def _unimax(rule: UniMax, parts: Mapping[str, Any]) -> dict[str, Rate]:
    for name, part in parts.items():
        if hasattr(part, "parts"):
            raise ValueError(f"rates is UniMax, of tasks alone, and {name!r} is a mixture; name its tasks")
    numbers = functools.cache(lambda: rule.rates(parts.values()))
    # By its name here: a mixture made of this one may call its tasks otherwise.
    return {name: _ByRule(rule, numbers, name) for name in parts}


@dataclasses.dataclass(frozen=True)
class _ByRule:
    """The rate of a task by a rule for all tasks of a mixture."""

    rule: UniMax
    numbers: Callable[[], dict[str, float]]
    name: str

    def __call__(self, task: Any) -> float:
        return self.numbers()[self.name]


def unimax_of(rates: Mapping[str, Rate]) -> UniMax | None:
    """Returns the rule by which a mixture's rates were declared, where that is UniMax."""
    return next((rate.rule for rate in rates.values() if isinstance(rate, _ByRule)), None)


def _check_names(rates: Mapping[Any, Any], names: Sequence[str], what: str) -> None:
    known = frozenset(names)
    for name in rates:
        if name not in known:
            hint = suggestion(str(name), names)
            raise ValueError(f"{what} names {name!r}, which is none of its tasks{hint}; name those in tasks")


def check_unit(mixture: str, unit: Any) -> str:
    """Returns what rates are shares of, refused where it is no unit."""
    if unit not in UNITS:
        validation.refuse_mixture(mixture, f"has unit={unit!r}", f"give one of {', '.join(UNITS)}")
    return str(unit)


def check_max_epochs(mixture: str, given: Any, names: Sequence[str]) -> dict[str, float]:
    """Returns the most passes over each task that has a limit, by name.

    Args:
        mixture: the mixture's name.
        given: a number for all tasks, a dict of some, or None.
        names: the names of the tasks.

    Raises:
        ValueError: naming the mixture, when a number is not positive or a name is no task's.
    """
    if given is None:
        return {}
    limits = dict(given) if isinstance(given, Mapping) else dict.fromkeys(names, given)
    with user_errors.within(f"mixture {mixture!r}"):
        _check_names(limits, names, "max_epochs")
    for name, limit in limits.items():
        if isinstance(limit, bool) or not isinstance(limit, int | float) or not 0 < limit < math.inf:
            validation.refuse_mixture(mixture, f"has max_epochs={limit!r} for {name!r}", "give a positive number")
    return {name: float(limit) for name, limit in limits.items()}

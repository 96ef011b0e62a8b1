"""From what a mixture declares to how often its tasks are drawn: rates by steps, shares of tokens, limits."""

import math
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from t5mix.data.examples.base import Examples
from t5mix.data.mixing.schedule import Schedule, limit_of
from t5mix.declarations.mixture import Mixture
from t5mix.declarations.task import Task
from t5mix.internal.code import fingerprints

# Stages that a state names one by one, if there are no more.
_NAMED = 64


def drawn_from(provider: Task | Mixture, split: str) -> tuple[list[Task], dict[str, str]]:
    """Returns the tasks to draw from, and why the others are left out.

    Raises:
        ValueError: when there is none, at some step.
    """
    found, left_out = [], {}
    for task in provider.tasks if isinstance(provider, Mixture) else [provider]:
        if not any(rate > 0 for rate in _rates(provider, task).values()):
            left_out[task.name] = "its rate is 0"
        elif split not in task.splits:
            left_out[task.name] = f"it has no split {split!r}"
        else:
            found.append(task)
    if not found:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
        raise ValueError(f"{provider.name!r} has nothing to draw from in split {split!r}: {reasons}")
    without_split = [name for name, reason in left_out.items() if reason != "its rate is 0"]
    if without_split:
        warnings.warn(
            f"mixture {provider.name!r}: left out because they have no split {split!r}: {', '.join(without_split)}",
            stacklevel=4,
        )
    return found, left_out


def schedule_of(provider: Task | Mixture, examples: Mapping[str, Examples], features: tuple[str, ...]) -> Schedule:
    """Returns how often tasks are drawn, as shares of examples.

    Args:
        provider: the task or mixture.
        examples: of each task that is drawn from.
        features: what their lengths are of.

    Raises:
        ValueError: when no task has a rate in some stage, or one has none of the tokens that rates are shares of.
    """
    unit = provider.unit if isinstance(provider, Mixture) else "examples"
    epochs = provider.max_epochs if isinstance(provider, Mixture) else {}
    tokens = [_mean_tokens(provider.name, name, one, features, unit) for name, one in examples.items()]
    by_task = [_rates(provider, name) for name in examples]
    starts: list[int] = []
    rates: list[tuple[float, ...]] = []
    for start in by_task[0]:
        row = tuple(rate[start] / each for rate, each in zip(by_task, tokens, strict=True))
        if not any(row):
            raise ValueError(
                f"mixture {provider.name!r} draws from nothing from step {start} on: no task that has this split "
                "has a rate there; give one of them one"
            )
        if not rates or not _are_same_shares(row, rates[-1]):
            starts.append(start)
            rates.append(row)
    limits = tuple(limit_of(epochs.get(name), one.count) for name, one in examples.items())
    return Schedule(f"mixture {provider.name!r}", tuple(examples), tuple(starts), tuple(rates), limits)


def in_state(schedule: Schedule, unit: str) -> dict[str, Any]:
    """Returns what a state says of rates that change, of limits, and of what rates are shares of; {} where none are.

    Example: {"mixing": {"unit": "tokens", "limits": "8c2f0e1d", "rates": ["0 5b8e02aa", "10000 91c7d3f0"]}}.
    """
    found: dict[str, Any] = {} if unit == "examples" else {"unit": unit}
    if any(limit is not None for limit in schedule.limits):
        found["limits"] = _digest([schedule.names, schedule.limits])
    if len(schedule.starts) > 1:
        lines = [
            f"{start} {_digest([rate.hex() for rate in rates])}"
            for start, rates in zip(schedule.starts, schedule.rates, strict=True)
        ]
        found["rates"] = lines if len(lines) <= _NAMED else [f"{len(lines)} stages {_digest(lines)}"]
    return {"mixing": found} if found else {}


def _are_same_shares(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """Tells whether rates give the same shares, as 1 and 2 do, and 2 and 4: then nothing changes."""
    first, second = math.fsum(one), math.fsum(other)
    return all(math.isclose(a / first, b / second, rel_tol=1e-12) for a, b in zip(one, other, strict=True))


def _digest(of: Any) -> str:
    return fingerprints.digest(of)[:8]


def _rates(provider: Task | Mixture, task: Task | str) -> dict[int, float]:
    if not isinstance(provider, Mixture):
        return {0: 1.0}
    return {step: provider.get_rate(task, step) for step in provider.rate_steps}


def _mean_tokens(mixture: str, task: str, examples: Examples, features: tuple[str, ...], unit: str) -> float:
    """Returns how many tokens of the unit an example of a task has on average; 1 where rates are of examples."""
    if unit == "examples":
        return 1.0
    if unit == "target_tokens" and "targets" not in features:
        raise ValueError(
            f"mixture {mixture!r} has unit='target_tokens', and there are no targets, but {list(features)}"
        )
    sample = examples.sample()
    lengths = examples.lengths(0, sample)
    counted = lengths if unit == "tokens" else lengths[:, [features.index("targets")]]
    total = int(np.sum(counted))
    if not total:
        raise ValueError(
            f"mixture {mixture!r} has unit={unit!r}, and the examples of task {task!r} have none; give it rate 0"
        )
    return total / len(sample)

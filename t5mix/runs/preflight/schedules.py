"""The learning rate of a training: that it is no 0 before the last step, and where it stops changing."""

import bisect
import dataclasses
from collections.abc import Iterator

from t5mix.internal.terminal import say
from t5mix.runs.config.settings import Training
from t5mix.training.schedules import Schedule, product, t5x_factors


@dataclasses.dataclass(frozen=True)
class _Ended:
    """A schedule, or a factor of one, that no longer changes.

    Attributes:
        schedule: it.
        step: of the training, from which on it stays.
        value: what it stays.
    """

    schedule: Schedule
    step: int
    value: float


def check_schedule(name: str, training: Training) -> None:
    """Refuses a schedule that ends before the training does: from there on, steps would change nothing.

    Of one that stays above 0, a line says where it ends, or which of its factors does.

    Args:
        name: of the settings, for the message.
        training: the steps, and the learning rate at each.

    Raises:
        ValueError: naming the step from which on the learning rate is 0.
    """
    steps, schedule = training.steps, training.schedule
    if schedule(steps - 1) <= 0:
        # It falls to 0 once, and stays there.
        first = bisect.bisect_left(range(steps), True, key=lambda step: schedule(step) <= 0)
        raise ValueError(
            f"{name}.schedule, {schedule}, has learning rate 0 from step {first:,} on, and {name}.steps is {steps:,}: "
            "let it end with the training (total_steps), or fall to more than 0 (final_fraction)"
        )
    for ended in _ended(schedule, steps):
        whole = ended.schedule is schedule
        what = f"{name}.schedule" if whole else f"{name}.schedule has the factor {ended.schedule}, which"
        how = "is down at its min_learning_rate from" if isinstance(ended.schedule, t5x_factors) else "ends at"
        say(
            f"{what} {how} step {ended.step:,}: the other {steps - ended.step:,} steps keep its last "
            f"{'learning rate' if whole else 'value'}, {ended.value:.3g}"
        )


def _ended(schedule: Schedule, steps: int) -> Iterator[_Ended]:
    """Yields what has ended before so many steps are done: the schedule, or some of its factors."""
    if steps <= 0:  # a product's offset has not passed yet
        return
    if isinstance(schedule, product):
        for factor in schedule.factors:
            if not isinstance(factor, int | float):
                for ended in _ended(factor, steps - schedule.offset):
                    yield dataclasses.replace(ended, step=max(0, ended.step + schedule.offset))
        return
    if isinstance(schedule, t5x_factors):
        end = _floor_begins(schedule, steps)
    else:
        end = getattr(schedule, "total_steps", steps)
    if end < steps:
        yield _Ended(schedule, end, schedule(steps - 1))


def _floor_begins(schedule: t5x_factors, steps: int) -> int:
    """Returns the step from which on the learning rate is the least until so many steps are done; `steps` if not so."""

    def is_least(step: int) -> bool:
        return schedule(step) <= schedule.min_learning_rate

    # Backwards by 1, 2, 4 and so on, for cosines rise again; then where it begins, in between.
    back = 1
    while back <= steps and is_least(steps - back):
        back *= 2
    first, last = max(0, steps - back), steps - back // 2
    return bisect.bisect_left(range(steps), True, first, last, key=is_least)

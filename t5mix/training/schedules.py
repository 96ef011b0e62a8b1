"""Learning-rate schedules: functions of the step.

A schedule is a frozen object, `schedule(step) -> learning rate`, with step counted from 0. The classes are named as
the functions that they are: `constant(learning_rate=1e-3)(step)`.
"""

import dataclasses
import math

# Of rates and of steps alike: beyond it numbers of float32 would overflow in their squares.
_GREATEST = 2**31 - 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class constant:
    """The same learning rate at every step; T5 fine-tunes with 1e-3 (Raffel et al. 2020, section 3.1.2)."""

    learning_rate: float = 1e-3

    def __post_init__(self) -> None:
        _positive(self, "learning_rate")

    def __call__(self, step: int) -> float:
        """Returns the learning rate at `step`."""
        return self.learning_rate


@dataclasses.dataclass(frozen=True, kw_only=True)
class inverse_square_root:
    """`scale / sqrt(max(step, warmup_steps))`: constant at first, then falling. T5's pre-training schedule.

    With the defaults it is 0.01 for the first 10,000 steps (Raffel et al. 2020, section 3.1.2).
    """

    warmup_steps: int = 10_000
    scale: float = 1.0

    def __post_init__(self) -> None:
        _positive(self, "warmup_steps", "scale")

    def __call__(self, step: int) -> float:
        """Returns the learning rate at `step`."""
        return self.scale / math.sqrt(max(step, self.warmup_steps))


@dataclasses.dataclass(frozen=True, kw_only=True)
class linear_decay:
    """Rises linearly over `warmup_steps`, then falls linearly to `final_fraction` of its peak at `total_steps`."""

    learning_rate: float
    total_steps: int
    warmup_steps: int = 0
    final_fraction: float = 0.0

    def __post_init__(self) -> None:
        _positive(self, "learning_rate", "total_steps")
        if not 0 <= self.warmup_steps < self.total_steps:
            raise ValueError(
                f"linear_decay.warmup_steps is {self.warmup_steps}: "
                f"it must be at least 0 and less than total_steps ({self.total_steps})"
            )
        if not 0 <= self.final_fraction <= 1:
            raise ValueError(f"linear_decay.final_fraction is {self.final_fraction}: it must be in [0, 1]")

    def __call__(self, step: int) -> float:
        """Returns the learning rate at `step`."""
        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / self.warmup_steps
        done = min(1.0, (step - self.warmup_steps) / (self.total_steps - self.warmup_steps))
        return self.learning_rate * (1 - (1 - self.final_fraction) * done)


Schedule = constant | inverse_square_root | linear_decay


def _positive(schedule: Schedule, *names: str) -> None:
    for name in names:
        value = getattr(schedule, name)
        if not 0 < value <= _GREATEST:
            limits = f"it must be positive and finite, and at most {_GREATEST:,}"
            raise ValueError(f"{type(schedule).__name__}.{name} is {value}: {limits}")


def adafactor_decay_rate(step: int, exponent: float = 0.8) -> float:
    """Returns the decay rate of Adafactor's second moments, 1 - (step + 1)^-exponent, with step counted from 0.

    Its memory grows with the run: 0 at the first step, 0.996 at the thousandth (Shazeer and Stern 2018,
    https://arxiv.org/abs/1804.04235, section 7.2; the exponent is T5's).
    """
    return 1.0 - (step + 1) ** -exponent

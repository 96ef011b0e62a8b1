"""Learning-rate schedules: functions of the step.

A schedule is a frozen object, `schedule(step) -> learning rate`, with step counted from 0. The classes are named as
the functions that they are: `constant(learning_rate=1e-3)(step)`.

    constant                        fine-tuning T5
    inverse_square_root             pre-training T5; Mesh-TensorFlow's truncated_rsqrt
    linear_warmup, linear_cooldown  factors, from 0 to 1 and from 1 to 0
    linear_decay, cosine_decay      with warm-up, to a share of the peak
    slanted_triangular              Howard and Ruder's, in Mesh-TensorFlow
    product                         of schedules; Mesh-TensorFlow's product_learning_rate
    t5x_factors                     t5x's, by the names of its factors
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
        _check_decay(self)

    def __call__(self, step: int) -> float:
        """Returns the learning rate at `step`."""
        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / self.warmup_steps
        done = min(1.0, (step - self.warmup_steps) / (self.total_steps - self.warmup_steps))
        return self.learning_rate * (1 - (1 - self.final_fraction) * done)


@dataclasses.dataclass(frozen=True, kw_only=True)
class cosine_decay:
    """Rises linearly over `warmup_steps`, then falls as half a cosine to `final_fraction` of its peak.

    It gets there at `total_steps` (Loshchilov and Hutter 2017, https://arxiv.org/abs/1608.03983, without restarts).
    """

    learning_rate: float
    total_steps: int
    warmup_steps: int = 0
    final_fraction: float = 0.0

    def __post_init__(self) -> None:
        _positive(self, "learning_rate", "total_steps")
        _check_decay(self)

    def __call__(self, step: int) -> float:
        """Returns the learning rate at `step`."""
        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / self.warmup_steps
        done = min(1.0, (step - self.warmup_steps) / (self.total_steps - self.warmup_steps))
        share = 0.5 * (1.0 + math.cos(math.pi * done))
        return self.learning_rate * (self.final_fraction + (1 - self.final_fraction) * share)


@dataclasses.dataclass(frozen=True, kw_only=True)
class linear_warmup:
    """`min(1, step / warmup_steps)`: a factor of a product. At step 0 it is 0, as Mesh-TensorFlow's is."""

    warmup_steps: int = 10_000

    def __post_init__(self) -> None:
        _positive(self, "warmup_steps")

    def __call__(self, step: int) -> float:
        """Returns the factor at `step`."""
        return min(1.0, step / self.warmup_steps)


@dataclasses.dataclass(frozen=True, kw_only=True)
class linear_cooldown:
    """1 until the last `steps_or_fraction` of `total_steps`, then falling to 0: a factor of a product.

    Mesh-TensorFlow's linear_decay: `steps_or_fraction` is a share of all steps where it is at most 1, else steps.
    """

    total_steps: int
    steps_or_fraction: float = 0.1

    def __post_init__(self) -> None:
        _positive(self, "total_steps", "steps_or_fraction")

    def __call__(self, step: int) -> float:
        """Returns the factor at `step`."""
        last = self.steps_or_fraction
        if last <= 1:
            last *= self.total_steps
        return max(0.0, min(1.0, (self.total_steps - step) / last))


@dataclasses.dataclass(frozen=True, kw_only=True)
class slanted_triangular:
    """Rises to `learning_rate` over `cut_fraction` of `total_steps`, then falls to 1/`ratio` of it.

    Howard and Ruder 2018, https://arxiv.org/abs/1801.06146, section 3.2.
    """

    total_steps: int
    learning_rate: float = 0.01
    cut_fraction: float = 0.1
    ratio: float = 32.0

    def __post_init__(self) -> None:
        _positive(self, "total_steps", "learning_rate", "ratio")
        if not 0 < self.cut_fraction < 1 or math.floor(self.total_steps * self.cut_fraction) < 1:
            raise ValueError(
                f"slanted_triangular.cut_fraction is {self.cut_fraction}: it must be between 0 and 1, and at least one "
                f"of total_steps ({self.total_steps})"
            )

    def __call__(self, step: int) -> float:
        """Returns the learning rate at `step`."""
        cut = math.floor(self.total_steps * self.cut_fraction)
        if step < cut:
            share = step / cut
        else:
            share = max(0.0, 1 - (step - cut) / (cut * (1 / self.cut_fraction - 1)))
        return self.learning_rate * (1 + share * (self.ratio - 1)) / self.ratio


@dataclasses.dataclass(frozen=True, kw_only=True)
class product:
    """The product of schedules and numbers; Mesh-TensorFlow's product_learning_rate.

    Example:
        >>> noam = product(factors=(linear_warmup(), inverse_square_root(), linear_cooldown(total_steps=100_000)))

    Attributes:
        factors: schedules, each a factor, and numbers.
        offset: taken from the step, such as the steps of pre-training. So a factor's `total_steps` are counted from it
            on; Mesh-TensorFlow takes it from these, too.
    """

    factors: tuple["Schedule | float", ...]
    offset: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "factors", tuple(self.factors))
        if not self.factors:
            raise ValueError("product.factors is empty: give schedules, such as (@linear_warmup(), @constant())")
        for factor in self.factors:
            number = isinstance(factor, int | float) and not isinstance(factor, bool) and 0 < factor < math.inf
            if not number and not isinstance(factor, Schedule):
                raise ValueError(
                    f"product.factors has {factor!r}: give schedules, such as @constant(), and positive numbers"
                )

    def __call__(self, step: int) -> float:
        """Returns the learning rate at `step`."""
        step = max(0, step - self.offset)
        return math.prod(factor if isinstance(factor, int | float) else factor(step) for factor in self.factors)


_T5X_FACTORS = (
    "constant",
    "linear_warmup",
    "linear_decay",
    "rsqrt_decay",
    "rsqrt_normalized_decay",
    "decay_every",
    "cosine_decay",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class t5x_factors:
    """t5x's create_learning_rate_scheduler: a product of factors by name, "constant * linear_warmup * rsqrt_decay".

    Attributes:
        factors: names, with "*" between: constant (`base_learning_rate`), linear_warmup, linear_decay (warm-up and a
            slope of `decay_factor`, with `base_learning_rate`), rsqrt_decay (1 / sqrt(max(step, warmup_steps))),
            rsqrt_normalized_decay (1 until warm-up ends), decay_every, cosine_decay.
        base_learning_rate: of constant and linear_decay.
        warmup_steps: of warm-ups, and before which nothing decays.
        decay_factor: of decay_every and linear_decay.
        steps_per_decay: of decay_every.
        steps_per_cycle: of cosine_decay, which begins anew after so many steps.
        step_offset: taken from the step.
        min_learning_rate: the least.
    """

    factors: str = "constant * linear_warmup * rsqrt_decay"
    base_learning_rate: float = 0.5
    warmup_steps: int = 1000
    decay_factor: float = 0.5
    steps_per_decay: int = 20_000
    steps_per_cycle: int = 100_000
    step_offset: int = 0
    min_learning_rate: float = 1e-8

    def __post_init__(self) -> None:
        _positive(self, "base_learning_rate", "warmup_steps", "decay_factor", "steps_per_decay", "steps_per_cycle")
        unknown = [name for name in self._names() if name not in _T5X_FACTORS]
        if unknown:
            raise ValueError(
                f"t5x_factors.factors is {self.factors!r}: {unknown[0]!r} is no factor; "
                f"choose from {', '.join(_T5X_FACTORS)}, with * between"
            )
        if not 0 <= self.min_learning_rate < math.inf:
            raise ValueError(
                f"t5x_factors.min_learning_rate is {self.min_learning_rate}: it must not be negative, and finite"
            )

    def _names(self) -> list[str]:
        return [name.strip() for name in self.factors.split("*")]

    def __call__(self, step: int) -> float:
        """Returns the learning rate at `step`."""
        step = max(0, step - self.step_offset)
        return max(math.prod(self._factor(name, step) for name in self._names()), self.min_learning_rate)

    def _factor(self, name: str, step: int) -> float:
        later = max(step, self.warmup_steps)
        if name == "constant":
            return self.base_learning_rate
        if name == "linear_warmup":
            return min(1.0, step / self.warmup_steps)
        if name == "linear_decay":
            slope = 1.0 + self.decay_factor * (self.warmup_steps - step)
            return self.base_learning_rate * min(step / self.warmup_steps, slope)
        if name == "rsqrt_decay":
            return 1 / math.sqrt(later)
        if name == "rsqrt_normalized_decay":
            return math.sqrt(self.warmup_steps / later)
        if name == "decay_every":
            return self.decay_factor ** (step // self.steps_per_decay)
        progress = (later - self.warmup_steps) / self.steps_per_cycle
        return max(0.0, 0.5 * (1.0 + math.cos(math.pi * (progress % 1.0))))


Schedule = (
    constant
    | inverse_square_root
    | linear_decay
    | cosine_decay
    | linear_warmup
    | linear_cooldown
    | slanted_triangular
    | product
    | t5x_factors
)


def _positive(schedule: Schedule, *names: str) -> None:
    for name in names:
        value = getattr(schedule, name)
        if not 0 < value <= _GREATEST:
            limits = f"it must be positive and finite, and at most {_GREATEST:,}"
            raise ValueError(f"{type(schedule).__name__}.{name} is {value}: {limits}")


def _check_decay(schedule: linear_decay | cosine_decay) -> None:
    name = type(schedule).__name__
    if not 0 <= schedule.warmup_steps < schedule.total_steps:
        raise ValueError(
            f"{name}.warmup_steps is {schedule.warmup_steps}: "
            f"it must be at least 0 and less than total_steps ({schedule.total_steps})"
        )
    if not 0 <= schedule.final_fraction <= 1:
        raise ValueError(f"{name}.final_fraction is {schedule.final_fraction}: it must be in [0, 1]")

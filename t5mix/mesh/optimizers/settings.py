"""Which optimizer trains, and its options; the numbers that change from step to step are made here too.

A choice is a frozen object. The classes are named as the functions that they stand for, as those of learning-rate
schedules are: `Training.optimizer = @adamw()`.
"""

import dataclasses
import math


@dataclasses.dataclass(frozen=True, kw_only=True)
class adafactor:
    """Adafactor (Shazeer and Stern 2018, https://arxiv.org/abs/1804.04235); the defaults are T5's.

    Attributes:
        multiply_by_parameter_scale: whether a step is relative to the root mean square of the weight.
        exclude_from_parameter_scale: weights for which it is not: parts of their names.
        clipping_threshold: of the root mean square of a weight's update; None for no clipping.
        decay_rate_exponent: the decay rate of second moments is 1 - (step + 1)^-exponent.
        decay_rate: a fixed one instead, in [0, 1).
        step_offset: steps that are not counted in the decay rate, such as those of pre-training.
        beta1: of the first moments, which are kept from 0 on up.
        factored: whether second moments of a matrix are kept as means of its rows and columns.
        min_dim_size_to_factor: they are where its two largest dimensions have this size.
        weight_decay: share of a weight that a step of learning rate 1 takes away.
        epsilon_gradient: added to squared gradients.
        epsilon_scale: the least scale of a weight.
    """

    multiply_by_parameter_scale: bool = True
    exclude_from_parameter_scale: tuple[str, ...] = ()
    clipping_threshold: float | None = 1.0
    decay_rate_exponent: float = 0.8
    decay_rate: float | None = None
    step_offset: int = 0
    beta1: float = 0.0
    factored: bool = True
    min_dim_size_to_factor: int = 128
    weight_decay: float = 0.0
    epsilon_gradient: float = 1e-30
    epsilon_scale: float = 1e-3

    def __post_init__(self) -> None:
        object.__setattr__(self, "exclude_from_parameter_scale", tuple(self.exclude_from_parameter_scale))
        _positive(self, "clipping_threshold", "decay_rate_exponent", "epsilon_gradient", "epsilon_scale")
        _share(self, "decay_rate", "beta1")
        _not_negative(self, "step_offset", "weight_decay")
        if self.min_dim_size_to_factor < 1:
            raise ValueError(
                f"adafactor.min_dim_size_to_factor is {self.min_dim_size_to_factor}: it must be at least 1"
            )

    def numbers(self, step: int) -> tuple[float, ...]:
        """Returns the decay rate of second moments at `step`, counted from 0.

        Its memory grows with the run: 0 at the first step, 0.996 at the thousandth (section 7.2 of the paper).
        """
        if self.decay_rate is not None:
            return (self.decay_rate,)
        return (1.0 - (max(step - self.step_offset, 0) + 1) ** -self.decay_rate_exponent,)

    def of_weight(self, name: str) -> "adafactor":
        """Returns the options that hold for the weight of that name."""
        excluded = any(part in name for part in self.exclude_from_parameter_scale)
        return dataclasses.replace(
            self,
            multiply_by_parameter_scale=self.multiply_by_parameter_scale and not excluded,
            exclude_from_parameter_scale=(),
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class adamw:
    """AdamW (Loshchilov and Hutter 2019, https://arxiv.org/abs/1711.05101).

    Attributes:
        beta1: of the first moments.
        beta2: of the second moments.
        epsilon: added to the root of the second moments.
        weight_decay: share of a weight that a step of learning rate 1 takes away.
        exclude_from_weight_decay: weights from which nothing is taken: parts of their names, "rms_norm" for one.
    """

    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.0
    exclude_from_weight_decay: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "exclude_from_weight_decay", tuple(self.exclude_from_weight_decay))
        _share(self, "beta1", "beta2")
        _positive(self, "epsilon")
        _not_negative(self, "weight_decay")

    def numbers(self, step: int) -> tuple[float, ...]:
        """Returns what first and second moments are divided by after `step`, counted from 0: they begin at 0."""
        return 1.0 - self.beta1 ** (step + 1), 1.0 - self.beta2 ** (step + 1)

    def of_weight(self, name: str) -> "adamw":
        """Returns the options that hold for the weight of that name."""
        excluded = any(part in name for part in self.exclude_from_weight_decay)
        decay = 0.0 if excluded else self.weight_decay
        return dataclasses.replace(self, weight_decay=decay, exclude_from_weight_decay=())


@dataclasses.dataclass(frozen=True, kw_only=True)
class adamw_scaled(adamw):
    """AdamW whose steps are relative to the root mean square of each weight, as Adafactor's are.

    nanoT5 (Nawrot 2023, https://arxiv.org/abs/2309.02373) found that it pre-trains T5 better than Adafactor, with a
    cosine schedule that begins at 0.02.

    Attributes:
        epsilon_scale: the least scale of a weight.
    """

    epsilon: float = 1e-6
    epsilon_scale: float = 1e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        _positive(self, "epsilon_scale")


Optimizer = adafactor | adamw | adamw_scaled


def _positive(options: Optimizer, *names: str) -> None:
    for name in names:
        value = getattr(options, name)
        if value is not None and not 0 < value < math.inf:
            raise ValueError(f"{type(options).__name__}.{name} is {value}: it must be positive and finite")


def _share(options: Optimizer, *names: str) -> None:
    for name in names:
        value = getattr(options, name)
        if value is not None and not 0 <= value < 1:
            raise ValueError(f"{type(options).__name__}.{name} is {value}: it must be in [0, 1)")


def _not_negative(options: Optimizer, *names: str) -> None:
    for name in names:
        value = getattr(options, name)
        if not 0 <= value < math.inf:
            raise ValueError(f"{type(options).__name__}.{name} is {value}: it must not be negative, and finite")

"""All that decides what a training step does, besides the model, the mesh and the batch."""

import dataclasses
import math
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from t5mix.mesh.optimizers.settings import Optimizer, adafactor
from t5mix.mesh.t5.fine_tuning.settings import Trained, everything, prompt_tuning

# Values of StepConfig.loss_denominator besides numbers.
DENOMINATORS = ("tokens", "positions")


@dataclasses.dataclass(frozen=True, kw_only=True)
class StepConfig:
    """What a training step does.

    Attributes:
        optimizer: from gradients to new weights.
        trained: which weights there are besides T5's, and which of all change.
        micro_batches: parts that a batch is computed in, one after the other: their gradients are added up, so the
            step is that of the whole batch and needs the memory of a part.
        loss_denominator: what the summed loss is divided by: "tokens", the target tokens of the batch; "positions",
            the batch's target positions, padding included, as Mesh-TensorFlow T5 does; or a number of tokens,
            whatever the batch holds.
        clip_norm: the largest norm of all gradients together: a longer gradient is shortened to it; None for none.
    """

    optimizer: Optimizer = adafactor()  # noqa: RUF009 - frozen, so it may be shared
    trained: Trained = everything()  # noqa: RUF009
    micro_batches: int = 1
    loss_denominator: str | float = "tokens"
    clip_norm: float | None = None

    def __post_init__(self) -> None:
        if self.micro_batches < 1:
            raise ValueError(f"micro_batches is {self.micro_batches}: it must be at least 1")
        check_denominator("loss_denominator", self.loss_denominator)
        if self.clip_norm is not None and not 0 < self.clip_norm < math.inf:
            raise ValueError(f"clip_norm is {self.clip_norm}: it must be positive and finite, or None")

    def description(self) -> dict[str, Any]:
        """Returns what a checkpoint's arrays depend on, optimizer and what is trained, as JSON."""
        return {"optimizer": _described(self.optimizer), "trained": _described(self.trained)}

    @classmethod
    def of_description(cls, description: Mapping[str, Any]) -> "StepConfig":
        """Returns the step that `description` describes; of an empty one the default, which older checkpoints had.

        Raises:
            ValueError: it has an optimizer or another choice that this version does not know.
        """
        found = {
            name: _built(description[name], union)
            for name, union in (("optimizer", Optimizer), ("trained", Trained))
            if name in description
        }
        return cls(**found)

    def rates(
        self,
        learning_rate: float,
        step: int,
        slots_since: int,
        first_steps: Sequence[int] | None,
        decay_rate: float | None = None,
    ) -> list[float] | list[list[float]]:
        """Returns what the program is told of a step; see `update.new_values`.

        Args:
            learning_rate: of the optimizer.
            step: of the training, counted from 0.
            slots_since: the step at which the optimizer's slots were new; negative where they come from an earlier
                training of the same kind.
            first_steps: at which each trained variable begins to change; None where all do from the start.
            decay_rate: in place of the optimizer's own.
        """

        def numbers(first: int) -> tuple[float, ...]:
            if decay_rate is not None:
                return (decay_rate,)
            # Steps that changed a variable's slots: here, and before where the slots were brought along.
            here = max(step - max(first, slots_since, 0), 0)
            return self.optimizer.numbers(here + max(-slots_since - first, 0))

        if first_steps is None:
            return [learning_rate, *numbers(0)]
        rows = {first: [float(step >= first), learning_rate, *numbers(first)] for first in first_steps}
        return [rows[first] for first in first_steps]

    def lengths(self, lengths: Mapping[str, int]) -> dict[str, int]:
        """Returns the lengths of all that the model computes on: with a prompt, also those of both together.

        Args:
            lengths: of the features.
        """
        if not isinstance(self.trained, prompt_tuning) or "inputs" not in lengths:
            return dict(lengths)
        return {**lengths, "inputs with their prompt": lengths["inputs"] + self.trained.length}

    def check_batch(self, batch_size: int) -> None:
        """Refuses a batch that the micro batches do not divide.

        Raises:
            ValueError: with sizes that would do.
        """
        if batch_size % self.micro_batches:
            above = -(-batch_size // self.micro_batches) * self.micro_batches
            raise ValueError(
                f"a batch of {batch_size} rows cannot be computed in micro_batches = {self.micro_batches} equal parts; "
                f"use a batch size such as {above}"
            )


def briefly(choice: Optimizer | Trained) -> str:
    """Returns a choice for people: its name, and the options that are not the default's."""
    options = [
        f"{field.name}={getattr(choice, field.name)!r}"
        for field in dataclasses.fields(choice)
        if getattr(choice, field.name) != field.default
    ]
    return f"{type(choice).__name__}({', '.join(options)})"


def _described(choice: Optimizer | Trained) -> dict[str, Any]:
    return {"kind": type(choice).__name__, **dataclasses.asdict(choice)}


def _built(description: Mapping[str, Any], union: Any) -> Any:
    kinds = {kind.__name__: kind for kind in typing.get_args(union)}
    kind = kinds.get(description.get("kind", ""))
    options = {name: value for name, value in description.items() if name != "kind"}
    try:
        if kind is not None:
            return kind(**options)
    except (TypeError, ValueError):
        pass
    raise ValueError(f"{dict(description)} is unknown to this version of t5mix: use the one that wrote the checkpoint")


def check_denominator(name: str, value: str | float) -> None:
    """Refuses what no loss can be divided by.

    Args:
        name: of the setting, for the error.
        value: what it is set to.
    """
    wrong = value not in DENOMINATORS if isinstance(value, str) else not 0 < value < math.inf
    if wrong:
        raise ValueError(
            f"{name} is {value!r}: choose {' or '.join(map(repr, DENOMINATORS))}, or a positive number of tokens"
        )

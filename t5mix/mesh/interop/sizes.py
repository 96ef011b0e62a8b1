"""How large a model is, counted from the shapes of its weights: no array is made, and TensorFlow not loaded."""

import dataclasses
import math
from collections.abc import Sequence

from t5mix.mesh.interop.architecture import Architecture
from t5mix.mesh.interop.names import weights_of
from t5mix.mesh.t5.config import T5Config

# Adafactor keeps a matrix's second moments as rows and columns where both have so many elements.
_MIN_SIZE_TO_FACTOR = 128


@dataclasses.dataclass(frozen=True)
class ModelSize:
    """Numbers of elements.

    Attributes:
        parameters: of all weights.
        adafactor_slots: that Adafactor keeps for them.
    """

    parameters: int
    adafactor_slots: int

    @classmethod
    def of(cls, config: T5Config) -> "ModelSize":
        """Counts a model."""
        shapes = [weight.shape for weight in weights_of(Architecture.of(config))]
        return cls(sum(map(math.prod, shapes)), sum(map(_slots, shapes)))

    def bytes(self) -> dict[str, int]:
        """Returns what lies in memory, in bytes: weights and optimizer slots; activations come on top of it.

        "train_adafactor" and "train_adamw" are weights, gradients and slots, all float32, as the engine trains.
        """
        weights, slots = 4 * self.parameters, 4 * self.adafactor_slots
        return {
            "weights_float32": weights,
            "weights_bfloat16": 2 * self.parameters,
            "adafactor": slots,
            "adamw": 2 * weights,
            "train_adafactor": 2 * weights + slots,
            "train_adamw": 4 * weights,
        }


def _slots(shape: Sequence[int]) -> int:
    """Counts the elements of a weight's Adafactor slots."""
    size = math.prod(shape)
    if len(shape) < 2:
        return size
    *_, second, largest = sorted(shape)
    return size if second < _MIN_SIZE_TO_FACTOR else size // largest + size // second

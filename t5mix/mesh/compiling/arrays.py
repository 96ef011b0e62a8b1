"""Which arrays the programs of a model take and return: found by building its graph, and kept beside its programs.

So a second start of a command, which traces nothing, loads no TensorFlow: that takes longer than all else it does.
"""

import dataclasses
import json
import zlib
from collections.abc import Mapping
from typing import Any

from t5mix.mesh.state import Initializer, Stored, Variable

# An array that a batch may have: 1 where a token's loss counts, and 0 where it is left out of what is minimized.
COUNTED = "targets_counted"


@dataclasses.dataclass(frozen=True)
class Arrays:
    """What programs take.

    Attributes:
        features: names of the arrays of a batch, in the order in which programs take them.
        stored_weights: all weights.
        changing: what training changes: weights, then their optimizer slots.
        first_steps: the step at which each trained variable begins to change; None where all do from the start.
    """

    features: tuple[str, ...]
    stored_weights: tuple[Stored, ...]
    changing: tuple[Stored, ...]
    first_steps: tuple[int, ...] | None

    @property
    def stored(self) -> list[Stored]:
        """All arrays, weights first: those that training changes, optimizer slots included, and those that it reads."""
        return [*self.stored_weights, *(one for one in self.changing if not one.trainable)]

    @property
    def frozen(self) -> list[Stored]:
        """Those of `stored_weights` that training reads and does not change, in order."""
        changing = {one.name for one in self.changing}
        return [one for one in self.stored_weights if one.name not in changing]

    @property
    def trained_weights(self) -> list[Stored]:
        """Those of `changing` that are weights, in order."""
        return [one for one in self.changing if one.trainable]

    @property
    def variables(self) -> list[Variable]:
        """All variables as they are on disk, weights first."""
        return [variable for one in self.stored for variable in one.variables]

    @property
    def weights(self) -> list[Variable]:
        """Those of `variables` that are weights, in order."""
        return [variable for variable in self.variables if variable.trainable]

    def to_bytes(self) -> bytes:
        """Returns JSON that `from_bytes` reads."""
        return json.dumps(dataclasses.asdict(self)).encode()

    @staticmethod
    def from_bytes(data: bytes) -> "Arrays":
        """Returns what `to_bytes` wrote."""
        found = json.loads(data)
        steps = found["first_steps"]
        return Arrays(
            tuple(found["features"]),
            tuple(map(_stored, found["stored_weights"])),
            tuple(map(_stored, found["changing"])),
            None if steps is None else tuple(steps),
        )


def _stored(found: Mapping[str, Any]) -> Stored:
    return Stored(tuple(map(_variable, found["variables"])), found["stacked"])


def _variable(found: Mapping[str, Any]) -> Variable:
    initializer = Initializer(**found["initializer"])
    return Variable(found["name"], tuple(found["shape"]), tuple(found["axes"]), found["trainable"], initializer)


def hash_of_name(variable: Variable) -> int:
    """Returns a number in [0, 2^32) that stands for a variable's name where its first value is drawn."""
    return zlib.crc32(variable.name.encode())

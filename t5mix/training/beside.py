"""What is done beside training, every so many steps, with a checkpoint that was just written: scores, for instance."""

import dataclasses
from collections.abc import Callable, Collection, Mapping

from t5mix.mesh.engine import State


@dataclasses.dataclass(frozen=True)
class Beside:
    """Work beside training.

    Attributes:
        every: steps from one time to the next.
        look: called with a step and the state then, whose checkpoint is on disk; tells whether training is to end
            here. It is called again where a run that was killed goes on at that step.
        spared: gives steps whose checkpoints stay, however old they are.
        numbers: gives what the last look found, by name, for services that follow the training.
    """

    every: int
    look: Callable[[int, State], bool]
    spared: Callable[[], Collection[int]] = tuple
    numbers: Callable[[], Mapping[str, float]] = dict

    def is_due(self, step: int) -> bool:
        """Tells whether a step is one of those."""
        return step > 0 and step % self.every == 0

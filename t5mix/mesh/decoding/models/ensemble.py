"""Several models as one: at each position the mean of their log-probabilities, made to sum up to 1 again.

The mean of log-probabilities is a geometric mean: a token is likely where no model finds it unlikely.
"""

import dataclasses
from collections.abc import Sequence

from t5mix.mesh.decoding.likeliest import Split
from t5mix.mesh.decoding.steps import Steps, Tensors
from t5mix.mesh.mesh_tensorflow import tf


@dataclasses.dataclass(frozen=True)
class EnsembleSteps:
    """The steps of models that stand side by side; see `Steps`.

    Attributes:
        members: of the same width and length.
    """

    members: Sequence[Steps]

    @property
    def width(self) -> int:
        """Sequences of an input."""
        return self.members[0].width

    @property
    def length(self) -> int:
        """Positions that are decoded at most."""
        return self.members[0].length

    @property
    def split(self) -> Split:
        """How the mesh splits the logits."""
        return self.members[0].split

    def start(self, inputs: tf.Tensor) -> tuple[Tensors, Tensors]:
        """Lets each model read the inputs; see `Steps.start`."""
        memory: dict[str, tf.Tensor] = {}
        caches: dict[str, tf.Tensor] = {}
        for number, member in enumerate(self.members):
            own_memory, own_caches = member.start(inputs)
            memory |= _named(own_memory, number)
            caches |= _named(own_caches, number)
        return memory, caches

    def step(
        self, tokens: tf.Tensor, position: tf.Tensor, own: tf.Tensor, memory: Tensors, caches: Tensors
    ) -> tuple[tf.Tensor, Tensors]:
        """Lets each model read one token of each sequence; see `Steps.step`."""
        total: tf.Tensor | None = None
        new: dict[str, tf.Tensor] = {}
        for number, member in enumerate(self.members):
            logits, own_caches = member.step(tokens, position, own, _of(memory, number), _of(caches, number))
            likelihoods = tf.nn.log_softmax(logits, -1)
            total = likelihoods if total is None else total + likelihoods
            new |= _named(own_caches, number)
        assert total is not None
        mean = total / len(self.members)
        return mean - tf.reduce_logsumexp(mean, -1, keepdims=True), new


def _named(tensors: Tensors, number: int) -> dict[str, tf.Tensor]:
    return {f"{number:03d}/{name}": value for name, value in tensors.items()}


def _of(tensors: Tensors, number: int) -> dict[str, tf.Tensor]:
    """Returns the tensors of one model, by its own names for them; what a search put beside them is left out."""
    start = f"{number:03d}/"
    return {name.removeprefix(start): value for name, value in tensors.items() if name.startswith(start)}

"""What a search needs of a model: it starts on inputs, then takes one token after the other.

Every input has `width` sequences side by side: beams, or samples. What earlier positions left in a cache is kept as
it was written, one slot for each position and sequence, and is never moved: each sequence says by a mask which slots
are its own. So beams change places without a copy of the cache, and read it together.

    rows    inputs
    width   sequences of an input
    length  positions that are decoded at most
    slots   length * width, slot p * width + w is that of sequence w at position p
"""

from collections.abc import Mapping
from typing import Any, Protocol

from t5mix.mesh.decoding.likeliest import Split
from t5mix.mesh.mesh_tensorflow import tf

PAD_ID, EOS_ID = 0, 1

# Tensors by name, each [rows, ..].
Tensors = Mapping[str, Any]


class Steps(Protocol):
    """A model that decodes `width` sequences of each input."""

    @property
    def width(self) -> int:
        """Sequences of an input."""
        ...

    @property
    def length(self) -> int:
        """Positions that are decoded at most."""
        ...

    @property
    def split(self) -> Split:
        """How a mesh splits the logits."""
        ...

    def start(self, inputs: tf.Tensor) -> tuple[Tensors, Tensors]:
        """Reads the inputs.

        Args:
            inputs: int32 [rows, inputs length], padded with 0.

        Returns:
            (memory, which every step reads; caches, which every step returns changed).
        """
        ...

    def step(
        self, tokens: tf.Tensor, position: tf.Tensor, own: tf.Tensor, memory: Tensors, caches: Tensors
    ) -> tuple[tf.Tensor, Tensors]:
        """Reads one token of each sequence.

        Args:
            tokens: int32 [rows, width], those before the position; 0 at the first.
            position: int32 [].
            own: bool [rows, width, slots], the slots of each sequence, that of this position among them.
            memory: as `start` returned it.
            caches: as `start` or the step before returned them.

        Returns:
            (logits of the tokens at the position, float32 [rows, width, vocab]; new caches).
        """
        ...


def own_slots(position: tf.Tensor, width: int, length: int) -> tf.Tensor:
    """Returns the slots of sequences that never change places: bool [width, slots]."""
    slot = tf.range(width * length)
    of_sequence = tf.equal(slot % width, tf.range(width)[:, None])
    return tf.logical_and(of_sequence, slot <= position * width + (width - 1))


def written(whole: tf.Tensor, part: tf.Tensor, at: tf.Tensor, axis: int) -> tf.Tensor:
    """Returns `whole` with `part` from index `at` of an axis on: XLA writes it in place."""
    from tensorflow.compiler.tf2xla.ops import gen_xla_ops

    start = tf.one_hot(axis, len(whole.shape), dtype=tf.int32) * at
    return gen_xla_ops.xla_dynamic_update_slice(input=whole, update=part, indices=start)

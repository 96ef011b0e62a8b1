"""A language model or a prefix LM, one position at a time.

The inputs are read at once. Their keys and values lie in the first slots of the caches, set right: whatever the length
of an input, its last token is read at the first position that is decoded, and differences of positions are what they
are while it is trained.
"""

import dataclasses
from typing import Any

from t5mix.mesh.decoding.models.encoder_decoder import EncoderDecoderSteps, Graph
from t5mix.mesh.decoding.steps import PAD_ID, Tensors
from t5mix.mesh.mesh_tensorflow import mtf, tf
from t5mix.mesh.t5.attention import INVISIBLE, visible_to
from t5mix.mesh.t5.feed_forward import feed_forward
from t5mix.mesh.t5.fine_tuning.adapters import adapted
from t5mix.mesh.t5.parameters import Scope
from t5mix.mesh.t5.sublayers import Dropout, rms_norm


@dataclasses.dataclass(frozen=True)
class DecoderOnlySteps(EncoderDecoderSteps):
    """The steps of a decoder alone; see `Steps`, and `EncoderDecoderSteps` for what it is made of."""

    def start(self, inputs: tf.Tensor) -> tuple[Tensors, Tensors]:
        """Reads the inputs; see `Steps.start`.

        The slots hold 0, where an example begins, and all inputs but the last.
        """
        slots, config = inputs.shape[1], self.model.config
        sizes = tf.reduce_sum(tf.cast(tf.not_equal(inputs, PAD_ID), tf.int32), axis=1)
        read, segments = set_right(tf.pad(inputs, [[0, 0], [1, 0]]), sizes + 1)
        graph = Graph(self)
        kept = graph.lowered(self._keys_and_values(graph, read, segments))
        empty = tf.zeros([inputs.shape[0], config.num_heads, self.length * self.width, config.d_kv])
        caches = {
            name: tf.concat([value[:, :, :slots], tf.cast(empty, value.dtype)], axis=2) for name, value in kept.items()
        }
        unseen = tf.where(tf.equal(segments[:, :slots], 0), INVISIBLE, 0.0)
        return {"last": read[:, slots], "unseen": unseen}, caches

    def reads(
        self, tokens: tf.Tensor, position: tf.Tensor, own: tf.Tensor, memory: Tensors
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns what a step reads; at the first position, the last token of the inputs."""
        tokens = tf.where(tf.equal(position, 0), memory["last"][:, None], tokens)
        unseen = memory["unseen"]
        inputs = tf.broadcast_to(unseen[:, None], [unseen.shape[0], self.width, unseen.shape[1]])
        return tokens, tf.concat([inputs, tf.where(own, 0.0, INVISIBLE)], axis=2)

    def _keys_and_values(self, graph: Graph, read: tf.Tensor, segments: tf.Tensor) -> dict[str, Any]:
        """Returns keys and values of every self-attention, [batch, heads, memory_length, d_kv]."""
        stack, config = self.model.decoder, self.model.config
        x = self.model.embedding(graph.get).vectors(graph.tensor(read, "batch", "length"))
        length = x.shape.dims[1]
        memory_length = mtf.Dimension("memory_length", length.size)
        own = graph.tensor(segments, "batch", "memory_length")
        prefix = own if config.architecture == "prefix_lm" else None
        mask = visible_to(graph.tensor(segments, "batch", "length"), own, causal=True, prefix=prefix)
        made: dict[str, Any] = {}
        for number, (part, layer) in enumerate(self.layers(graph)):
            normal = rms_norm(x, layer)
            if part == "SelfAttention":
                block = number // len(stack.parts)
                bias = stack.relative_positions(Scope(stack.name, graph.get), block).bias(length, memory_length)
                attention = self.attention(layer / part, x.shape.dims[-1])
                k, v = attention.keys_and_values(mtf.replace_dimensions(normal, length, memory_length))
                made |= {f"k{number:03d}": k, f"v{number:03d}": v}
                y = attention.attend(attention.queries(normal), k, v, [bias, mask])
            else:
                d_ff = mtf.Dimension("d_ff", config.d_ff)
                y = feed_forward(normal, layer / part, d_ff, config.activations, Dropout(0.0, 0))
            x = x + adapted(y, layer / part, part, self.model.trained)
        return made


def set_right(ids: tf.Tensor, sizes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Moves the tokens of each row to its right end.

    Example: of [[0, 7, 8, 0]] with 3 tokens it makes [[0, 0, 7, 8]], and segments [[0, 1, 1, 1]].

    Args:
        ids: int32 [rows, length].
        sizes: int32 [rows]: tokens of each row, at its beginning.

    Returns:
        (ids; segments, 1 at tokens, 0 elsewhere), int32 [rows, length] each.
    """
    length = ids.shape[1]
    places = tf.range(length)[None] - (length - sizes)[:, None]
    segments = tf.cast(places >= 0, tf.int32)
    return tf.gather(ids, tf.maximum(places, 0), batch_dims=1) * segments, segments

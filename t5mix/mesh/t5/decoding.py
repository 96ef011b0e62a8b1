"""Greedy decoding: one token at a time, with keys and values of earlier positions kept.

The blocks are written out: a step is short, and every block has keys and values of its own.
"""

from collections.abc import Callable
from typing import Any

from t5mix.mesh.mesh_tensorflow import mtf, tf
from t5mix.mesh.t5.attention import INVISIBLE, Attention
from t5mix.mesh.t5.embedding import Embedding
from t5mix.mesh.t5.feed_forward import feed_forward
from t5mix.mesh.t5.fine_tuning.adapters import adapted
from t5mix.mesh.t5.parameters import GetWeight, Scope, layer_scope
from t5mix.mesh.t5.stack import Stack
from t5mix.mesh.t5.sublayers import Dropout, rms_norm

EOS_ID = 1


def greedy(
    stack: Stack,
    get: GetWeight,
    embedding: Embedding,
    to_logits: Callable[[Any], Any],
    memory: Any,
    memory_segments: Any,
    length: int,
) -> Any:
    """Decodes until every row has an EOS, or `length` positions: int32 [batch, length].

    Args:
        stack: the decoder.
        get: where its weights come from.
        embedding: of tokens.
        to_logits: [batch, 1, d_model] to [batch, 1, vocab].
        memory: the encoder's output, [batch, memory_length, d_model].
        memory_segments: int32 [batch, memory_length], 0 at padding.
        length: positions to decode.
    """
    step = _Step(stack, get, memory, memory_segments, mtf.Dimension("memory_length", length))
    batch = memory.shape.dims[0]
    mesh = memory.mesh
    ids = mtf.zeros(mesh, mtf.Shape([batch, mtf.Dimension("length", length)]), tf.int32)
    last = mtf.zeros(mesh, mtf.Shape([batch, mtf.Dimension("length", 1)]), tf.int32)
    done = mtf.zeros(mesh, mtf.Shape([batch]), tf.int32)

    def goes_on(position: Any, ids: Any, last: Any, done: Any, *caches: Any) -> Any:
        unfinished = mtf.less(mtf.reduce_min(done), 1)
        return mtf.logical_and(mtf.less(position, length), unfinished)

    def body(position: Any, ids: Any, last: Any, done: Any, *caches: Any) -> list[Any]:
        hidden, new = step(embedding.vectors(last), position, list(caches))
        chosen = _likeliest(to_logits(hidden))
        done = mtf.maximum(done, mtf.reshape(mtf.to_int32(mtf.equal(chosen, EOS_ID)), done.shape))
        return [position + 1, _written(ids, chosen, position, axis=1), chosen, done, *new]

    start = [mtf.zeros(mesh, mtf.Shape([]), tf.int32), ids, last, done, *step.empty_caches()]
    return mtf.while_loop(goes_on, body, start)[1]


class _Step:
    """The decoder at one position."""

    def __init__(self, stack: Stack, get: GetWeight, memory: Any, memory_segments: Any, own_length: Any):
        """Makes what all steps share: weights, and the keys and values of the encoder's output."""
        self._stack, self._own_length, self._memory = stack, own_length, memory
        self._scope = Scope(stack.name, get)
        self._relative = stack.relative_positions(self._scope)
        d_model = memory.shape.dims[-1]
        self._layers: list[tuple[str, Scope, Attention | None, tuple[Any, Any] | None]] = []
        for block in range(stack.num_blocks):
            for number, part in enumerate(stack.parts):
                layer = layer_scope(self._scope, block, number, len(stack.parts))
                attention = stack.attention(layer / part, d_model) if part.endswith("Attention") else None
                seen = attention.keys_and_values(memory) if attention and part == "EncDecAttention" else None
                self._layers.append((part, layer, attention, seen))
        self._unseen = mtf.to_float(mtf.equal(memory_segments, 0)) * INVISIBLE

    def empty_caches(self) -> list[Any]:
        """Returns the keys and values of each block's self-attention before the first step: zeros."""
        caches = []
        for part, _, attention, _ in self._layers:
            if part == "SelfAttention" and attention:
                dimensions = [self._memory.shape.dims[0], attention.heads, self._own_length, attention.d_kv]
                empty = mtf.zeros(self._memory.mesh, mtf.Shape(dimensions), self._memory.dtype)
                caches += [empty, empty]
        return caches

    def __call__(self, x: Any, position: Any, caches: list[Any]) -> tuple[Any, list[Any]]:
        """Takes [batch, 1, d_model] to the same after all blocks, and to the caches with this position written."""
        off = Dropout(0.0, 0)
        new: list[Any] = []
        bias = self._relative.bias_of_one_query(position, self._own_length)
        later = mtf.greater(mtf.range(x.mesh, self._own_length, tf.int32), position)
        added = [bias, mtf.to_float(later) * INVISIBLE]
        d_ff = mtf.Dimension("d_ff", self._stack.config.d_ff)
        for part, layer, attention, seen in self._layers:
            normal = rms_norm(x, layer)
            if attention is None:
                y = feed_forward(normal, layer / part, d_ff, self._stack.config.activations, off)
            elif seen is not None:
                y = attention.attend(attention.queries(normal), *seen, [self._unseen])
            else:
                here = mtf.replace_dimensions(normal, x.shape.dims[-2], mtf.Dimension("memory_length", 1))
                k, v = (
                    _written(cache, value, position, axis=2)
                    for cache, value in zip(caches[len(new) :], attention.keys_and_values(here), strict=False)
                )
                new += [k, v]
                y = attention.attend(attention.queries(normal), k, v, added)
            x = x + adapted(y, layer / part, part, self._stack.trained)
        return rms_norm(x, self._scope), new


def _likeliest(logits: Any) -> Any:
    """Picks the likeliest id: [..., vocab] to int32 [...]."""
    shape = mtf.Shape(logits.shape.dims[:-1])

    def argmax(logits: tf.Tensor) -> tf.Tensor:
        return tf.argmax(logits, -1, output_type=tf.int32)

    return mtf.slicewise(
        argmax, [logits], output_shape=shape, output_dtype=tf.int32, splittable_dims=[], grad_function=0
    )


def _written(whole: Any, part: Any, position: Any, axis: int) -> Any:
    """Returns `whole` with `part`, which has one position, written at `position` of dimension number `axis`."""
    rank = whole.shape.ndims

    def write(whole: tf.Tensor, part: tf.Tensor, position: tf.Tensor) -> tf.Tensor:
        from tensorflow.compiler.tf2xla.ops import gen_xla_ops

        start = tf.one_hot(axis, rank, dtype=tf.int32) * position
        return gen_xla_ops.xla_dynamic_update_slice(input=whole, update=part, indices=start)

    return mtf.slicewise(write, [whole, part, position], splittable_dims=[], grad_function=0)

"""Multi-head attention: projections, softmax over visible positions, and which positions those are.

Shapes, by dimension name; weights have heads and d_kv joined in one dimension "heads", as on T5's disks:

    x        [batch, length, d_model]               queries come from it
    memory   [batch, memory_length, d_model]        keys and values come from it
    q        [batch, heads, length, d_kv]
    k, v     [batch, heads, memory_length, d_kv]
    weights  [batch, heads, length, memory_length]
    mask     [batch, length, memory_length]         0 where attention may look, -1e9 elsewhere
    bias     [heads, length, memory_length]         of relative positions
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

from t5mix.mesh.compiling import operations
from t5mix.mesh.compiling.sums import SumOverBatch
from t5mix.mesh.mesh_tensorflow import mtf, tf
from t5mix.mesh.state import Initializer
from t5mix.mesh.t5.parameters import Scope
from t5mix.mesh.t5.sublayers import Dropout

INVISIBLE = -1e9


def visible_to(query_segments: Any, memory_segments: Any, *, causal: bool = False, prefix: Any = None) -> Any:
    """Returns the mask by which attention stays within a segment: float32 [batch, length, memory_length].

    Args:
        query_segments: int32 [batch, length], 0 at padding.
        memory_segments: int32 [batch, memory_length].
        causal: whether a position sees itself and those before it only.
        prefix: int32 [batch, memory_length], 1 at positions that all of their segment see, though it be causal.
    """
    shape = mtf.Shape([*query_segments.shape.dims, memory_segments.shape.dims[-1]])

    def mask(queries: tf.Tensor, memory: tf.Tensor, *prefix: tf.Tensor) -> tf.Tensor:
        seen = tf.equal(queries[:, :, None], memory[:, None, :])
        if causal:
            # Made of a run-time value, or TensorFlow would fold [length, length] into a constant.
            zero = queries[:, :1] & 0
            rows = zero + tf.range(queries.shape[1])[None, :]
            before = rows[:, :, None] >= rows[:, None, :]
            for each in prefix:
                before = tf.logical_or(before, tf.not_equal(each, 0)[:, None, :])
            seen = tf.logical_and(seen, before)
        return tf.where(seen, 0.0, INVISIBLE)

    return mtf.slicewise(
        mask,
        [query_segments, memory_segments, *([] if prefix is None else [prefix])],
        output_shape=shape,
        output_dtype=tf.float32,
        splittable_dims=[],
        grad_function=0,
        name="visible_to",
    )


@dataclasses.dataclass(frozen=True)
class Attention:
    """The weights of one attention layer and what is computed with them."""

    q: Any
    k: Any
    v: Any
    o: Any
    heads: Any
    d_kv: Any

    @classmethod
    def make(cls, scope: Scope, d_model: Any, num_heads: int, d_kv: int) -> "Attention":
        """Makes (or finds) the weights q, k, v [d_model, heads] and o [heads, d_model]."""
        joined = mtf.Dimension("heads", num_heads * d_kv)
        inner, outer = d_model.size**-0.5, joined.size**-0.5
        # The division of the logits by sqrt(d_kv) is in the queries' first values.
        q, k, v = (
            scope.weight(name, [d_model, joined], Initializer("normal", scale))
            for name, scale in (("q", inner * d_kv**-0.5), ("k", inner), ("v", inner))
        )
        o = scope.weight("o", [joined, d_model], Initializer("normal", outer))
        return cls(q, k, v, o, mtf.Dimension("heads", num_heads), mtf.Dimension("d_kv", d_kv))

    def queries(self, x: Any) -> Any:
        """Projects [batch, length, d_model] to [batch, heads, length, d_kv]; without length, without it."""
        return self._split_heads(mtf.einsum([x, self.q], reduced_dims=x.shape.dims[-1:]))

    def keys_and_values(self, memory: Any) -> tuple[Any, Any]:
        """Projects [batch, memory_length, d_model] to two of [batch, heads, memory_length, d_kv]."""
        reduced = memory.shape.dims[-1:]
        k, v = (mtf.einsum([memory, weights], reduced_dims=reduced) for weights in (self.k, self.v))
        return self._split_heads(k), self._split_heads(v)

    def attend(self, q: Any, k: Any, v: Any, added: Sequence[Any], dropout: Dropout | None = None) -> Any:
        """Returns what the queries find: [batch, length, d_model].

        Logits and their softmax are float32 whatever the type of the activations.

        Args:
            q: queries.
            k: keys.
            v: values.
            added: what is added to the logits: masks and biases.
            dropout: of the attention weights; one mask for all queries.
        """
        memory_length = k.shape.dims[-2]
        shape = mtf.Shape([*q.shape.dims[:-1], memory_length])
        logits = mtf.einsum([mtf.to_float(q), mtf.to_float(k)], output_shape=shape)
        for term in added:
            logits = _plus(logits, mtf.to_float(term))
        weights = mtf.cast(softmax(logits), v.dtype)
        if dropout is not None:
            # Dropping a memory position of a head for all queries is dropping its value.
            v = dropout(v, without=self.d_kv)
        found = mtf.einsum([weights, v], output_shape=q.shape)
        return mtf.einsum([self._join_heads(found), self.o], reduced_dims=self.o.shape.dims[:1])

    def _split_heads(self, x: Any) -> Any:
        leading = x.shape.dims[:-1]
        split = mtf.reshape(x, mtf.Shape([*leading, self.heads, self.d_kv]))
        return mtf.transpose(split, mtf.Shape([leading[0], self.heads, *leading[1:], self.d_kv]))

    def _join_heads(self, x: Any) -> Any:
        batch, heads, *lengths, d_kv = x.shape.dims
        ordered = mtf.transpose(x, mtf.Shape([batch, *lengths, heads, d_kv]))
        return mtf.reshape(ordered, mtf.Shape([batch, *lengths, self.o.shape.dims[0]]))


def _plus(logits: Any, term: Any) -> Any:
    """Returns logits and a mask or bias of their shape, but for dimensions that the term lacks."""
    if term.shape.dims != logits.shape.dims[1:]:
        return mtf.add(logits, term, output_shape=logits.shape)
    return mtf.slicewise(
        tf.add,
        [logits, term],
        output_shape=logits.shape,
        splittable_dims=[],
        grad_function=lambda _, dy: [dy, SumOverBatch(dy).outputs[0]],
        name="plus_bias",
    )


def softmax(logits: Any) -> Any:
    """Returns the softmax over the last dimension; its gradient reads the result alone."""

    def gradient(operation: Any, dy: Any) -> list[Any]:
        def of_logits(weights: tf.Tensor, dy: tf.Tensor) -> tf.Tensor:
            return weights * (dy - tf.reduce_sum(weights * dy, -1, keepdims=True))

        return [mtf.slicewise(of_logits, [operation.outputs[0], dy], splittable_dims=[], grad_function=0)]

    return mtf.slicewise(operations.softmax, [logits], splittable_dims=[], grad_function=gradient, name="softmax")

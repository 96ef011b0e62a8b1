"""A stack: blocks of residual layers, written out one by one or as one loop.

    encoder block   self-attention, feed-forward
    decoder block   self-attention, attention to the encoder's output (where there is an encoder), feed-forward

Every layer is x + dropout(layer(rms_norm(x))); the stack ends with a normalization (Raffel et al. 2020, section 2.1).
"""

import dataclasses
from typing import Any

from t5mix.mesh.mesh_tensorflow import mtf
from t5mix.mesh.t5.attention import Attention, visible_to
from t5mix.mesh.t5.config import T5Config
from t5mix.mesh.t5.feed_forward import feed_forward
from t5mix.mesh.t5.fine_tuning.adapters import adapted
from t5mix.mesh.t5.fine_tuning.settings import Trained, everything
from t5mix.mesh.t5.loop import BlockLoop
from t5mix.mesh.t5.parameters import GetWeight, Scope, layer_scope
from t5mix.mesh.t5.relative_positions import RelativePositions
from t5mix.mesh.t5.sublayers import Dropout, rms_norm

ENCODER_PARTS = ("SelfAttention", "DenseReluDense")
DECODER_PARTS = ("SelfAttention", "EncDecAttention", "DenseReluDense")
DECODER_ONLY_PARTS = ENCODER_PARTS

# Masks of a block are numbered from here on; the stack's own two come before.
_FIRST_OF_BLOCK = 2


@dataclasses.dataclass(frozen=True)
class Masks:
    """What the blocks of a stack read besides weights, and what has no gradient.

    Attributes:
        own: [batch, length, memory_length], for self-attention.
        real: of the activations' type, [batch, length]: 0 at padding, 1 elsewhere.
        memory: [batch, length, memory_length of the encoder's output], in a decoder.
    """

    own: Any
    real: Any
    memory: Any = None


@dataclasses.dataclass(frozen=True)
class Stack:
    """The encoder or the decoder.

    Attributes:
        config: of the model.
        name: "encoder" or "decoder", the root of its weights' names.
        num_blocks: how many blocks.
        parts: layers of a block.
        first_mask: number of its first dropout mask.
        trained: what is trained; adapters stand after layers.
    """

    config: T5Config
    name: str
    num_blocks: int
    parts: tuple[str, ...]
    first_mask: int
    trained: Trained = everything()  # noqa: RUF009 - frozen, so it may be shared

    @property
    def causal(self) -> bool:
        """Whether a position sees only itself and those before it."""
        return self.name == "decoder"

    def relative_positions(self, scope: Scope, block: int = 0) -> RelativePositions:
        """Returns the bias of a block's self-attention.

        Where all blocks share one, its weight stands in the first, as on T5's disks. A prefix LM sees what comes behind
        an input, too, so it has the encoder's buckets, as in Mesh-TensorFlow.

        Args:
            scope: of the stack.
            block: number of the block.
        """
        config = self.config
        layer = layer_scope(scope, block if config.per_layer_bias else 0, 0, len(self.parts)) / self.parts[0]
        return RelativePositions(
            layer,
            mtf.Dimension("heads", config.num_heads),
            config.relative_attention_buckets,
            bidirectional=not self.causal or config.architecture == "prefix_lm",
            max_distance=config.relative_attention_max_distance,
        )

    def attention(self, scope: Scope, d_model: Any) -> Attention:
        """Returns the attention layer at a scope."""
        return Attention.make(scope, d_model, self.config.num_heads, self.config.d_kv)

    def __call__(
        self,
        x: Any,
        get: GetWeight,
        segments: Any,
        *,
        train: bool,
        memory: Any = None,
        memory_segments: Any = None,
        prefix: Any = None,
    ) -> Any:
        """Returns the stack's output, [batch, length, d_model].

        Args:
            x: embedded tokens, [batch, length, d_model].
            get: where weights come from.
            segments: int32 [batch, length], 0 at padding.
            train: whether dropout is on.
            memory: the encoder's output, [batch, memory_length, d_model], in a decoder.
            memory_segments: int32 [batch, memory_length], in a decoder.
            prefix: int32 [batch, length], 1 at positions that all of their segment see, in the decoder of a prefix LM.
        """
        scope = Scope(self.name, get)
        rate = self.config.dropout_rate if train else 0.0
        outer = Dropout(rate, self.first_mask)
        length = x.shape.dims[-2]
        x = outer(x, without=length)
        masks = self._masks(segments, memory_segments, prefix, x.dtype)
        shared = [] if self.config.per_layer_bias else [self._bias(scope, 0, length)]
        x = self._blocks(x, scope, masks, shared if memory is None else [*shared, memory], rate)
        x = outer(rms_norm(x, scope), without=length)
        return mtf.multiply(x, masks.real, output_shape=x.shape)

    def _bias(self, scope: Scope, block: int, length: Any) -> Any:
        return self.relative_positions(scope, block).bias(length, mtf.Dimension("memory_length", length.size))

    def _masks(self, segments: Any, memory_segments: Any, prefix: Any, dtype: Any) -> Masks:
        length = segments.shape.dims[-1]
        own, prefix = (
            None if ids is None else mtf.replace_dimensions(ids, length, mtf.Dimension("memory_length", length.size))
            for ids in (segments, prefix)
        )
        return Masks(
            own=visible_to(segments, own, causal=self.causal, prefix=prefix),
            real=mtf.cast(mtf.not_equal(segments, 0), dtype),
            memory=None if memory_segments is None else visible_to(segments, memory_segments),
        )

    def _blocks(self, x: Any, scope: Scope, masks: Masks, shared: list[Any], rate: float) -> Any:
        first = self.first_mask + _FIRST_OF_BLOCK
        policy = self.config.loop_policy(self.num_blocks)
        if policy is not None:

            def build(x: Any, shared: list[Any], get: GetWeight) -> Any:
                return self._block(x, Scope(self.name, get), 0, masks, shared, Dropout(rate, first, None))

            return BlockLoop(x, shared, build, scope.get, self.num_blocks, policy).outputs[0]
        for block in range(self.num_blocks):
            x = self._block(x, scope, block, masks, shared, Dropout(rate, first, block))
        return x

    def _block(self, x: Any, scope: Scope, block: int, masks: Masks, shared: list[Any], dropout: Dropout) -> Any:
        length = x.shape.dims[-2]
        bias = self._bias(scope, block, length) if self.config.per_layer_bias else shared[0]
        for number, part in enumerate(self.parts):
            layer = layer_scope(scope, block, number, len(self.parts))
            normal = mtf.multiply(rms_norm(x, layer), masks.real, output_shape=x.shape)
            y = self._layer(part, normal, layer / part, masks, bias, shared[-1:], dropout)
            y = adapted(y, layer / part, part, self.trained)
            x = x + dropout(y, without=length)
        return x

    def _layer(
        self, part: str, x: Any, scope: Scope, masks: Masks, bias: Any, memory: list[Any], dropout: Dropout
    ) -> Any:
        if part == "SelfAttention":
            attention = self.attention(scope, x.shape.dims[-1])
            own = mtf.replace_dimensions(x, x.shape.dims[-2], masks.own.shape.dims[-1])
            return attention.attend(attention.queries(x), *attention.keys_and_values(own), [bias, masks.own], dropout)
        if part == "EncDecAttention":
            attention = self.attention(scope, x.shape.dims[-1])
            k, v = attention.keys_and_values(memory[0])
            return attention.attend(attention.queries(x), k, v, [masks.memory], dropout)
        d_ff = mtf.Dimension("d_ff", self.config.d_ff)
        return feed_forward(x, scope, d_ff, self.config.activations, dropout)

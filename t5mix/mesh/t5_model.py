"""The T5 encoder-decoder, built from upstream's layers.

Named dimensions, the same in every file of the engine:

    batch           rows of a batch; a row holds one example, or several packed ones
    length          positions of a row: of the inputs in the encoder, of the targets in the decoder
    memory_length   positions that attention reads
    d_model         the residual stream
    d_ff            the hidden layer of feed-forward
    heads           attention heads, joined with d_kv in the weights
    vocab           token ids, padded to a multiple of 128
"""

import dataclasses
import functools
from typing import Any

from t5mix.mesh.mesh_tensorflow import MODES, mtf, tf, transformer, transformer_layers
from t5mix.mesh.t5_config import VOCAB_DIVISOR, T5Config


@dataclasses.dataclass(frozen=True)
class Batch:
    """The tensors of a batch in an mtf graph, each int32 [batch, length]; padding has segment id 0."""

    inputs: Any
    targets: Any
    inputs_segment_ids: Any
    targets_segment_ids: Any


class Embedding:
    """Token ids to vectors by a gather, and vectors to logits when the output layer is tied.

    Upstream multiplies by a one-hot matrix: 2 * tokens * vocab * d_model FLOPs in each direction that a gather and
    its scatter do not spend.
    """

    def __init__(self, mesh: Any, vocab: Any, d_model: Any, dtype: Any):
        """Makes (or finds) the variable `embedding` [vocab, d_model] in the current variable scope."""
        self._vocab, self._d_model = vocab, d_model
        self._weights = mtf.layers.embedding_weights(mesh, vocab, d_model, dtype, "embedding")

    def ids_to_embedding(self, ids: Any, context: Any) -> Any:
        """Int32 [..., length] to [..., length, d_model]."""
        return mtf.slicewise(
            tf.gather,
            [self._weights, ids],
            output_shape=mtf.Shape([*ids.shape.dims, self._d_model]),
            output_dtype=self._weights.dtype,
            splittable_dims=[],
            grad_function=self._gradient,
        )

    def hidden_to_logits(self, hidden: Any, context: Any) -> Any:
        """[..., length, d_model] to [..., length, vocab], scaled by d_model^-0.5 (Raffel et al. 2020, section 2.1)."""
        return mtf.einsum([hidden * self._d_model.size**-0.5, self._weights], reduced_dims=[self._d_model])

    def _gradient(self, operation: Any, gradient: Any) -> list[Any]:
        def scatter(ids: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
            rows = tf.reshape(rows, [-1, self._d_model.size])
            return tf.math.unsorted_segment_sum(rows, tf.reshape(ids, [-1]), self._vocab.size)

        weights, ids = operation.inputs
        shape = weights.shape
        dtype = gradient.dtype
        return [
            mtf.slicewise(scatter, [ids, gradient], output_shape=shape, output_dtype=dtype, splittable_dims=[]),
            None,
        ]


class _EncoderDecoder(transformer.Bitransformer):
    """Upstream's encoder-decoder with the embedding above, shared by both sides."""

    def _shared_params(self, mesh: Any, variable_dtype: Any) -> dict[str, Any]:
        with tf.compat.v1.variable_scope("shared"):
            return {"embedding": Embedding(mesh, self.encoder.input_vocab_dim, self.encoder.model_dim, variable_dtype)}


class T5Model:
    """A T5 of one size: builds its parts into the mtf graph that its arguments belong to."""

    def __init__(self, config: T5Config):
        """Makes the layers; variables come into being when a method is called within a graph."""
        self.config = config
        activation = tf.as_dtype(config.activation_dtype)
        self._dtype = mtf.VariableDType(tf.float32, tf.float32, activation)
        common: dict[str, Any] = {
            "d_model": config.d_model,
            "input_vocab_size": config.vocab_size,
            "vocab_divisor": VOCAB_DIVISOR,
            "max_length": 0,
            "positional_embedding": False,
            "shared_embedding_and_softmax_weights": config.tied_embeddings,
        }
        encoder = transformer.Unitransformer(
            _layer_stack(config, config.num_encoder_layers, decoder=False),
            output_vocab_size=None,
            autoregressive=False,
            name="encoder",
            **common,
        )
        decoder = transformer.Unitransformer(
            _layer_stack(config, config.num_decoder_layers, decoder=True),
            output_vocab_size=config.vocab_size,
            autoregressive=True,
            name="decoder",
            **common,
        )
        self._transformer = _EncoderDecoder(encoder, decoder, shared_embedding=True)

    def logits(self, batch: Batch, *, train: bool) -> Any:
        """Logits of each target token given those before it: float32 [batch, length, vocab].

        Attention, the shift of the targets and the relative positions stay within a segment, so packed examples do
        not see each other.

        Args:
            batch: the batch, of this graph.
            train: whether dropout is on.
        """
        logits, _ = self._transformer.call_simple(
            batch.inputs,
            batch.targets,
            compute_loss=False,
            mode=MODES.TRAIN if train else MODES.EVAL,
            variable_dtype=self._dtype,
            encoder_sequence_id=batch.inputs_segment_ids,
            decoder_sequence_id=batch.targets_segment_ids,
        )
        return mtf.to_float(logits)

    def token_losses(self, batch: Batch, *, train: bool) -> tuple[Any, Any]:
        """What each target token costs: (cross-entropy in nats, the loss to minimize), float32 [batch, length].

        The second adds label smoothing and z-loss.  Both are 0 at padding.
        """
        logits = self.logits(batch, train=train)
        vocab = self._transformer.output_vocab_dim
        log_z = mtf.reduce_logsumexp(logits, vocab)
        chosen = mtf.reduce_sum(logits * mtf.one_hot(batch.targets, vocab), reduced_dim=vocab)
        cross_entropy = log_z - chosen
        loss = cross_entropy + self.config.z_loss * mtf.square(log_z)
        if self.config.label_smoothing:
            spread = log_z - mtf.reduce_mean(logits, reduced_dim=vocab)
            loss += self.config.label_smoothing * (spread - cross_entropy)
        real = mtf.to_float(mtf.not_equal(batch.targets_segment_ids, 0))
        return cross_entropy * real, loss * real

    def greedy(self, inputs: Any, max_decode_length: int) -> Any:
        """The most likely next token, again and again: int32 [batch, length of max_decode_length].

        Decoding stops when every row has an EOS (id 1) or the length is reached; what follows a row's EOS means
        nothing.

        Args:
            inputs: int32 [batch, length], padded with 0.
            max_decode_length: positions to decode.
        """
        return self._transformer.decode(
            inputs,
            variable_dtype=self._dtype,
            beam_size=1,
            temperature=0.0,
            max_decode_length=max_decode_length,
        )


def _layer_stack(config: T5Config, num_blocks: int, *, decoder: bool) -> Any:
    """`num_blocks` pre-norm residual blocks, as T5's gin files put them together."""
    dropout = functools.partial(transformer.sublayer_dropout, dropout_rate=config.dropout_rate)
    attention: dict[str, Any] = {
        "num_heads": config.num_heads,
        "key_value_size": config.d_kv,
        "dropout_rate": config.dropout_rate,
    }
    layers = []
    for _ in range(num_blocks):
        layers.append(
            transformer_layers.SelfAttention(
                relative_attention_type="bias_shared",
                relative_attention_num_buckets=config.relative_attention_buckets,
                **attention,
            )
        )
        if decoder:
            layers.append(transformer_layers.EncDecAttention(**attention))
        layers.append(
            transformer_layers.DenseReluDense(
                hidden_size=config.d_ff,
                dropout_rate=config.dropout_rate,
                activation=list(config.activations),
            )
        )
    for number, layer in enumerate(layers):
        layer.set_name(f"layer_{number:03d}")
    return transformer.LayerStack(
        layers,
        sublayers_initial=[dropout],
        sublayers_per_layer=[
            transformer.sublayer_rms_norm,
            transformer.sublayer_call_layer,
            dropout,
            transformer.sublayer_residual,
        ],
        sublayers_final=[transformer.sublayer_rms_norm, dropout],
    )

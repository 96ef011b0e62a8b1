"""The model: an encoder and a decoder, or a decoder alone.

Named dimensions, the same in every file of the engine:

    batch           rows of a batch; a row holds one example, or several packed ones
    length          positions of a row: of the inputs in the encoder, of the targets in the decoder; of both, one
                    behind the other, where there is a decoder alone
    memory_length   positions that attention reads
    d_model         the residual stream
    d_ff            the hidden layer of feed-forward
    heads           attention heads, joined with d_kv in the weights
    vocab           token ids, padded to a multiple of 128
    layers          blocks of a stack, where they are a loop
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

from t5mix.mesh.mesh_tensorflow import mtf, tf
from t5mix.mesh.t5.config import T5Config
from t5mix.mesh.t5.embedding import Embedding
from t5mix.mesh.t5.feed_forward import dense
from t5mix.mesh.t5.fine_tuning.lora import with_lora
from t5mix.mesh.t5.fine_tuning.prompt import with_prompt
from t5mix.mesh.t5.fine_tuning.selection import is_trained
from t5mix.mesh.t5.fine_tuning.settings import Trained, everything, lora, prompt_tuning
from t5mix.mesh.t5.losses import TokenLosses
from t5mix.mesh.t5.parameters import GetWeight, Scope, shared_with_encoder, variables
from t5mix.mesh.t5.stack import DECODER_ONLY_PARTS, DECODER_PARTS, ENCODER_PARTS, Stack


@dataclasses.dataclass(frozen=True)
class Batch:
    """What an encoder-decoder reads, in an mtf graph: each int32 [batch, length]; padding has segment id 0."""

    inputs: Any
    targets: Any
    inputs_segment_ids: Any
    targets_segment_ids: Any

    @property
    def is_target(self) -> Any:
        """Not 0 at each token of the targets."""
        return self.targets_segment_ids


@dataclasses.dataclass(frozen=True)
class DecoderBatch:
    """What a decoder alone reads, in an mtf graph: each int32 [batch, length], as `Stream` makes it.

    Attributes:
        targets: what is predicted: inputs, then targets.
        read: what is read there: the token before, 0 where an example begins.
        is_target: 1 at each token of the targets.
        segment_ids: 0 at padding.
        prefix: 1 where a token of the inputs is read, in a prefix LM.
    """

    targets: Any
    read: Any
    is_target: Any
    segment_ids: Any
    prefix: Any = None


# Names of a batch's arrays, in the order of the classes above.
FEATURES = ("inputs", "targets", "inputs_segment_ids", "targets_segment_ids")
DECODER_FEATURES = (
    "decoder_target_tokens",
    "decoder_input_tokens",
    "decoder_loss_weights",
    "decoder_segment_ids",
    "decoder_causal_attention",
)


class T5Model:
    """A T5 of one size: builds its parts into the mtf graph that its arguments belong to.

    Attributes:
        config: size and shape.
        features: names of the arrays of a batch.
    """

    def __init__(self, config: T5Config, trained: Trained = everything()):  # noqa: B008 - frozen
        """Makes the stacks; variables come into being when a method is called within a graph.

        Args:
            config: size and shape.
            trained: which weights are trained, and which come to T5's for that.
        """
        self.config, self.trained = config, trained
        self._dtype = tf.as_dtype(config.activation_dtype)
        parts = DECODER_ONLY_PARTS if config.decoder_only else DECODER_PARTS
        self._encoder = Stack(config, "encoder", config.num_encoder_layers, ENCODER_PARTS, 0, trained)
        self.decoder = Stack(config, "decoder", config.num_decoder_layers, parts, 100, trained)
        self.features: tuple[str, ...] = FEATURES
        if config.decoder_only:
            self.features = DECODER_FEATURES if config.architecture == "prefix_lm" else DECODER_FEATURES[:-1]
        self._vocab = mtf.Dimension("vocab", config.padded_vocab_size)

    @property
    def layers_of_a_block(self) -> dict[str, int]:
        """How many layers a block of each stack has."""
        return {stack.name: len(stack.parts) for stack in (self._encoder, self.decoder)}

    def batch(self, tensors: Sequence[Any]) -> Batch | DecoderBatch:
        """Returns the batch of mtf tensors, which are in the order of `features`."""
        return DecoderBatch(*tensors) if self.config.decoder_only else Batch(*tensors)

    def logits(self, batch: Batch | DecoderBatch, *, train: bool) -> Any:
        """Returns the logits of each target token given those before it: float32 [batch, length, vocab].

        Attention, the shift of the targets and the relative positions stay within a segment, so packed examples do
        not see each other.

        Args:
            batch: the batch, of this graph.
            train: whether dropout is on.
        """
        get = self.variables(batch.targets.mesh)
        embedding = self.embedding(get)
        if isinstance(batch, DecoderBatch):
            x = embedding.vectors(batch.read)
            hidden = self.decoder(x, get, batch.segment_ids, train=train, prefix=batch.prefix)
            return mtf.to_float(self._to_logits(hidden, embedding, get))
        memory, memory_segments = self._encode(batch.inputs, batch.inputs_segment_ids, embedding, get, train=train)
        hidden = self.decoder(
            embedding.vectors(shifted(batch.targets, batch.targets_segment_ids)),
            get,
            batch.targets_segment_ids,
            train=train,
            memory=memory,
            memory_segments=memory_segments,
        )
        return mtf.to_float(self._to_logits(hidden, embedding, get))

    def has_loss(self, batch: Batch | DecoderBatch, *, train: bool) -> Any:
        """Returns where tokens have a loss: 1.0, and 0.0 elsewhere; float32 [batch, length].

        Those are the targets, and inputs too while a decoder is trained without `loss_on_targets_only`.
        """
        where = batch.is_target
        if isinstance(batch, DecoderBatch) and train and not self.config.loss_on_targets_only:
            where = batch.segment_ids
        return mtf.to_float(mtf.not_equal(where, 0))

    def token_losses(self, batch: Batch | DecoderBatch, *, train: bool) -> tuple[Any, Any]:
        """Returns what each token costs: (cross-entropy in nats, loss to minimize), float32 [batch, length].

        The second adds label smoothing and z-loss. Both are 0 where there is no loss; see `has_loss`.
        """
        logits = self.logits(batch, train=train)
        losses = TokenLosses(logits, batch.targets, self.config.label_smoothing, self.config.z_loss)
        real = self.has_loss(batch, train=train)
        cross_entropy, loss, _ = losses.outputs
        return cross_entropy * real, loss * real

    def variables(self, mesh: Any) -> GetWeight:
        """Returns where this model's layers get their weights from, in the graph of an mtf mesh."""
        get = self._variables(mesh, self._dtype)
        if not isinstance(self.trained, lora):
            return get
        return with_lora(get, self._variables(mesh, tf.float32), self._dtype, self.trained)

    def _variables(self, mesh: Any, dtype: Any) -> GetWeight:
        """Returns where weights come from, as they are but for LoRA: float32 variables, read as `dtype`."""
        dtypes = mtf.VariableDType(tf.float32, tf.float32, dtype)
        get = variables(mesh, dtypes, lambda name: is_trained(self.trained, name))
        return shared_with_encoder(get) if self.config.architecture == "shared_encoder_decoder" else get

    def embedding(self, get: GetWeight) -> Embedding:
        """Returns the embedding of tokens."""
        return Embedding(Scope("shared", get), self._vocab, mtf.Dimension("d_model", self.config.d_model))

    def encode(self, inputs: Any, get: GetWeight) -> tuple[Any, Any]:
        """Returns the encoder's output and its segment ids, as the decoder reads them: with dimension memory_length.

        Args:
            inputs: int32 [batch, length], one example a row, padded with 0.
            get: where weights come from.
        """
        return self._encode(inputs, mtf.minimum(inputs, 1), self.embedding(get), get, train=False)

    def to_logits(self, hidden: Any, get: GetWeight) -> Any:
        """Projects the decoder's output, [.., d_model], to [.., vocab]."""
        return self._to_logits(hidden, self.embedding(get), get)

    def _encode(self, ids: Any, segments: Any, embedding: Embedding, get: GetWeight, *, train: bool) -> tuple[Any, Any]:
        vectors = embedding.vectors(ids)
        if isinstance(self.trained, prompt_tuning):
            vectors, segments = with_prompt(vectors, segments, get, self.trained)
        output = self._encoder(vectors, get, segments, train=train)
        length = segments.shape.dims[-1]
        memory_length = mtf.Dimension("memory_length", length.size)
        return (
            mtf.replace_dimensions(output, length, memory_length),
            mtf.replace_dimensions(segments, length, memory_length),
        )

    def _to_logits(self, hidden: Any, embedding: Embedding, get: GetWeight) -> Any:
        if self.config.tied_embeddings:
            return embedding.logits(hidden)
        return dense(hidden, Scope("decoder", get) / "logits", self._vocab)


def shifted(targets: Any, segments: Any) -> Any:
    """Returns what the decoder reads: the target token before, 0 where a segment begins; int32 [batch, length]."""

    def shift(targets: tf.Tensor, segments: tf.Tensor) -> tf.Tensor:
        before, same = (tf.pad(x[:, :-1], [[0, 0], [1, 0]]) for x in (targets, segments))
        return tf.where(tf.equal(same, segments), before, 0)

    return mtf.slicewise(shift, [targets, segments], splittable_dims=[], grad_function=0, name="shifted")

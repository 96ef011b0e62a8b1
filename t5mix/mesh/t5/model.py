"""The T5 encoder-decoder.

Named dimensions, the same in every file of the engine:

    batch           rows of a batch; a row holds one example, or several packed ones
    length          positions of a row: of the inputs in the encoder, of the targets in the decoder
    memory_length   positions that attention reads
    d_model         the residual stream
    d_ff            the hidden layer of feed-forward
    heads           attention heads, joined with d_kv in the weights
    vocab           token ids, padded to a multiple of 128
    layers          blocks of a stack, where they are a loop
"""

import dataclasses
from typing import Any

from t5mix.mesh.mesh_tensorflow import mtf, tf
from t5mix.mesh.t5.config import T5Config
from t5mix.mesh.t5.embedding import Embedding
from t5mix.mesh.t5.feed_forward import dense
from t5mix.mesh.t5.losses import TokenLosses
from t5mix.mesh.t5.parameters import GetWeight, Scope, variables
from t5mix.mesh.t5.stack import DECODER_PARTS, ENCODER_PARTS, Stack


@dataclasses.dataclass(frozen=True)
class Batch:
    """The tensors of a batch in an mtf graph, each int32 [batch, length]; padding has segment id 0."""

    inputs: Any
    targets: Any
    inputs_segment_ids: Any
    targets_segment_ids: Any


class T5Model:
    """A T5 of one size: builds its parts into the mtf graph that its arguments belong to."""

    def __init__(self, config: T5Config):
        """Makes the stacks; variables come into being when a method is called within a graph."""
        self.config = config
        self._dtype = mtf.VariableDType(tf.float32, tf.float32, tf.as_dtype(config.activation_dtype))
        self._encoder = Stack(config, "encoder", config.num_encoder_layers, ENCODER_PARTS, first_mask=0)
        self.decoder = Stack(config, "decoder", config.num_decoder_layers, DECODER_PARTS, first_mask=100)
        self._vocab = mtf.Dimension("vocab", config.padded_vocab_size)

    def logits(self, batch: Batch, *, train: bool) -> Any:
        """Returns the logits of each target token given those before it: float32 [batch, length, vocab].

        Attention, the shift of the targets and the relative positions stay within a segment, so packed examples do
        not see each other.

        Args:
            batch: the batch, of this graph.
            train: whether dropout is on.
        """
        get = variables(batch.inputs.mesh, self._dtype)
        embedding = self.embedding(get)
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

    def token_losses(self, batch: Batch, *, train: bool) -> tuple[Any, Any]:
        """Returns what each target token costs: (cross-entropy in nats, loss to minimize), float32 [batch, length].

        The second adds label smoothing and z-loss. Both are 0 at padding.
        """
        logits = self.logits(batch, train=train)
        losses = TokenLosses(logits, batch.targets, self.config.label_smoothing, self.config.z_loss)
        real = mtf.to_float(mtf.not_equal(batch.targets_segment_ids, 0))
        cross_entropy, loss, _ = losses.outputs
        return cross_entropy * real, loss * real

    def variables(self, mesh: Any) -> GetWeight:
        """Returns where this model's layers get their weights from, in the graph of an mtf mesh."""
        return variables(mesh, self._dtype)

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
        output = self._encoder(embedding.vectors(ids), get, segments, train=train)
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

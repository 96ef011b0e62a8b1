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
from t5mix.mesh.t5.decoding import greedy
from t5mix.mesh.t5.embedding import Embedding
from t5mix.mesh.t5.feed_forward import dense
from t5mix.mesh.t5.fine_tuning.lora import with_lora
from t5mix.mesh.t5.fine_tuning.prompt import with_prompt
from t5mix.mesh.t5.fine_tuning.selection import is_trained
from t5mix.mesh.t5.fine_tuning.settings import Trained, everything, lora, prompt_tuning
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

    def __init__(self, config: T5Config, trained: Trained = everything()):  # noqa: B008 - frozen
        """Makes the stacks; variables come into being when a method is called within a graph.

        Args:
            config: size and shape.
            trained: which weights are trained, and which come to T5's for that.
        """
        self.config, self.trained = config, trained
        self._dtype = mtf.VariableDType(tf.float32, tf.float32, tf.as_dtype(config.activation_dtype))
        self._encoder = Stack(config, "encoder", config.num_encoder_layers, ENCODER_PARTS, 0, trained)
        self._decoder = Stack(config, "decoder", config.num_decoder_layers, DECODER_PARTS, 100, trained)
        self._vocab = mtf.Dimension("vocab", config.padded_vocab_size)

    def logits(self, batch: Batch, *, train: bool) -> Any:
        """Returns the logits of each target token given those before it: float32 [batch, length, vocab].

        Attention, the shift of the targets and the relative positions stay within a segment, so packed examples do
        not see each other.

        Args:
            batch: the batch, of this graph.
            train: whether dropout is on.
        """
        get = self._weights(batch.inputs.mesh)
        embedding = self._embedding(get)
        memory, memory_segments = self._encode(batch.inputs, batch.inputs_segment_ids, embedding, get, train=train)
        hidden = self._decoder(
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

    def greedy(self, inputs: Any, max_decode_length: int) -> Any:
        """Takes the most likely next token, again and again: int32 [batch, length of max_decode_length].

        Decoding stops when every row has an EOS (id 1) or the length is reached; what follows a row's EOS means
        nothing.

        Args:
            inputs: int32 [batch, length], padded with 0.
            max_decode_length: positions to decode.
        """
        get = self._weights(inputs.mesh)
        embedding = self._embedding(get)
        memory, memory_segments = self._encode(inputs, mtf.minimum(inputs, 1), embedding, get, train=False)
        return greedy(
            self._decoder,
            get,
            embedding,
            lambda hidden: self._to_logits(hidden, embedding, get),
            memory,
            memory_segments,
            max_decode_length,
        )

    def _weights(self, mesh: Any) -> GetWeight:
        """Returns where weights come from."""
        get = variables(mesh, self._dtype, lambda name: is_trained(self.trained, name))
        return with_lora(get, self.trained) if isinstance(self.trained, lora) else get

    def _embedding(self, get: GetWeight) -> Embedding:
        return Embedding(Scope("shared", get), self._vocab, mtf.Dimension("d_model", self.config.d_model))

    def _encode(self, ids: Any, segments: Any, embedding: Embedding, get: GetWeight, *, train: bool) -> tuple[Any, Any]:
        """Returns the encoder's output and its segment ids, as the decoder reads them: with dimension memory_length."""
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

"""A TensorFlow SavedModel with the tokenizer inside: texts in, texts out."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from t5mix.internal.lazy import import_quietly
from t5mix.mesh.decoding.settings import Decoding
from t5mix.mesh.interop.safe_files import check_new_folder, new_folder
from t5mix.mesh.interop.weights import ExpectedWeight, Weights, match
from t5mix.mesh.layouts import MeshConfig
from t5mix.mesh.optimizers.step_config import StepConfig
from t5mix.mesh.programs import Programs
from t5mix.mesh.t5.config import T5Config
from t5mix.mesh.t5.fine_tuning.settings import Trained, everything
from t5mix.vocabularies.base import PAD_ID, Vocabulary
from t5mix.vocabularies.byte_level import ByteVocabulary
from t5mix.vocabularies.sentence_piece import SentencePieceVocabulary

if TYPE_CHECKING:
    import tensorflow as tf
else:
    tf = import_quietly("tensorflow")

_EOS = 1


def write_saved_model(
    path: str,
    config: T5Config,
    weights: Weights,
    vocabularies: Mapping[str, Vocabulary],
    *,
    lengths: Mapping[str, int],
    batch_size: int = 8,
    decoding: Decoding = Decoding(),  # noqa: B008 - frozen
    trained: Trained = everything(),  # noqa: B008
) -> None:
    """Writes a SavedModel that answers texts.

    Its signature `serving_default` takes `input`, texts [any number], and returns `outputs`, as many texts. An input
    is cut to `lengths["inputs"]` tokens, its EOS among them. Whoever loads it imports tensorflow_text before, where
    the vocabulary is of SentencePiece: its operations are in there.

    Args:
        path: of the folder, which appears when it is complete.
        config: of the model.
        weights: by t5mix's names.
        vocabularies: of "inputs" and "targets".
        lengths: tokens of "inputs" and "targets".
        batch_size: texts that are decoded together; the last batch is filled up.
        decoding: how; the best answer is given. Samples depend on the place of their text in the call.
        trained: says which weights there are besides T5's: adapters, a prompt.

    Raises:
        ValueError: something is at `path`, a weight is missing, or TensorFlow has no such tokenizer.
    """
    check_new_folder(path)
    for vocabulary in vocabularies.values():
        if not isinstance(vocabulary, SentencePieceVocabulary | ByteVocabulary):
            raise ValueError(
                f"{vocabulary!r} does not go into a SavedModel: use a SentencePieceVocabulary or a ByteVocabulary"
            )
    programs = Programs(config, MeshConfig(), batch_size, lengths, 1, StepConfig(trained=trained))
    module = _module(programs, weights, vocabularies, decoding)
    with new_folder(path) as folder:
        tf.saved_model.save(module, str(folder), signatures=module.answer)


def _module(
    programs: Programs, weights: Weights, vocabularies: Mapping[str, Vocabulary], decoding: Decoding
) -> "tf.Module":
    """Returns what is saved; its function `answer` is the signature."""
    module, batch_size, lengths = tf.Module(), programs.batch_size, programs.lengths
    module.weights = [
        tf.Variable(array.float32(), trainable=False, name=name.replace("/", "."))
        for name, array in _arrays(programs, weights).items()
    ]
    module.inputs, module.targets = (_Text(vocabularies[name]) for name in ("inputs", "targets"))

    def decode(batch: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        values = [weight.read_value() for weight in module.weights]
        return programs.decode(decoding, *batch, tf.constant([decoding.seed, 0], tf.uint32), *values)[0][:, 0]

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "input")])
    def answer(texts: tf.Tensor) -> dict[str, tf.Tensor]:
        ids = module.inputs.encode(texts, lengths["inputs"])
        batches = _in_batches(ids, batch_size)
        numbers = tf.reshape(tf.range(tf.size(batches[..., 0])), [-1, batch_size])
        # A batch at a time: the program is of one size.
        decoded = tf.map_fn(
            decode,
            (batches, numbers),
            fn_output_signature=tf.TensorSpec([batch_size, lengths["targets"]], tf.int32),
            parallel_iterations=1,
        )
        rows = tf.reshape(decoded, [-1, lengths["targets"]])[: tf.size(texts)]
        return {"outputs": module.targets.decode(rows)}

    module.answer = answer
    return module


def _arrays(programs: Programs, weights: Weights) -> Weights:
    return match(
        [ExpectedWeight(v.name, v.name, v.shape) for v in programs.arrays.weights], weights, "the model to be exported"
    )


def _in_batches(ids: "tf.Tensor", batch_size: int) -> "tf.Tensor":
    """Returns int32 [batches, batch_size, length], filled up with rows of EOS alone, which end at once."""
    length = ids.shape[1]
    missing = -tf.shape(ids)[0] % batch_size
    filler = tf.one_hot(tf.zeros([missing], tf.int32), length, on_value=_EOS, off_value=PAD_ID, dtype=tf.int32)
    return tf.reshape(tf.concat([ids, filler], axis=0), [-1, batch_size, length])


class _Text(tf.Module):
    """A vocabulary within a SavedModel, which keeps the tokenizer's model as a part of this."""

    def __init__(self, vocabulary: Vocabulary):
        super().__init__()
        self._bytes = vocabulary if isinstance(vocabulary, ByteVocabulary) else None
        self._known = vocabulary._base_vocab_size
        self._unknown = vocabulary.unk_id
        self._tokenizer: Any = vocabulary.tf_tokenizer if isinstance(vocabulary, SentencePieceVocabulary) else None

    def encode(self, texts: "tf.Tensor", length: int) -> "tf.Tensor":
        """Returns int32 [texts, length]: tokens, EOS, padding."""
        ragged = self._bytes.encode_tf(texts) if self._bytes else self._tokenizer.tokenize(texts)
        cut = tf.cast(ragged, tf.int32)[:, : length - 1]
        ends = tf.fill([tf.size(texts), 1], _EOS)
        return tf.concat([cut, ends], axis=1).to_tensor(PAD_ID, shape=[None, length])

    def decode(self, ids: "tf.Tensor") -> "tf.Tensor":
        """Returns the texts of int32 [rows, length], each up to its first EOS."""
        if self._bytes:
            return self._bytes.decode_tf(ids)
        known = tf.where(ids < self._known, ids, self._unknown)
        ended = tf.cumsum(tf.cast(known == _EOS, tf.int32), axis=-1, exclusive=True)
        return self._tokenizer.detokenize(tf.where(ended > 0, PAD_ID, known))

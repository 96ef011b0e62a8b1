"""Tokenization of many texts at once: SentencePiece's own threads, and bytes in NumPy.

A text of T5's length is tokenized in microseconds, less than a call through `tf.data` costs.
"""

import dataclasses
import functools
import itertools
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from t5mix.vocabularies import ByteVocabulary, SentencePieceVocabulary, Vocabulary

# Texts in, their ids, joined, int32, and their lengths, int64, out.
Tokenizer = Callable[[Sequence[bytes]], tuple[np.ndarray, np.ndarray]]

# Texts of fewer bytes are tokenized before threads would have started.
_WORTH_THREADS = 1 << 14


@dataclasses.dataclass(frozen=True)
class TokenizeStep:
    """`preprocessors.tokenize`, or `tokenize_and_append_eos`, as a task declares it.

    Attributes:
      tokenizers: for each output feature how its texts are tokenized.
      eos: the id to end its sequences with, where it has one to be ended with.
      copy_pretokenized: keep the texts.
    """

    tokenizers: Mapping[str, Tokenizer]
    eos: Mapping[str, int]
    copy_pretokenized: bool

    @classmethod
    def of(cls, step: Any, features: Mapping[str, Any]) -> "TokenizeStep | None":
        """Returns a step's form for batches; None when it is another step, or has a vocabulary without one."""
        from t5mix import preprocessors
        from t5mix.preprocessors import tokens

        function, arguments = plain_call(step)
        if arguments is None or function not in (preprocessors.tokenize, preprocessors.tokenize_and_append_eos):
            return None
        if arguments.keys() - {"copy_pretokenized", "with_eos"}:
            return None
        ends = function is preprocessors.tokenize_and_append_eos or arguments.get("with_eos", False)
        found = {name: tokenizer_of(feature.vocabulary) for name, feature in features.items()}
        known = {name: tokenizer for name, tokenizer in found.items() if tokenizer is not None}
        if len(known) < len(found):
            return None
        ended = [name for name, feature in features.items() if ends and feature.add_eos]
        eos = {name: tokens.eos_id(name, features[name]) for name in ended}
        return cls(known, eos, bool(arguments.get("copy_pretokenized", True)))

    def ids(self, name: str, texts: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray]:
        """Returns the token ids of a feature's texts, joined, int32, and their lengths, int64."""
        values, lengths = self.tokenizers[name](texts)
        if name not in self.eos:
            return values, lengths
        return np.insert(values, np.cumsum(lengths), np.int32(self.eos[name])), lengths + 1


def plain_call(step: Any) -> tuple[Any, dict[str, Any] | None]:
    """Returns the function behind partials, and the arguments they give by name; None when some have no name."""
    arguments: dict[str, Any] = {}
    while isinstance(step, functools.partial):
        if step.args:
            return step, None
        arguments = {**step.keywords, **arguments}
        step = step.func
    return step, arguments


def tokenizer_of(vocabulary: Vocabulary) -> Tokenizer | None:
    """Returns what tokenizes many texts as `vocabulary.encode_tf` does each; None for a vocabulary of another kind.

    A class of the user's that encodes in its own way is of another kind.
    """
    encodes = type(vocabulary)._encode_tf, type(vocabulary).encode_tf
    if isinstance(vocabulary, ByteVocabulary) and encodes == (ByteVocabulary._encode_tf, Vocabulary.encode_tf):
        return _encode_bytes if type(vocabulary)._ids is ByteVocabulary._ids else None
    known = (SentencePieceVocabulary._encode_tf, Vocabulary.encode_tf)
    if isinstance(vocabulary, SentencePieceVocabulary) and encodes == known:
        if type(vocabulary).tf_tokenizer is SentencePieceVocabulary.tf_tokenizer:
            return functools.partial(_encode_pieces, vocabulary)
    return None


def _encode_bytes(texts: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray]:
    values = np.frombuffer(b"".join(texts), np.uint8).astype(np.int32) + np.int32(ByteVocabulary._SPECIAL)
    return values, np.fromiter(map(len, texts), np.int64, len(texts))


def _encode_pieces(vocabulary: SentencePieceVocabulary, texts: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray]:
    threads = threads_for(sum(map(len, texts)))
    pieces = vocabulary.tokenizer.encode(list(texts), num_threads=threads)
    lengths = np.fromiter(map(len, pieces), np.int64, len(pieces))
    values = np.fromiter(itertools.chain.from_iterable(pieces), np.int32, int(lengths.sum()))
    tied = _tied(values, lengths, _units(vocabulary.sp_model))
    if not len(tied):
        return values, lengths
    # The release of SentencePiece in tensorflow-text settles ties in another way; encode_tf is the measure.
    import tensorflow as tf

    made = vocabulary.encode_tf(tf.constant([texts[row] for row in tied.tolist()])).to_list()
    for row, ids in zip(tied.tolist(), made, strict=True):
        pieces[row] = ids
    lengths = np.fromiter(map(len, pieces), np.int64, len(pieces))
    return np.fromiter(itertools.chain.from_iterable(pieces), np.int32, int(lengths.sum())), lengths


def _tied(values: np.ndarray, lengths: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Returns the rows in which other pieces may score as much: those with unlike neighbours of one unit.

    Such neighbours, "-" and "---", can change places without changing the text.
    """
    same = (units[values[1:]] == units[values[:-1]]) & (values[1:] != values[:-1])
    return np.unique(np.searchsorted(np.cumsum(lengths), np.flatnonzero(same) + 1, side="right"))


@functools.lru_cache(maxsize=16)
def _units(model: bytes) -> np.ndarray:
    """Returns for each piece the number of the shortest text that it repeats: of "---" that of "-"."""
    import sentencepiece

    processor = sentencepiece.SentencePieceProcessor()
    processor.LoadFromSerializedProto(model)
    numbers: dict[str, int] = {}
    pieces = (processor.id_to_piece(number) for number in range(processor.get_piece_size()))
    return np.array([numbers.setdefault(piece[: (piece + piece).find(piece, 1)], len(numbers)) for piece in pieces])


def threads_for(size: int) -> int:
    """Returns how many threads to tokenize `size` bytes with: the process's cores, or one for a few bytes."""
    if size < _WORTH_THREADS:
        return 1
    affinity = getattr(os, "sched_getaffinity", None)
    return max(1, len(affinity(0)) if affinity is not None else os.cpu_count() or 1)

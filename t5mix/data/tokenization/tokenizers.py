"""Tokenization of many texts at once: SentencePiece's own threads, and bytes in NumPy.

A text of T5's length is tokenized in microseconds, less than a call through `tf.data` costs.
"""

import dataclasses
import functools
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from t5mix.data.tokenization import sentencepiece_ties
from t5mix.vocabularies import ByteVocabulary, SentencePieceVocabulary, T5Vocabulary, Vocabulary


class Tokenizer(Protocol):
    """Tokenizes many texts."""

    def __call__(self, texts: Sequence[bytes], threads: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Returns the ids of the texts, joined, int32, and their lengths, int64.

        Args:
          texts: the texts.
          threads: how many threads to take; by default as many as that is worth.
        """
        ...


# Threads that need a model at the same time wait for the one that loads it.
_LOADING = threading.Lock()
# Texts of fewer bytes are tokenized by one thread: many tasks of so few are opened at a time, see `together`.
_WORTH_THREADS = 1 << 16
# What decides the pieces of a `SentencePieceVocabulary`.
_OF_PIECES = ("tokenizer", "tf_tokenizer", "sp_model", "_model", "_content")
# Bytes of texts with ties that Python cuts in about the time in which TensorFlow is loaded.
_WORTH_TENSORFLOW = 1 << 20


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

    def ended(self, name: str, values: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the ids of a feature's texts, joined, int32, and their lengths, int64, with EOS where it has one."""
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
    kind: Any = type(vocabulary)
    encodes = kind._encode_tf, kind.encode_tf
    if isinstance(vocabulary, ByteVocabulary) and encodes == (ByteVocabulary._encode_tf, Vocabulary.encode_tf):
        return _encode_bytes if kind._ids is ByteVocabulary._ids else None
    known = (SentencePieceVocabulary._encode_tf, Vocabulary.encode_tf)
    if isinstance(vocabulary, SentencePieceVocabulary) and encodes == known and not vocabulary.uses_fast_tokenizer:
        is_ours = any(
            all(getattr(kind, name) is getattr(ours, name) for name in _OF_PIECES)
            for ours in (SentencePieceVocabulary, T5Vocabulary)
        )
        return _PieceTokenizer(vocabulary) if is_ours else None
    return None


def _encode_bytes(texts: Sequence[bytes], threads: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    del threads
    values = np.frombuffer(b"".join(texts), np.uint8).astype(np.int32) + np.int32(ByteVocabulary._SPECIAL)
    return values, np.fromiter(map(len, texts), np.int64, len(texts))


@dataclasses.dataclass(frozen=True)
class _PieceTokenizer:
    """Tokenizes by SentencePiece; equal tokenizers make equal ids."""

    vocabulary: SentencePieceVocabulary

    def __call__(self, texts: Sequence[bytes], threads: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        threads = threads or threads_for(sum(map(len, texts)))
        with _LOADING:
            processor, own = self.vocabulary.tokenizer, sentencepiece_ties.pieces_of(self.vocabulary.sp_model)
        pieces = processor.encode(list(texts), return_type="numpy", num_threads=threads)
        values, lengths = _joined(pieces)
        tied = own.tied(values, lengths)
        if not tied:
            return values, lengths
        for text, ids in _settled(self.vocabulary, own, texts, pieces, tied):
            pieces[text] = np.array(ids, np.int32)
        return _joined(pieces)


def _joined(pieces: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    lengths = np.fromiter(map(len, pieces), np.int64, len(pieces))
    return np.concatenate(pieces) if len(pieces) else np.empty(0, np.int32), lengths


def _settled(
    vocabulary: SentencePieceVocabulary,
    own: sentencepiece_ties.Pieces,
    texts: Sequence[bytes],
    pieces: Sequence[np.ndarray],
    tied: Mapping[int, list[int]],
) -> Iterator[tuple[int, list[int]]]:
    """Yields the numbers, and the ids that `encode_tf` makes, of texts in which other pieces may score as much."""
    if own.scores is None or sum(len(texts[text]) for text in tied) > _WORTH_TENSORFLOW:
        import tensorflow as tf

        yield from zip(tied, vocabulary.encode_tf(tf.constant([texts[text] for text in tied])).to_list(), strict=True)
        return
    for text, places in tied.items():
        ids = own.settled(pieces[text], places)
        if ids is None:
            # Pieces as text, of unknown characters these themselves: joined, the text as the model normalizes it.
            ids = own.cut("".join(vocabulary.tokenizer.encode(texts[text], out_type=str)))
        yield text, ids


def threads_for(size: int) -> int:
    """Returns how many threads to tokenize `size` bytes with: the process's cores, or one for a few bytes."""
    return 1 if size < _WORTH_THREADS else cores()


def cores() -> int:
    """Returns how many cores the process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return max(1, len(affinity(0)) if affinity is not None else os.cpu_count() or 1)

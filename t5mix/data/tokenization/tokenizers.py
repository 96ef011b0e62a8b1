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

from t5mix.data.tokenization.sentencepiece_ties import TieBreaker, tie_breaker
from t5mix.preprocessors.pipeline import Step
from t5mix.vocabularies import ByteVocabulary, SentencePieceVocabulary, T5Vocabulary, Vocabulary
from t5mix.vocabularies.features import Feature


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
# Texts of fewer bytes are tokenized by one thread: many tasks of so few are opened at a time, see `opening_many`.
_WORTH_THREADS = 1 << 16
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
    def of(cls, steps: Sequence[Step], features: Mapping[str, Feature]) -> "TokenizeStep | None":
        """Returns the form for batches of the last of these steps; None when that does not tokenize, or not so."""
        from t5mix import preprocessors
        from t5mix.preprocessors import tokens

        if not steps:
            return None
        function, arguments = plain_call(steps[-1])
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


def plain_call(step: Step) -> tuple[Step, dict[str, Any] | None]:
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

    A class of the user's is of another kind: it may encode in its own way.
    """
    if type(vocabulary) is ByteVocabulary:
        return _ByteTokenizer(*vocabulary.encode(b"\0"))
    if type(vocabulary) in (SentencePieceVocabulary, T5Vocabulary):
        assert isinstance(vocabulary, SentencePieceVocabulary)
        return None if vocabulary.uses_fast_tokenizer else _SentencePieceTokenizer(vocabulary)
    return None


@dataclasses.dataclass(frozen=True)
class _ByteTokenizer:
    """Tokenizes into bytes: byte b has id `first_id` + b."""

    first_id: int

    def __call__(self, texts: Sequence[bytes], threads: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Returns ids and lengths, see `Tokenizer`; NumPy takes no threads."""
        del threads
        values = np.frombuffer(b"".join(texts), np.uint8).astype(np.int32) + np.int32(self.first_id)
        return values, np.fromiter(map(len, texts), np.int64, len(texts))


@dataclasses.dataclass(frozen=True)
class _SentencePieceTokenizer:
    """Tokenizes by SentencePiece; equal tokenizers make equal ids."""

    vocabulary: SentencePieceVocabulary

    def __call__(self, texts: Sequence[bytes], threads: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Returns ids and lengths; see `Tokenizer`."""
        threads = threads or threads_for(sum(map(len, texts)))
        with _LOADING:
            processor, breaker = self.vocabulary.tokenizer, tie_breaker(self.vocabulary.sp_model)
        ids = processor.encode(list(texts), return_type="numpy", num_threads=threads)
        values, lengths = _joined(ids)
        tied = breaker.tied(values, lengths)
        if not tied:
            return values, lengths
        for text, settled in _settled(self.vocabulary, breaker, texts, ids, tied):
            ids[text] = np.array(settled, np.int32)
        return _joined(ids)


def _joined(ids: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    lengths = np.fromiter(map(len, ids), np.int64, len(ids))
    return np.concatenate(ids) if len(ids) else np.empty(0, np.int32), lengths


def _settled(
    vocabulary: SentencePieceVocabulary,
    breaker: TieBreaker,
    texts: Sequence[bytes],
    ids: Sequence[np.ndarray],
    tied: Mapping[int, list[int]],
) -> Iterator[tuple[int, list[int]]]:
    """Yields the numbers, and the ids that `encode_tf` makes, of texts in which other pieces may score as much."""
    if breaker.scores is None or sum(len(texts[text]) for text in tied) > _WORTH_TENSORFLOW:
        import tensorflow as tf

        yield from zip(tied, vocabulary.encode_tf(tf.constant([texts[text] for text in tied])).to_list(), strict=True)
        return
    for text, positions in tied.items():
        settled = breaker.settled(ids[text], positions)
        if settled is None:
            # Pieces as text, of unknown characters these themselves: joined, the text as the model normalizes it.
            settled = breaker.cut("".join(vocabulary.tokenizer.encode(texts[text], out_type=str)))
        yield text, settled


def threads_for(size: int) -> int:
    """Returns how many threads to tokenize `size` bytes with: the process's cores, or one for a few bytes."""
    return 1 if size < _WORTH_THREADS else cores()


def cores() -> int:
    """Returns how many cores the process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return max(1, len(affinity(0)) if affinity is not None else os.cpu_count() or 1)

"""Features: what a task hands to the model, each with its vocabulary.

The names, arguments and defaults are seqio's.
"""

import dataclasses
from typing import Any

from t5mix.internal.lazy import tensorflow as tf
from t5mix.vocabularies.base import Vocabulary
from t5mix.vocabularies.pass_through import PassThroughVocabulary

_DTYPES = frozenset(
    "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 bfloat16 float16 float32 float64 string".split()
)


@dataclasses.dataclass(frozen=True)
class Feature:
    """One output feature of a task: a sequence of ids, unless `rank` says otherwise.

    Attributes:
        vocabulary: turns the feature's text into ids and back.
        add_eos: whether `append_eos` and its siblings end the sequence with EOS.
        required: whether every example must have the feature.
        dtype: name of the dtype after preprocessing; a `tf.DType` is accepted and named.
        rank: number of axes after preprocessing.
    """

    vocabulary: Vocabulary
    add_eos: bool = True
    required: bool = True
    dtype: Any = "int32"
    rank: int = 1

    def __post_init__(self) -> None:
        if not isinstance(self.vocabulary, Vocabulary):
            raise ValueError(
                f"Feature: vocabulary is {self.vocabulary!r}, which is no Vocabulary; give for "
                "instance SentencePieceVocabulary(path) or ByteVocabulary()"
            )
        object.__setattr__(self, "dtype", _dtype_name(self.dtype))
        if isinstance(self.rank, bool) or not isinstance(self.rank, int) or self.rank < 0:
            raise ValueError(f"Feature: rank is {self.rank!r}; it counts axes: give 0, 1, 2, ...")

    @property
    def tf_dtype(self) -> "tf.DType":
        """The dtype as TensorFlow's object."""
        return tf.as_dtype(self.dtype)


@dataclasses.dataclass(frozen=True)
class ContinuousFeature(Feature):
    """A feature that is numbers already: no vocabulary, no EOS."""

    vocabulary: Vocabulary = dataclasses.field(default_factory=lambda: PassThroughVocabulary(size=0))
    add_eos: bool = False


@dataclasses.dataclass(frozen=True)
class PassThroughFeature(ContinuousFeature):
    """A feature that goes to the model as the preprocessors left it."""


def _dtype_name(dtype: Any) -> str:
    """Returns the name of `dtype`: a name, a `tf.DType`, a NumPy dtype or scalar type."""
    name = dtype if isinstance(dtype, str) else getattr(dtype, "name", None)
    if name is None:
        name = getattr(dtype, "__name__", None)
    if name not in _DTYPES:
        raise ValueError(f"Feature: dtype {dtype!r} is none of {', '.join(sorted(_DTYPES))}")
    return name

"""The vocabulary of what is ids already."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from t5mix.internal.code import fingerprints
from t5mix.vocabularies.base import Vocabulary

if TYPE_CHECKING:
    import tensorflow as tf


class PassThroughVocabulary(Vocabulary):
    """For features that are ids already: encoding and decoding change nothing.

    Args:
        size: number of ids.
        eos_id: the id that ends a sequence, or None.
    """

    def __init__(self, size: int, eos_id: int | None = None) -> None:
        super().__init__()
        if isinstance(size, bool) or not isinstance(size, int) or size < 0:
            raise ValueError(f"PassThroughVocabulary: size is {size!r}; give 0 or a positive count")
        self._size = size
        self._eos_id = eos_id

    @property
    def size(self) -> int:
        """Number of ids."""
        return self._size

    @property
    def eos_id(self) -> int | None:
        """The id that ends a sequence, or None."""
        return self._eos_id

    @property
    def unk_id(self) -> None:
        """None: nothing is unknown."""
        return None

    @property
    def num_sentinels(self) -> int:
        """All: what an id stands for is known to who made the ids alone, and T5 takes the highest ones."""
        return self._size

    @property
    def fingerprint(self) -> str:
        """The sha256, as hex, of the arguments."""
        return fingerprints.digest("pass-through", self._size, self._eos_id)

    @property
    def _base_vocab_size(self) -> int:
        return self._size

    def decode(self, ids: Iterable[int]) -> Any:
        """Returns `ids`, as a list, up to and with the first EOS."""
        numbers = ids.numpy().tolist() if hasattr(ids, "numpy") else list(ids)
        if self.eos_id is not None and self.eos_id in numbers:
            numbers = numbers[: numbers.index(self.eos_id) + 1]
        return numbers

    def _encode(self, s: Sequence[int]) -> list[int]:
        return s  # type: ignore[return-value]

    def _decode(self, ids: list[int]) -> Any:
        return ids

    def _encode_tf(self, s: "tf.Tensor") -> "tf.Tensor":
        return s

    def _decode_tf(self, ids: "tf.Tensor") -> "tf.Tensor":
        return ids

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PassThroughVocabulary) and (self._size, self._eos_id) == (
            other._size,
            other._eos_id,
        )

    def __hash__(self) -> int:
        return hash(("pass-through", self._size, self._eos_id))

    def __repr__(self) -> str:
        return f"PassThroughVocabulary(size={self._size}, eos_id={self._eos_id})"

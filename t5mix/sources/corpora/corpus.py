"""A data set read from installed packages: items with their rows, split by item."""

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from t5mix.internal.code import fingerprints
from t5mix.internal.lazy import tensorflow as tf
from t5mix.sources.corpora import counts
from t5mix.sources.corpora.splits import SPLITS, digest, split_of

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Corpus:
    """A `dataset_fn` for `FunctionDataSource`, with an identity for the token cache.

    Attributes:
        name: what is read, arguments included; part of the fingerprint.
        read: yields (item, row) pairs in a fixed order. All rows of an item fall in one split.
        packages: distributions whose files `read` reads; "python" is the standard library.
        held_out: share of items in validation, and in test.
        limits: most rows of a split; the first ones, in the order of `rows`, are kept.
    """

    name: str
    read: Callable[[], Iterable[tuple[str, Row]]]
    packages: tuple[str, ...]
    held_out: float = 0.1
    limits: Mapping[str, int] = field(default_factory=dict)

    def __call__(self, split: str, shuffle_files: bool = False, seed: int | None = None) -> "tf.data.Dataset":
        """Returns the rows of `split` as a dataset, always in the same order."""
        del shuffle_files, seed  # there are no files; the caller shuffles examples
        rows = self.rows(split)
        return tf.data.Dataset.from_tensor_slices(_columns(rows))

    def rows(self, split: str) -> list[Row]:
        """Returns the rows of `split` in the order of their sha256: any first n are a fair sample.

        Raises:
            ValueError: no such split, or no row in it.
        """
        if split not in SPLITS:
            raise ValueError(f"{self.name} has no split {split!r}; it has {', '.join(SPLITS)}.")
        rows = [row for its_split, _, row in _placed(self) if its_split == split]
        if not rows:
            raise ValueError(f"{self.name} has no {split} rows: is {', '.join(self.packages)} installed whole?")
        return rows[: self.limits.get(split)]

    def num_input_examples(self, split: str) -> int:
        """Returns the number of rows of `split`."""
        identity = fingerprints.digest(type(self), self.fingerprint(split))
        return counts.kept(identity, self.packages, lambda: len(self.rows(split)))

    def items(self, split: str) -> list[str]:
        """Returns the items whose rows make up `split`, sorted, before any limit."""
        return sorted({item for its_split, item, _ in _placed(self) if its_split == split})

    def fingerprint(self, split: str) -> str:
        """Returns a sha256 of the reader, its arguments and the split.

        Another release of the packages may hold the same rows: who keeps what is made of them compares.
        """
        fingerprints.meet(self.packages)
        limits = sorted(self.limits.items())
        return fingerprints.digest(self.name, split, self.held_out, limits, self.packages, self.read)


@functools.cache
def _placed_rows(
    name: str, read: Callable[[], Iterable[tuple[str, Row]]], held_out: float
) -> tuple[tuple[str, str, Row], ...]:
    """Returns (split, item, row) of all rows, by the sha256 of the row: splits are asked for again and again."""
    del name  # one reader serves many names through its bound arguments
    placed = ((split_of(item, held_out), item, row) for item, row in read())
    return tuple(sorted(placed, key=lambda one: digest(repr(one[2]))))


def _placed(corpus: Corpus) -> tuple[tuple[str, str, Row], ...]:
    return _placed_rows(corpus.name, corpus.read, corpus.held_out)


def _columns(rows: list[Row]) -> dict[str, Any]:
    """Turns rows into columns, nested features included: tensors, of which `tf.data` need not ask each value."""
    return {
        key: _columns([row[key] for row in rows])
        if isinstance(value, Mapping)
        else tf.constant([row[key] for row in rows])
        for key, value in rows[0].items()
    }

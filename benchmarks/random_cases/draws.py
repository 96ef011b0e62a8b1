"""Draws values, and what one case of a preprocessor is."""

import dataclasses
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import t5mix

Row = Mapping[str, Any]

PIECES = (
    *("", " ", "  ", "\t", "\n", "\r\n", "\n@highlight\n", "\x00", "\u00a0", "\u3000", "\u200b", "-", "_", "…", "“”"),
    *("a", "an", "The", "the", "cat", "sat.", "Ann", "Bob's", "it", "It", "he,", "his", "X", "was", "U.S.", "3.14"),
    *("naïve", "Köln", "ÉCOLE", "ß", "İ", "你好。", "ไทย", "🙂", "e\u0301", "<br>", "<b>it</b>", "won't?", "No!!"),
    *("x_y", "%s", "&amp;"),
    *("(", ")", "[", "*", "+", "?", ".", "!", "\\", "\\1", "$", "^", "|", "{0}", "{text}", '"', "'", "``"),
)
RAW = (b"", b" ", b"\xff\xfe", b"caf\xe9 \x80", b"\xf0\x9f\x98", b"\x00", b"a\x00")


class Draw(random.Random):
    """Draws values."""

    def text(self, longest: int = 30) -> bytes:
        """Returns a text, now and then no UTF-8."""
        kind = self.random()
        if kind < 0.05:
            return self.choice(RAW)
        count = self.randrange(4) if kind < 0.3 else self.randrange(longest)
        glue = self.choice((" ", " ", " ", "", "  ", "\n"))
        return glue.join(self.choice(PIECES) for _ in range(count)).encode()

    def valid(self, longest: int = 12) -> str:
        """Returns a text of valid UTF-8."""
        return self.text(longest).decode("utf-8", errors="ignore")

    def plain(self, longest: int = 12) -> str:
        """Returns words without punctuation."""
        words = ("a", "the", "cat", "sat", "Ann", "it", "he", "his", "was", "Köln", "of", "on")
        return " ".join(self.choice(words) for _ in range(self.randrange(longest)))

    def several(self, make: Callable[[], Any], most: int = 5) -> list[Any]:
        """Returns some values, perhaps none."""
        return [make() for _ in range(self.randrange(most))]

    def tokens(self, longest: int = 40, zeros: float = 0.1) -> list[int]:
        """Returns ids; some examples have zeros inside, at the end, or nothing."""
        ids = [self.randrange(1, 300) for _ in range(self.randrange(longest))]
        if self.random() < zeros:
            ids = [self.choice((0, number)) for number in ids]
        return ids

    def label(self, classes: int = 2) -> int:
        """Returns a class, -1 of hidden labels, now and then one out of range."""
        return self.choice((-1, *range(classes), *range(classes), self.choice((classes, classes + 1, -2))))


@dataclasses.dataclass(frozen=True)
class Sided:
    """An argument that each library has its own of."""

    ours: Any
    theirs: Any


@dataclasses.dataclass(frozen=True)
class Case:
    """Arguments of a preprocessor, with rows to run it on.

    Attributes:
      spec: dtype and rank of each feature: "s" text, "i" int32, "l" int64, "f" float32, "b" bool, "*" an axis.
      rows: examples, each run alone too; of a dataset that is no dict of features, values.
      arguments: keyword arguments.
    """

    spec: Any
    rows: Sequence[Any]
    arguments: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def of(self, side: str) -> dict[str, Any]:
        """Returns the arguments of a side, "ours" or "theirs"."""
        return {k: getattr(v, side) if isinstance(v, Sided) else v for k, v in self.arguments.items()}


def features(add_eos: bool = True, names: Sequence[str] = ("inputs", "targets"), extra_ids: int = 100) -> Sided:
    """Returns output features of bytes for both libraries."""
    import seqio

    def of(library: Any) -> dict[str, Any]:
        vocabulary = library.ByteVocabulary(extra_ids=extra_ids)
        return {name: library.Feature(vocabulary, add_eos=add_eos) for name in names}

    return Sided(of(t5mix), of(seqio))


def lengths(draw: Draw, *names: str, least: int = 1) -> dict[str, int]:
    """Returns lengths of features."""
    return {name: draw.randrange(least, 20) for name in names or ("inputs", "targets")}


def texts(draw: Draw, *names: str, count: int = 14) -> list[Row]:
    """Returns examples of texts."""
    return [{name: draw.text() for name in names} for _ in range(count)]


def tokenized(draw: Draw, *names: str, count: int = 10, zeros: float = 0.1) -> list[Row]:
    """Returns examples of tokens."""
    return [{name: draw.tokens(zeros=zeros) for name in names} for _ in range(count)]


def ends(draw: Draw) -> Sided:
    """Returns output features with and without EOS, one or two."""
    return features(draw.random() < 0.7, draw.choice((("inputs", "targets"), ("targets",), ("inputs",), ("absent",))))

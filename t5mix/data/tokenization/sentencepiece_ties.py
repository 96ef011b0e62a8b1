"""Ties between ways to cut a text into pieces of one score, settled as tensorflow-text settles them.

"-----" is "-" and "----", or "----" and "-": both score as much, but for how sums are rounded. SentencePiece compares
sums of float32; the release inside tensorflow-text compares a float64 sum with one that was rounded to float32, and
so takes the second way now and then. `encode_tf` is the measure, and loading TensorFlow for a few texts takes
seconds: so the words with ties are cut here, by the same search (Viterbi over the pieces, from left to right; the
first of what scores as much stays), with the same rounding.
"""

import bisect
import dataclasses
import functools
import itertools
from array import array
from collections.abc import Mapping
from typing import Any

import numpy as np

# SentencePiece's penalty of a character that no piece has, and how far one of the user's is below the best score.
_UNKNOWN_PENALTY = 10.0
_USERS_LACK = 0.1


@dataclasses.dataclass(frozen=True)
class TieBreaker:
    """What is needed of a SentencePiece model to settle ties.

    Attributes:
        units: int32 [pieces], the number of the shortest text that each piece repeats: of "---" that of "-".
        inner: bool [pieces], whether other pieces may hold what stands before the piece, and its beginning.
        sizes: int64 [pieces], the characters of each unit.
        ends: int32 [pieces], the same number for pieces of the same first and last character.
        texts: the pieces.
        scores: score and id of each piece that a text can be cut into; None when the model is of a kind whose texts
            are not cut here: no unigram model, or one that falls back to bytes.
        worths: float32 [pieces], the same scores; NaN of pieces of the user's, whose scores are no float32, and others.
        longest: characters of the longest piece with a given first character.
        splits: whether no piece goes on behind a space, "▁", that it does not begin with.
        unknown: the id of a character that no piece has, and its score.
    """

    units: np.ndarray
    inner: np.ndarray
    sizes: np.ndarray
    ends: np.ndarray
    texts: tuple[str, ...]
    scores: Mapping[str, tuple[float, int]] | None
    worths: np.ndarray
    longest: Mapping[str, int]
    splits: bool
    unknown: tuple[int, float]

    def tied(self, values: np.ndarray, lengths: np.ndarray) -> dict[int, list[int]]:
        """Returns the texts that other pieces may fit as well, by number, and the pieces in them about which it is so.

        These have neighbours that can be swapped without changing the text: "-" and "---", or "b" and "bab" about
        an "a"; or they repeat a piece or two, so that others can: "ab" "ab" "a" and "a" "ba" "ba".

        Args:
            values: int32, the ids of texts, joined.
            lengths: int64 [texts].
        """
        positions = np.array(sorted([*self._pairs(values), *self._threes(values)]), np.int64) + 1
        ends = np.cumsum(lengths)
        texts = np.searchsorted(ends, positions, side="right")
        found: dict[int, list[int]] = {}
        for text, position in zip(texts.tolist(), (positions - (ends - lengths)[texts]).tolist(), strict=True):
            found.setdefault(text, []).append(position)
        return found

    def _pairs(self, values: np.ndarray) -> list[int]:
        """Returns where two neighbours are of one unit; a unit of one character may be repeated."""
        units = self.units[values]
        positions = np.flatnonzero(units[1:] == units[:-1])
        one, two = values[positions], values[positions + 1]
        return positions[(one != two) | (self.inner[two] & (self.sizes[two] > 1))].tolist()

    def _threes(self, values: np.ndarray) -> list[int]:
        """Returns where the first and the third of three neighbours can be swapped, and where two come twice."""
        ends = self.ends[values]
        positions = np.flatnonzero(ends[2:] == ends[:-2])
        found = []
        for position in positions[self.inner[values[positions + 2]]].tolist():
            one, two, three, *four = values[position : position + 4].tolist()
            if one == three:
                moves = one != two and four == [two] and self.inner[two]
            else:
                first, middle, last = self.texts[one], self.texts[two], self.texts[three]
                moves = first + middle + last == last + middle + first
            if moves:
                found.append(position)
        return found

    def settled(self, ids: np.ndarray, positions: list[int]) -> list[int] | None:
        """Returns the ids of a text after its words with ties are cut; None when all of it must be, by `cut`.

        Args:
            ids: int32, of the whole text.
            positions: pieces with ties; see `tied`.
        """
        worths = self.worths[ids]
        if np.isnan(worths).any():
            return None
        heads = [0, *np.flatnonzero(~self.inner[ids]).tolist(), len(ids)]
        words = sorted({bisect.bisect_right(heads, position, hi=len(heads) - 1) for position in positions})
        made: list[int] = []
        done, score = 0, 0.0
        for begin, stop in ((heads[word - 1], heads[word]) for word in words):
            # One after the other, as is done there.
            score = float(np.add.accumulate(np.append(np.float32(score), worths[done:begin]))[-1])
            cut, score = self._cut("".join(self.texts[one] for one in ids[begin:stop].tolist()), score)
            made += [*ids[done:begin].tolist(), *cut]
            done = stop
        return made + ids[done:].tolist()

    def cut(self, text: str) -> list[int]:
        """Returns the ids of a normalized text: that of `piece`s of an encoded one, joined."""
        return self._cut(text, 0.0)[0]

    def _cut(self, text: str, before: float) -> tuple[list[int], float]:
        """Returns the ids of what begins a text or goes on behind a score of `before`, and the score behind it."""
        assert self.scores is not None
        size = len(text)
        best = array("f", bytes(4 * (size + 1)))  # an item rounds to float32 what it is set to
        best[0] = before
        begins, ids = [-1] * (size + 1), [-1] * (size + 1)
        space = 0
        for start, first in enumerate(text):
            if start >= space:
                space = text.find("▁", start + 1) if self.splits else size
                space = size if space < 0 else space
            base = best[start]
            known = False
            for stop in range(start + 1, min(space, start + self.longest.get(first, 0)) + 1):
                found = self.scores.get(text[start:stop])
                if found is None:
                    continue
                known = known or stop == start + 1
                total = found[0] + base
                if begins[stop] < 0 or total > best[stop]:
                    best[stop], begins[stop], ids[stop] = total, start, found[1]
            if not known:
                total = float(np.float32(self.unknown[1] + base))
                if begins[start + 1] < 0 or total > best[start + 1]:
                    best[start + 1], begins[start + 1], ids[start + 1] = total, start, self.unknown[0]
        return self._followed(begins, ids), best[size]

    def _followed(self, begins: list[int], ids: list[int]) -> list[int]:
        """Returns the best way, read from its end; unknown characters in a row are one."""
        way, stop = [], len(begins) - 1
        while stop > 0:
            way.append(ids[stop])
            stop = begins[stop]
        way.reverse()
        unknown = self.unknown[0]
        return [one for one, row in itertools.groupby(way) for _ in ((one,) if one == unknown else row)]


@functools.lru_cache(maxsize=16)
def tie_breaker(model: bytes) -> TieBreaker:
    """Returns what is needed of a serialized SentencePiece model."""
    from sentencepiece import sentencepiece_model_pb2

    found: Any = sentencepiece_model_pb2.ModelProto.FromString(model)
    texts, scores, kinds = zip(*((piece.piece, piece.score, piece.type) for piece in found.pieces), strict=True)
    numbers: dict[str, int] = {}
    unit_texts = [text[: (text + text).find(text, 1)] for text in texts]
    units = np.array([numbers.setdefault(text, len(numbers)) for text in unit_texts], np.int32)
    sizes = np.array(list(map(len, unit_texts)))
    pairs: dict[str, int] = {}
    ends = np.array([pairs.setdefault(text[0] + text[-1], len(pairs)) for text in texts], np.int32)
    splits = not any("▁" in text[1:] for text in texts)
    inner = np.array([not (splits and text.startswith("▁")) for text in texts])
    kind = found.pieces[0]
    normal = np.array([score for score, one in zip(scores, kinds, strict=True) if one == kind.NORMAL], np.float32)
    unknown = (kinds.index(kind.UNKNOWN), float(normal.min() - np.float32(_UNKNOWN_PENALTY)) if len(normal) else 0.0)
    if found.trainer_spec.model_type != found.trainer_spec.UNIGRAM or found.trainer_spec.byte_fallback:
        return TieBreaker(units, inner, sizes, ends, texts, None, np.empty(0, np.float32), {}, splits, unknown)
    # SentencePiece begins its search for the best score with the smallest positive number.
    most = max(np.finfo(np.float32).tiny, normal.max() if len(normal) else np.float32(0))
    cuts: dict[str, tuple[float, int]] = {}
    longest: dict[str, int] = {}
    for number, (text, score, one) in enumerate(zip(texts, scores, kinds, strict=True)):
        if one == kind.USER_DEFINED:
            score = float(np.float32(len(text.encode())) * most) - _USERS_LACK
        if one in (kind.NORMAL, kind.USER_DEFINED):
            cuts[text] = (score, number)
            longest[text[0]] = max(longest.get(text[0], 0), len(text))
    worths = np.where(np.array(kinds) == kind.NORMAL, np.array(scores, np.float32), np.float32(np.nan))
    return TieBreaker(units, inner, sizes, ends, texts, cuts, worths, longest, splits, unknown)

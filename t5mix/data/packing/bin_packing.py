"""Vector bin packing: which row each example goes to, so that rows are full.

1. Examples of equal lengths are one shape, for they are alike here.
2. Shapes are put in order by weight: all features alike, and, of several features, each above the others.
3. Rows are filled one after the other, the fullest first.
4. A row takes the heaviest shape that it has room for, in the order that suits what is left of it: by inputs where
   much room for inputs is left, and so on; and again, until nothing fits.
5. A set of shapes is one Python integer, a bit a shape, so that step 4 is F ANDs and the highest bit.

Source: the dot-product heuristic for vector bin packing (Panigrahy, Talwar, Uyeda and Wieder 2011), with directions
rounded to one for each feature and one between them; with one feature it is first-fit decreasing (Johnson 1974).
Rows needed, against the volume's lower bound (`benchmarks/packing.py`): 0.9986, 0.9949 and 0.9685 full.

Shapes of arrays: N examples, F features, R rows, S shapes.
"""

import itertools
import math
from collections.abc import Sequence

import numpy as np

# In the order of a feature, it weighs four times as much as the others.
_WEIGHT = 4


def choose_rows(
    lengths: np.ndarray, limits: Sequence[int], rows: int | None, used: np.ndarray | None = None
) -> np.ndarray:
    """Chooses a row for each example.

    Whole-number arithmetic and stable sorting give the same answer on every machine.

    Args:
        lengths: int [N, F], tokens of each example, within the limits.
        limits: tokens a row holds of each feature.
        rows: number of rows, or None for as many as are needed.
        used: int [R, F], tokens that the rows hold already; none by default.

    Returns:
        int32 [N]: the row of each example, -1 where none has room.
    """
    limit = np.asarray(limits, dtype=np.int64)
    lengths = np.asarray(lengths, dtype=np.int64).reshape(-1, len(limit))
    assert (lengths <= limit).all()
    height = len(lengths) if rows is None else rows
    free = np.repeat(limit[None], height, axis=0) if used is None else limit - used  # [R, F]
    # The fullest first, so that what is left at the end is room in few rows.
    turns = np.argsort(free @ _scale(limit), kind="stable").tolist()
    unplaced = Unplaced.of(lengths, limit)
    unplaced.admit_all()
    taken = [unplaced.fill(free[row].tolist()) for row in turns]
    chosen = np.full(len(lengths), -1, dtype=np.int32)
    chosen[list(itertools.chain(*taken))] = np.repeat(turns, list(map(len, taken)))
    return chosen


def _scale(limit: np.ndarray) -> np.ndarray:
    """Returns weights by which a whole row weighs the same in every feature."""
    return math.lcm(*limit.tolist()) // limit


class Unplaced:
    """Examples that are not in a row yet, those of equal lengths as one shape.

    A set of shapes is a Python integer whose bits are shapes, the heaviest highest: the heaviest shape that fits a
    row is the highest bit of what is left and has few enough tokens of each feature. Examples are placed once they
    are admitted, of a shape those first that come first.

    Args:
        lengths: int64 [N, F].
        limit: int64 [F].
    """

    def __init__(self, lengths: np.ndarray, limit: np.ndarray) -> None:
        by_shape, starts = _by_shape(lengths, limit)
        shapes = lengths[by_shape[starts]]
        self._lengths, self._shapes, self._members = lengths, shapes.tolist(), by_shape.tolist()
        self._sizes = np.diff(np.append(starts, len(lengths)))
        self._shape_of = np.empty(len(lengths), np.int64)
        self._shape_of[by_shape] = np.repeat(np.arange(len(starts)), self._sizes)
        # Of each shape, where its next example stands among the members, and where those admitted end.
        self._next, self._stop = starts.tolist(), starts.tolist()
        self._weights = [scale * scale for scale in _scale(limit).tolist()]
        self._volumes = [0] * len(limit)
        self._by_weight = [_ByWeight(shapes, weights, limit) for weights in _directions(limit)]

    @classmethod
    def of(cls, lengths: np.ndarray, limit: np.ndarray) -> "Unplaced":
        """Makes what is quickest for so many features."""
        return (_UnplacedPairs if len(limit) == 2 else Unplaced)(lengths, limit)

    def admit_all(self) -> None:
        """Admits every example, where none was."""
        self._add_volume(self._lengths)
        self._stop = (np.array(self._stop) + self._sizes).tolist()
        for order in self._by_weight:
            order.left = (1 << len(self._shapes)) - 1

    def admit(self, start: int, stop: int) -> None:
        """Admits examples `start` to before `stop`: the next ones."""
        self._add_volume(self._lengths[start:stop])
        shapes, counts = np.unique(self._shape_of[start:stop], return_counts=True)
        for shape, count in zip(shapes.tolist(), counts.tolist(), strict=True):
            self._stop[shape] += count
            for order in self._by_weight:
                order.left |= 1 << order.positions[shape]

    def _add_volume(self, lengths: np.ndarray) -> None:
        for feature, tokens in enumerate(lengths.sum(axis=0).tolist()):
            self._volumes[feature] += tokens * self._weights[feature]

    def fill(self, free: list[int]) -> list[int]:
        """Takes examples for a row with so much room, and returns them; `free` becomes what is left of it."""
        taken: list[int] = []
        while True:
            order = self._by_weight[self._direction(free)]
            fits = order.left
            for table, room in zip(order.at_most, free, strict=True):
                fits &= table[room]
            if not fits:
                return taken
            shape = order.shapes[fits.bit_length() - 1]
            taken.append(self._take(shape))
            for feature, size in enumerate(self._shapes[shape]):
                free[feature] -= size
                self._volumes[feature] -= size * self._weights[feature]

    def _take(self, shape: int) -> int:
        position = self._next[shape]
        self._next[shape] = position + 1
        if position + 1 == self._stop[shape]:
            for order in self._by_weight:
                order.left ^= 1 << order.positions[shape]
        return self._members[position]

    def _direction(self, free: list[int]) -> int:
        """Returns the number of the order that suits a row: 0, or 1 + a feature that has much the most room.

        Room counts by how much is left to be placed of a feature. Volumes carry squared scales, which make of
        room and volume shares of a row.
        """
        if len(free) == 1:
            return 0
        worth = [room * volume for room, volume in zip(free, self._volumes, strict=True)]
        feature = worth.index(max(worth))
        rest = max(worth[:feature] + worth[feature + 1 :])
        return 1 + feature if 4 * worth[feature] > 7 * rest else 0


class _UnplacedPairs(Unplaced):
    """The same for two features, without loops and calls, which are most of the time that packing takes."""

    def fill(self, free: list[int]) -> list[int]:
        """Takes examples for a row; see `Unplaced`."""
        taken: list[int] = []
        orders, shapes, members, following, stop = self._by_weight, self._shapes, self._members, self._next, self._stop
        (weight, other_weight), (volume, other_volume) = self._weights, self._volumes
        room, other_room = free
        while True:
            worth, other_worth = room * volume, other_room * other_volume
            order = orders[1 if 4 * worth > 7 * other_worth else 2 if 4 * other_worth > 7 * worth else 0]
            fits = order.left & order.at_most[0][room] & order.at_most[1][other_room]
            if not fits:
                self._volumes = [volume, other_volume]
                free[:] = room, other_room
                return taken
            shape = order.shapes[fits.bit_length() - 1]
            position = following[shape]
            taken.append(members[position])
            following[shape] = position + 1
            if position + 1 == stop[shape]:
                for order in orders:
                    order.left ^= 1 << order.positions[shape]
            size, other_size = shapes[shape]
            room, other_room = room - size, other_room - other_size
            volume, other_volume = volume - size * weight, other_volume - other_size * other_weight


def _by_shape(lengths: np.ndarray, limit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the examples by their lengths, those of equal lengths in their order, and where each shape begins."""
    number = np.zeros(len(lengths), dtype=np.int64)
    for sizes, most in zip(lengths.T, limit.tolist(), strict=True):
        # Lengths as one number; where that could become too great, shapes as numbers from 0.
        if number.max(initial=0) > np.iinfo(np.int64).max // (most + 1) - 1:
            number = np.unique(number, return_inverse=True)[1]
        number = number * (most + 1) + sizes
    by_shape = np.argsort(number, kind="stable")
    return by_shape, np.flatnonzero(np.diff(number[by_shape], prepend=-1))


class _ByWeight:
    """Shapes by weight, heaviest last; of equal weight, the first last.

    Attributes:
        shapes: the shapes in this order.
        positions: each shape's position in it.
        left: bits of the shapes that have admitted examples left.
        at_most: for each feature, for 0, 1, .. limit tokens, bits of the shapes with no more.
    """

    def __init__(self, shapes: np.ndarray, weights: np.ndarray, limit: np.ndarray) -> None:
        order = np.argsort(-(shapes @ weights), kind="stable")[::-1]
        self.shapes = order.tolist()
        self.positions = np.argsort(order).tolist()
        self.left = 0
        self.at_most = [_at_most(shapes[order, feature], most) for feature, most in enumerate(limit.tolist())]


def _at_most(sizes: np.ndarray, limit: int) -> list[int]:
    values, inverse = np.unique(sizes, return_inverse=True)
    bits = np.packbits(inverse[None, :] <= np.arange(len(values))[:, None], axis=1, bitorder="little")
    sets = [0] + [int.from_bytes(row.tobytes(), "little") for row in bits]
    return [sets[number] for number in np.searchsorted(values, np.arange(limit + 1), side="right").tolist()]


def _directions(limit: np.ndarray) -> list[np.ndarray]:
    """Returns weights of features: all alike, then for each of several features, it above the others."""
    features = len(limit)
    alike = np.ones(features, dtype=np.int64)
    above = [alike + (_WEIGHT - 1) * row for row in np.eye(features, dtype=np.int64)] if features > 1 else []
    return [weights * _scale(limit) for weights in [alike, *above]]

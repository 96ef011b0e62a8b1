"""Rows: which examples stand in which row of which step.

Packed, a window is a fixed number of steps, at least 1024 rows: packing needs choice.

1. A window's own examples are a run of draws; see `blocks`.
2. They are packed into its rows, see `bin_packing`, and rows are shuffled, so that a batch, which is some of the rows
   that lie one behind the other, is like any other.
3. Where a task begins an epoch in the window, what is drawn before comes before; see `epoch_order`.
4. What finds no room is put into free space of the next window, in which nothing else has to give way; what still
   waits goes to the one behind it, four times in all, and is then left out and counted. The plan keeps so much free
   that hardly anything waits.
5. A row that is empty gets an example of a row that has several.

The batch at a step depends on its window and four before it, on their blocks and the one before: on nothing else, so
any step can be computed without those before it. Figures of `benchmarks/packing.py`, as shares of the rows that the
tokens take at least: rows packed as in step 2 0.9986 (language model), 0.9949 (short pairs), 0.9685 (heavy tails); the
whole stream, which keeps some room free so that little waits, 0.987, 0.987, 0.940.

Unpacked, a row is a draw, in the order of draws.

Shapes: N examples of a window, F features, R rows of a window.
"""

import dataclasses
import math
import warnings

import numpy as np

from t5mix.data.mixing import permutation
from t5mix.data.mixing.mixer import Draws, Mixer
from t5mix.data.packing import bin_packing, collate, epoch_order
from t5mix.data.packing.blocks import Blocks
from t5mix.data.packing.capacity import Plan
from t5mix.data.packing.epoch_order import InOrder
from t5mix.internal.memo import remembers

# Rows of a window, at least: packing needs choice.
_ROWS = 1024
# Windows in which an example that does not fit its own is given free space.
TRIES = 4


@dataclasses.dataclass(frozen=True)
class Rows:
    """Examples in the rows of a window, or of a batch.

    Attributes:
        draws: the examples, in order.
        row: int64 [N], the row of each, ascending.
    """

    draws: Draws
    row: np.ndarray

    def between(self, start: int, stop: int) -> "Rows":
        """Returns rows `start` to `stop`, numbered from 0."""
        first, last = np.searchsorted(self.row, [start, stop])
        return Rows(self.draws.take(slice(int(first), int(last))), self.row[first:last] - start)


@dataclasses.dataclass(frozen=True)
class Fed:
    """The examples that stand in the first so many rows of all, but for those that have found no room.

    Attributes:
        before: int64 [tasks]: of each task its first so many,
        waiting: without these, which rows behind get,
        more: and with these.
    """

    before: np.ndarray
    waiting: Draws
    more: Draws

    def counts(self) -> np.ndarray:
        """Returns how many of each task these are, int64 [tasks]."""
        waiting, more = (np.bincount(some.task, minlength=len(self.before)) for some in (self.waiting, self.more))
        return self.before - waiting + more


class LeftOut:
    """The examples that found no room.

    Attributes:
        draws: the examples, by the window that they were drawn for.
        left_behind: those that waited when their task's rate fell to 0 or the stream ended, by the window before.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        self.draws: dict[int, Draws] = {}
        self.left_behind: dict[int, Draws] = {}

    def before(self, window: int) -> list[Draws]:
        """Returns those that were drawn for the windows before one, as far as windows behind have been filled."""
        found = [*self.draws.items(), *self.left_behind.items()]
        return [lost for drawn_for, lost in sorted(found, key=lambda one: one[0]) if drawn_for < window]

    def all(self) -> list[Draws]:
        """Returns all that are known; copied at once, for a thread may be making the next batch."""
        return [*list(self.draws.values()), *list(self.left_behind.values())]

    def add(self, window: int, lost: Draws, behind: bool = False) -> None:
        """Counts examples that found no room, with a warning that names their tasks."""
        if len(lost.task) == 0:
            return
        (self.left_behind if behind else self.draws)[window] = lost
        names = sorted({self._names[task] for task in lost.task.tolist()})
        warnings.warn(
            f"{len(lost.task)} examples drawn for window {window} found no room in it nor after it and are "
            f"left out, of: {', '.join(names)}",
            stacklevel=2,
        )


class PlainRows:
    """One example in each row, in the order of draws.

    Args:
        mixer: draws the examples.
        batch_size: rows of a batch.

    Attributes:
        rows: rows of a window.
        left_out: nothing.
        may_drop: no: each example has a row.
    """

    may_drop = False

    def __init__(self, mixer: Mixer, batch_size: int) -> None:
        self._mixer, self._batch_size = mixer, batch_size
        self.rows = rows_of_window(batch_size)
        self.left_out = LeftOut(mixer.names)

    @remembers(3)
    def window(self, window: int) -> Rows:
        """Returns the rows of a window."""
        draws = self._mixer.draws(window * self.rows, (window + 1) * self.rows)
        return Rows(draws, np.arange(len(draws.task)))  # the last ones may be empty where a stream ends

    def place(self, step: int) -> tuple[int, int, int]:
        """Returns a step's window, its number within it, and the number of steps of the window."""
        steps = self.rows // self._batch_size
        return *divmod(step, steps), steps

    def first_step(self, window: int) -> int:
        """Returns the first step of a window."""
        return window * (self.rows // self._batch_size)

    def drawn(self, window: int) -> np.ndarray:
        """Returns how many examples of each task are drawn for the windows before one, int64 [tasks]."""
        return self._mixer.before(window * self.rows)

    def waiting(self, window: int) -> Draws:
        """Returns the examples that wait for room when a window is full: none."""
        return self._mixer.quota(0, 0)

    def fed(self, row: int) -> Fed:
        """Returns the examples that stand in the first so many rows of all."""
        none = self.waiting(0)
        return Fed(self._mixer.before(row), none, none)


@dataclasses.dataclass(frozen=True)
class _Filled:
    """Examples in the rows of a window, and those that found no room in it.

    Attributes:
        draws: the examples in rows, in no order.
        row: int64 [N], the row of each.
        waiting: the others.
        early: no batch before this row has an example of an epoch that begins in the window.
    """

    draws: Draws
    row: np.ndarray
    waiting: Draws
    early: int

    @classmethod
    def of(cls, draws: Draws, row: np.ndarray, early: int) -> "_Filled":
        """Takes out the examples whose row is -1."""
        fits, waits = np.flatnonzero(row >= 0), np.flatnonzero(row < 0)
        return cls(draws.take(fits), row[fits], draws.take(waits), early)

    def with_late(self, late: Draws, row: np.ndarray) -> "_Filled":
        """Returns the same with further examples."""
        draws = Draws.joined([self.draws, late])
        return self.of(draws, np.concatenate([self.row, row]), self.early)


@dataclasses.dataclass(frozen=True)
class Stretch:
    """A part of the stream with a plan of its own.

    Attributes:
        first_draw: the draw that it begins with.
        first_window: number of its first window in the whole stream.
        blocks: how many blocks it has; None is without end.
        before: the rows of the stretch before, and the number of its last window.
        goes_on: bool [tasks], whose examples may wait for room from the stretch before; those of others do not.
    """

    first_draw: int = 0
    first_window: int = 0
    blocks: int | None = None
    before: "tuple[PackedRows, int] | None" = None
    goes_on: np.ndarray | None = None

    def waiting(self, tries: int) -> Draws | None:
        """Returns what waits from the stretch before and has been tried in so many windows; None if there is none."""
        if self.before is None:
            return None
        rows, window = self.before
        late = rows.waiting_after(window, tries)
        return late if self.goes_on is None else late.take(np.flatnonzero(self.goes_on[late.task]))

    def all_waiting(self) -> Draws | None:
        """Returns all that waited when the stretch began, also what is left out, to count it."""
        return None if self.before is None else self.before[0].waiting(self.before[1])

    def left_behind(self) -> Draws | None:
        """Returns what waits from the stretch before and is left out."""
        late = self.all_waiting()
        if late is None or self.goes_on is None:
            return None
        return late.take(np.flatnonzero(~self.goes_on[late.task]))


class PackedRows:
    """Several examples in each row.

    Args:
        mixer: draws the examples.
        plan: how much is drawn for how much room.
        seed: decides which example goes where.
        stretch: which part of the stream, where it has several.

    Attributes:
        rows: rows of a window.
        blocks: the examples that windows are filled with.
        left_out: the examples that found no room.
        may_drop: yes: an example may find none.
    """

    may_drop = True

    def __init__(self, mixer: Mixer, plan: Plan, seed: int, stretch: "Stretch | None" = None) -> None:
        self._mixer, self._plan, self._seed = mixer, plan, seed
        self._stretch = stretch or Stretch()
        self.rows = plan.rows
        self.left_out = LeftOut(mixer.names)
        self.blocks = Blocks(mixer, plan, self._stretch.first_draw, self._stretch.blocks)

    def place(self, step: int) -> tuple[int, int, int]:
        """Returns a step's window, its number within it, and the number of steps of the window."""
        steps = self.rows // self._plan.batch_size
        return *divmod(step, steps), steps

    @remembers(3)
    def window(self, window: int) -> Rows:
        """Returns the rows of a window."""
        filled = self._filled(window, TRIES)
        self.left_out.add(self._stretch.first_window + window - TRIES, filled.waiting)
        row = collate.spread(filled.row, self.rows)
        by_row = np.argsort(row, kind="stable")
        return Rows(filled.draws.take(by_row), row[by_row])

    def waiting(self, window: int) -> Draws:
        """Returns the examples of a window and of those before it that still wait for room when it is full."""
        return Draws.joined([self.waiting_after(window, tries) for tries in range(TRIES)])

    def waiting_after(self, window: int, tries: int) -> Draws:
        """Returns those of them that were tried in so many windows behind their own."""
        return self._filled(window, tries).waiting

    def placed(self, window: int) -> Draws | None:
        """Returns the examples of a window, those that waited too; None where some of them find no room."""
        tried = [self._filled(window, tries) for tries in range(TRIES + 1)]
        return None if any(len(one.waiting.task) for one in tried) else tried[-1].draws

    def first_step(self, window: int) -> int:
        """Returns the first step of a window."""
        return window * (self.rows // self._plan.batch_size)

    def drawn(self, window: int) -> np.ndarray:
        """Returns how many examples of each task are drawn for the windows before one, int64 [tasks]."""
        return self._mixer.before(self.blocks.bounds(window)[0])

    def fed(self, row: int) -> Fed:
        """Returns the examples that stand in the first so many rows of all."""
        window, rest = divmod(row, self.rows)
        none = self._mixer.quota(0, 0)
        waiting = self.waiting(window - 1) if window else (self._stretch.all_waiting() or none)
        return Fed(self.drawn(window), waiting, self.window(window).between(0, rest).draws if rest else none)

    @remembers(3 * (TRIES + 1))
    def _filled(self, window: int, tries: int) -> _Filled:
        """Returns a window with its own examples and what waited for room in the last `tries` windows.

        Those that wait least come first, so that a window depends on no more than the last `TRIES`.
        """
        if tries == 0:
            return self._with_own(window)
        filled = self._filled(window, tries - 1)
        if window > 0:
            late = self._filled(window - 1, tries - 1).waiting
        else:
            late = self._stretch.waiting(tries - 1) or filled.waiting.take(slice(0))
        if len(late.task) == 0:
            return dataclasses.replace(filled, waiting=late)
        used = np.zeros((self.rows, len(self._plan.limits)), dtype=np.int64)  # [R, F]
        np.add.at(used, filled.row, filled.draws.lengths)
        # Before the window's first epoch begins, if there is room, for their own began before.
        early = filled.early
        late_row = bin_packing.choose_rows(late.lengths, self._plan.limits, early, used[:early])
        if early < self.rows and (rest := np.flatnonzero(late_row < 0)).size:
            row = bin_packing.choose_rows(late.lengths[rest], self._plan.limits, self.rows - early, used[early:])
            late_row[rest] = np.where(row < 0, -1, row + early)
        return filled.with_late(late, late_row)

    def _with_own(self, window: int) -> _Filled:
        """Returns a window with its own examples: in the order of epochs where one begins in it, else in any."""
        draws = self.blocks.of_window(window)
        key = ("rows", self._seed, self._stretch.first_window + window)
        rank = permutation.permute(np.arange(self.rows), self.rows, key)
        cuts = epoch_order.begins(draws)
        if not len(cuts):
            row = bin_packing.choose_rows(draws.lengths, self._plan.limits, self.rows)
            return _Filled.of(draws, np.where(row < 0, -1, rank[row]), self.rows)
        plan = self._plan
        placed = InOrder.with_care(draws.lengths, plan.limits, cuts, plan.batch_size, rank, plan.fill)
        return _Filled.of(draws, placed.row, placed.early)


def rows_of_window(batch_size: int) -> int:
    """Returns the rows of a window: a multiple of the batch size."""
    return batch_size * math.ceil(_ROWS / batch_size)

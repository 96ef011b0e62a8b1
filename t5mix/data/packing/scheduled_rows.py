"""Rows of a stream whose rates change: stretches of packed rows, one behind the other."""

import bisect
import dataclasses
from collections.abc import Sequence

import numpy as np

from t5mix.data.mixing.mixer import Draws, Mixer
from t5mix.data.packing.capacity import Plan, rows_needed
from t5mix.data.packing.timetable import Planned
from t5mix.data.packing.windows import Fed, LeftOut, PackedRows, Rows, Stretch
from t5mix.internal.memo import remembers

# Sizes that a stream's last window is tried with, one batch more each time.
_SIZES = 8


class ScheduledRows:
    """Several examples in each row, by the plan of the stretch that it lies in.

    Args:
        mixer: draws the examples.
        planned: the stretches.
        seed: decides which example goes where.
        batch_size: rows of a batch.

    Attributes:
        left_out: the examples that found no room.
        may_drop: yes: an example may find none.
    """

    may_drop = True

    def __init__(self, mixer: Mixer, planned: Sequence[Planned], seed: int, batch_size: int) -> None:
        self.left_out = LeftOut(mixer.names)
        self._mixer, self._batch_size, self._seed = mixer, batch_size, seed
        self._first_rows: list[int] = []
        self._first_windows: list[int] = []
        self._stretches: list[tuple[PackedRows, Stretch]] = []
        row = window = 0
        before = None
        for one in planned:
            assert one.plan is not None
            stretch = Stretch(one.first_draw, window, one.blocks, before, one.keeps)
            packed = PackedRows(mixer, one.plan, seed, stretch)
            packed.left_out = self.left_out
            self._stretches.append((packed, stretch))
            self._first_rows.append(row)
            self._first_windows.append(window)
            if one.rows is not None:
                windows = (one.blocks or 0) * one.plan.windows
                before = (packed, windows - 1)
                row, window = row + one.rows, window + windows
        self._end = row
        self._windows = None if planned[-1].rows is None else window
        if self._windows is not None and planned[-1].plan is not None:
            self._shorten(planned[-1].plan)

    @property
    def steps(self) -> int | None:
        """How many steps there are; None is without end."""
        return None if self._windows is None else -(-self._end // self._batch_size)

    def _shorten(self, plan: Plan) -> None:
        """Takes batches off a stream's last window, which is planned with more of them than its examples need."""
        packed, stretch = self._stretches[-1]
        placed = packed.placed(0) if self._windows == self._first_windows[-1] + 1 else None
        if placed is None:
            return
        fewest = -(-rows_needed(placed, plan.limits, self._batch_size)[1] // self._batch_size) * self._batch_size
        for rows in range(fewest, plan.rows, self._batch_size)[:_SIZES]:
            shorter = PackedRows(self._mixer, dataclasses.replace(plan, rows=rows), self._seed, stretch)
            if shorter.placed(0) is not None:
                shorter.left_out = self.left_out
                self._stretches[-1] = shorter, stretch
                self._end -= plan.rows - rows
                return

    def place(self, step: int) -> tuple[int, int, int]:
        """Returns a step's window, its number within it, and the number of steps of the window."""
        number = bisect.bisect_right(self._first_rows, step * self._batch_size) - 1
        window, within, steps = self._stretches[number][0].place(step - self._first_rows[number] // self._batch_size)
        return self._first_windows[number] + window, within, steps

    def first_step(self, window: int) -> int:
        """Returns the first step of a window."""
        number = bisect.bisect_right(self._first_windows, window) - 1
        first = self._first_rows[number] // self._batch_size
        return first + self._stretches[number][0].first_step(window - self._first_windows[number])

    @remembers(3)
    def window(self, window: int) -> Rows:
        """Returns the rows of a window."""
        number = bisect.bisect_right(self._first_windows, window) - 1
        packed, stretch = self._stretches[number]
        if window == self._first_windows[number] and (late := stretch.left_behind()) is not None:
            self.left_out.add(window - 1, late, behind=True)
        found = packed.window(window - self._first_windows[number])
        if window + 1 == self._windows:  # nothing comes behind it
            self.left_out.add(window, packed.waiting(window - self._first_windows[number]), behind=True)
        return found

    def waiting(self, window: int) -> Draws:
        """Returns the examples of a window and of those before it that still wait for room when it is full."""
        number = bisect.bisect_right(self._first_windows, window) - 1
        return self._stretches[number][0].waiting(window - self._first_windows[number])

    def drawn(self, window: int) -> np.ndarray:
        """Returns how many examples of each task are drawn for the windows before one, int64 [tasks]."""
        if self._windows is not None and window >= self._windows:
            return self._mixer.before(self._mixer.end)
        number = bisect.bisect_right(self._first_windows, window) - 1
        return self._stretches[number][0].drawn(window - self._first_windows[number])

    def fed(self, row: int) -> Fed:
        """Returns the examples that stand in the first so many rows of all."""
        if self._windows is not None and row >= self._end:
            none = self._mixer.quota(0, 0)
            return Fed(self._mixer.before(self._mixer.end), none, none)
        number = bisect.bisect_right(self._first_rows, row) - 1
        return self._stretches[number][0].fed(row - self._first_rows[number])

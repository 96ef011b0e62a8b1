"""The first step that feeds an example of a task for the second time.

Examples are drawn epoch by epoch, so one comes again when the second epoch begins. Packed, what is drawn for a window
stands in any of its rows, and some of it waits for those behind: the window is found in which the second epoch begins,
and its batches are looked through until one has an example that is not among those still to come.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from t5mix.data.planning.finder import Finder

# Tasks whose second epoch is looked for in batches, the first ones to have one, unless all are; others are told from so
# many windows at even distances.
_TASKS, _GRID = 64, 64


@dataclasses.dataclass(frozen=True)
class Repetition:
    """When a task's examples begin to come again.

    Attributes:
        step: the step; None where they do not.
        exact: whether it is that very step.
    """

    step: int | None
    exact: bool = True


class Repetitions(Finder):
    """Finds these steps."""

    def before(self, steps: int, every: bool, tell: Callable[[int, int], None]) -> list[Repetition]:
        """Returns each task's repetition before a step.

        Args:
            steps: the step.
            every: look through batches for every task, however many.
            tell: called with (tasks done, tasks in all).
        """
        windows = self._rows.place(steps - 1)[0] + 1
        about = self._about(windows)
        found = [Repetition(None)] * len(self._counts)
        for done, task in enumerate(sorted(about, key=lambda task: (about[task], task))):
            tell(done, len(about))
            if every or done < _TASKS:
                window = self.drawing(task, self._counts[task], windows)
                found[task] = Repetition(self._first(task, window, steps))
            else:
                found[task] = Repetition(min(self._step_at(about[task]), steps - 1), exact=False)
        return found

    def _about(self, windows: int) -> dict[int, float]:
        """Returns about when, in windows, the second epoch of each task begins that has one before so many windows."""
        grid = sorted({windows * part // _GRID for part in range(_GRID + 1)})
        drawn = np.array([self.drawn(window) for window in grid])  # [grid, tasks]
        return {
            task: float(np.interp(count, drawn[:, task], grid))
            for task, count in enumerate(self._counts)
            if drawn[-1, task] > count
        }

    def _step_at(self, windows: float) -> int:
        first, stop = (self._rows.first_step(int(windows) + more) for more in (0, 1))
        return first + int((windows - int(windows)) * (stop - first))

    def _first(self, task: int, window: int, steps: int) -> int | None:
        """Returns the first step from a window on, and before `steps`, that feeds an example of the task again."""
        to_come = self._to_come(task, window)
        for step in range(self._rows.first_step(window), steps):
            number, within, _ = self._rows.place(step)
            rows = self._rows.window(number).between(within * self._batch_size, (within + 1) * self._batch_size)
            for index in rows.draws.index[rows.draws.task == task].tolist():
                if index not in to_come:
                    return step
                to_come.remove(index)
        return None

    def _to_come(self, task: int, window: int) -> set[int]:
        """Returns the examples that no window before this one feeds."""
        before, count = int(self.drawn(window)[task]), self._counts[task]
        indices = set(self._mixer.epoch(task, 0, before, count).tolist())
        for some in ([self._rows.waiting(window - 1)] if window else []) + self._rows.left_out.before(window):
            indices.update(some.index[some.task == task].tolist())
        return indices

"""The first step that feeds an example.

Its place in the order of its task's first epoch tells for which window it is drawn. It stands in a batch of that
window, or, where it found no room, of one of the next few; or it is left out, and comes again in the next epoch.
"""

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from t5mix.data.packing.windows import TRIES
from t5mix.data.planning.finder import Finder

# Places of an epoch's order that are looked up at once.
_AT_ONCE = 1 << 20
# A task and an example in one number.
_TASK = np.int64(1 << 40)


class FirstFed(Finder):
    """Finds first steps."""

    def before(
        self, steps: int, wanted: Mapping[int, Iterable[int]], tell: Callable[[int, int], None]
    ) -> dict[tuple[int, int], int]:
        """Returns the first step of each example that is fed before a step, by task and example.

        Args:
            steps: the step.
            wanted: examples of tasks, by their numbers.
            tell: called with (windows looked through, in all).
        """
        found: dict[tuple[int, int], int] = {}
        pending = {task: np.unique(np.fromiter(some, np.int64)) for task, some in wanted.items()}
        epoch = 0
        while steps and (drawn_for := self._drawn_for(pending, epoch, steps)):
            found |= self._look(steps, drawn_for, tell)
            # What was left out comes again.
            pending = {task: _without(some, task, found) for task, some in pending.items()}
            epoch += 1
        return found

    def _drawn_for(self, pending: Mapping[int, np.ndarray], epoch: int, steps: int) -> dict[tuple[int, int], int]:
        """Returns the window for which each of these examples is drawn in an epoch, where it is before a step."""
        windows = self._rows.place(steps - 1)[0] + 1
        found: dict[tuple[int, int], int] = {}
        for task, indices in pending.items():
            first = epoch * self._counts[task]
            stop = min(int(self.drawn(windows)[task]) - first, self._counts[task])
            for start in range(0, stop if len(indices) else 0, _AT_ONCE):
                order = self._mixer.epoch(task, epoch, start, min(start + _AT_ONCE, stop))
                for place in np.flatnonzero(np.isin(order, indices)).tolist():
                    number = first + start + place
                    found[task, int(order[place])] = self.drawing(task, number, windows)
        return found

    def _look(
        self, steps: int, drawn_for: Mapping[tuple[int, int], int], tell: Callable[[int, int], None]
    ) -> dict[tuple[int, int], int]:
        """Looks through the windows for which examples are drawn, and those behind, as long as they may wait."""
        last = self._rows.place(steps - 1)[0] + 1
        look = sorted(
            {later for window in drawn_for.values() for later in range(window, min(window + TRIES + 1, last))}
        )
        keys = np.array([task * _TASK + index for task, index in drawn_for], np.int64)
        found: dict[tuple[int, int], int] = {}
        for done, window in enumerate(look):
            tell(done, len(look))
            rows = self._rows.window(window)
            these = np.flatnonzero(np.isin(rows.draws.task * _TASK + rows.draws.index, keys))
            for task, index, row in zip(
                rows.draws.task[these].tolist(), rows.draws.index[these].tolist(), rows.row[these].tolist(), strict=True
            ):
                step = self._rows.first_step(window) + row // self._batch_size
                if step < steps and window <= drawn_for[task, index] + TRIES:
                    found.setdefault((task, index), step)
        return found


def _without(indices: np.ndarray, task: int, found: Mapping[tuple[int, int], int]) -> np.ndarray:
    return np.array([index for index in indices.tolist() if (task, index) not in found], np.int64)

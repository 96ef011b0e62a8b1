"""What finds steps in a stream: it knows for which window an example is drawn."""

import numpy as np

from t5mix.data.mixing.mixer import Mixer
from t5mix.data.packing.scheduled_rows import ScheduledRows
from t5mix.data.packing.windows import PackedRows, PlainRows
from t5mix.internal.memo import remembers


class Finder:
    """Finds steps by the windows that examples are drawn for.

    Args:
        mixer: of the stream.
        rows: its rows.
        batch_size: rows of a batch.
    """

    def __init__(self, mixer: Mixer, rows: PackedRows | PlainRows | ScheduledRows, batch_size: int) -> None:
        self._mixer, self._rows, self._batch_size = mixer, rows, batch_size
        self._counts = mixer.counts()  # examples of each task's epoch

    @remembers(1 << 12)
    def drawn(self, window: int) -> np.ndarray:
        """Returns how many examples of each task are drawn for the windows before one, int64 [tasks]."""
        return self._rows.drawn(window)

    def drawing(self, task: int, number: int, windows: int) -> int:
        """Returns the window for which a task's example is drawn.

        Args:
            task: the task.
            number: of the example, as the task's draws are counted, from 0.
            windows: a number of windows that draw it.
        """
        low, high = 0, windows  # drawn before low: at most so many; before high: more
        by_share = True  # and by halves in turns, for shares may change
        while high - low > 1:
            least, most = int(self.drawn(low)[task]), int(self.drawn(high)[task])
            middle = low + (number - least) * (high - low) // (most - least) if by_share else (low + high) // 2
            middle = min(max(middle, low + 1), high - 1)
            if self.drawn(middle)[task] <= number:
                low = middle
            else:
                high = middle
            by_share = not by_share
        return low

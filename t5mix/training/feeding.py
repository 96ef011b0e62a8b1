"""The batches of a training: this process's rows of each, made while the step before runs, and counts of them."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from t5mix.data import Stream
from t5mix.mesh.engine import Engine
from t5mix.training.loss_window import examples_of

Batch = dict[str, np.ndarray]


class Feeding:
    """What an engine is fed with, on this process.

    Args:
        stream: batches.
        engine: which says what rows this process needs.
    """

    def __init__(self, stream: Stream, engine: Engine) -> None:
        self._stream, self._rows = stream, engine.own_rows
        self._counted = engine.counted_rows()
        self._tasks = len(stream.task_names)

    def batches(self, first: int, last: int, whole: Callable[[int], bool]) -> Iterator[tuple[int, Batch]]:
        """Yields the batches of steps first..last-1, each made while the step before runs.

        Args:
            first: step.
            last: step before which it ends.
            whole: tells of which steps all rows are wanted, on every process.
        """

        def make(step: int) -> Batch:
            return self._stream.batch(step, None if whole(step) else self._rows)

        with ThreadPoolExecutor(1, "t5mix-stream") as pool:
            future = pool.submit(make, first) if first < last else None
            for step in range(first, last):
                assert future is not None
                batch = future.result()
                future = pool.submit(make, step + 1) if step + 1 < last else None
                yield step, batch

    def counts(self, batch: Batch) -> list[int]:
        """Returns the tokens of a batch, and its examples task by task: those that no other process counts."""
        is_whole = len(batch["targets_task"]) == self._stream.batch_size
        own = _rows(batch, self._counted, 0 if is_whole else self._rows.start)
        return [_num_tokens(own), *examples_of(own, self._tasks).tolist()]


def _rows(batch: Batch, rows: Sequence[slice], first: int) -> Batch:
    """Returns rows of a batch, whose first one has a number."""
    numbers = np.concatenate([np.zeros(0, int), *(np.arange(one.start, one.stop) for one in rows)]) - first
    return {name: array[numbers] for name, array in batch.items()}


def _num_tokens(batch: Batch) -> int:
    """Counts the tokens of a batch, of all features, without padding."""
    return sum(int(np.count_nonzero(array)) for name, array in batch.items() if name.endswith("_segment_ids"))

"""Opening a stream and planning it, with progress on the terminal."""

import time
from collections.abc import Mapping
from typing import Any

from t5mix.data import Stream
from t5mix.data.planning.feed_plan import FeedPlan
from t5mix.declarations.mixture import Mixture
from t5mix.declarations.task import Task
from t5mix.internal.terminal import Progress

# Seconds for which batches are made to see how fast.
_MEASURED = 1.0


def open_stream(provider: Task | Mixture, lengths: Mapping[str, int], batch_size: int, **options: Any) -> Stream:
    """Opens the batches of a mixture or of one task; tokenizes what is new.

    Args:
        provider: the task or mixture.
        lengths: for each feature the tokens of a row.
        batch_size: rows of a batch.
        **options: the others of `Stream`.
    """
    with Progress(what=f"opening {provider.name}") as progress:
        telling = _Telling(progress)
        return Stream(provider, lengths, batch_size, progress=telling.tokenizing, on_opened=telling.opened, **options)


def plan_stream(stream: Stream, steps: int, **options: Any) -> FeedPlan:
    """Plans so many steps of a stream.

    Args:
        stream: the stream.
        steps: how many.
        **options: the others of `Stream.plan`.
    """
    with Progress(what=f"planning {stream.name}") as progress:
        return stream.plan(steps, tell=progress.tell, **options)


def tokens_per_second(stream: Stream) -> float:
    """Returns how fast a stream makes batches on this machine, in tokens of all features together.

    The first batch, which reads what the others find in memory, is made before.
    """
    tokens, step = 0, 1
    stream.batch(0)
    started = time.perf_counter()
    while time.perf_counter() - started < _MEASURED:
        batch = stream.batch(step % stream.steps if stream.steps else step)
        tokens += sum(int((array > 0).sum()) for name, array in batch.items() if name.endswith("_segment_ids"))
        step += 1
    return tokens / (time.perf_counter() - started)


class _Telling:
    """Tells how many tasks are opened, and how far the one is that is being tokenized."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._opened = progress, (0, 1)

    def opened(self, done: int, total: int) -> None:
        """Takes in that so many tasks are opened."""
        self._opened = done, total
        self._progress.tell("opening tasks", done, total)

    def tokenizing(self, task: str, done: int, total: int | None) -> None:
        """Takes in how many examples of a task are tokenized."""
        if self._opened[1] == 1:
            self._progress.tell(f"reading and tokenizing {task}", done, total)
        else:
            of = f" of {total:,}" if total else ""
            self._progress.tell("opening tasks", *self._opened, now_at=f"({task}: {done:,}{of} examples)")

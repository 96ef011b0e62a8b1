"""Opening many tasks at once, where that takes tokenizing them."""

import concurrent.futures
from collections.abc import Callable, Iterable
from typing import TypeVar

from t5mix.stream.batch_tokenizers import cores

_Task = TypeVar("_Task")
_Opened = TypeVar("_Opened")


def in_order(open_one: Callable[[_Task], _Opened], tasks: Iterable[_Task]) -> list[_Opened]:
    """Returns what `open_one` makes of each task, some tasks at a time.

    SentencePiece works without Python's lock: while one thread tokenizes a small task, another reads and writes.  The
    first task's error, in order, is raised, and the tasks that nobody has begun are left.
    """
    workers = min(cores(), 4)
    if workers == 1:
        return [open_one(task) for task in tasks]
    with concurrent.futures.ThreadPoolExecutor(workers, "t5mix-open") as pool:
        futures = [pool.submit(open_one, task) for task in tasks]
        try:
            return [future.result() for future in futures]
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

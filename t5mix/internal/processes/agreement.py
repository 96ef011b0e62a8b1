"""What the processes of one run tell each other: small values, and when all have come to a place.

Where there is one process, or JAX was never asked for several, all of this costs nothing and loads nothing. Otherwise
every process must call the same of these functions in the same order: each call waits for all others.
"""

import contextvars
import hashlib
import json
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import numpy as np

T = TypeVar("T")

# Seconds between two words of the first process that it is still at work.
_PAUSE = 1.0
# Messages are padded to a power of two of bytes, so that few programs are compiled; this is the least.
_LEAST = 1 << 10


def count() -> int:
    """Returns how many processes there are."""
    return int(sys.modules["jax"].process_count()) if _joined() else 1


def index() -> int:
    """Returns the number of this process, from 0."""
    return int(sys.modules["jax"].process_index()) if _joined() else 0


def is_first() -> bool:
    """Tells whether this process is the one that writes logs, records and reports."""
    return index() == 0


def first_says(value: Callable[[], Any]) -> Any:
    """Returns what the first process finds, on all.

    Args:
        value: JSON, such as what is on disk; asked for on the first process alone.
    """
    if count() == 1:
        return value()
    return gathered(value() if is_first() else None)[0]


def gathered(value: Any) -> list[Any]:
    """Returns the value of each process, in their order, on all.

    Args:
        value: JSON.
    """
    if count() == 1:
        return [value]
    import numpy as np
    from jax.experimental import multihost_utils

    data = json.dumps(value).encode()
    sizes = np.atleast_1d(multihost_utils.process_allgather(np.int32(len(data))))
    size = max(_LEAST, 1 << (int(sizes.max()) - 1).bit_length())
    padded = np.zeros(size, np.uint8)
    padded[: len(data)] = np.frombuffer(data, np.uint8)
    return [_json(row, length) for row, length in zip(multihost_utils.process_allgather(padded), sizes, strict=True)]


def wait_for_all(place: str) -> None:
    """Waits until all processes have come here.

    Args:
        place: a name for it: where processes have lost each other, JAX says so.
    """
    if count() > 1:
        from jax.experimental import multihost_utils

        multihost_utils.sync_global_devices(place)


def first_alone(work: Callable[[], T]) -> T:
    """Lets the first process do something alone, and then all others, which find what it has made.

    Returns what it gives. The work may take hours: the others are told now and then that it goes on, so that no
    network gives up.

    Args:
        work: what is to be done; on the first process it runs on a thread, where there are others.
    """
    if count() == 1:
        return work()
    if not is_first():
        while not first_says(lambda: None):
            pass
        return work()
    with ThreadPoolExecutor(1, "t5mix-first") as pool:
        future: Future[T] = pool.submit(contextvars.copy_context().run, work)
        while not first_says(lambda: _done_within(future, _PAUSE)):
            pass
        return future.result()


def check_alike(what: str, value: Any) -> None:
    """Refuses processes that were not started alike: they would wait for each other, or compute nonsense.

    Args:
        what: is compared, for the message.
        value: JSON.

    Raises:
        ValueError: naming the processes that differ from the first.
    """
    if count() == 1:
        return
    found = gathered(hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest())
    other = [str(number) for number, each in enumerate(found) if each != found[0]]
    if other:
        raise ValueError(
            f"process {', '.join(other)} has other {what} than process 0: start all of them with the same command, the "
            "same files and the same versions of everything"
        )


def _done_within(future: "Future[Any]", seconds: float) -> bool:
    wait([future], timeout=seconds)
    return future.done()


def _joined() -> bool:
    jax = sys.modules.get("jax")
    return bool(jax and jax.distributed.is_initialized())


def _json(row: "np.ndarray", length: Any) -> Any:
    return json.loads(row[: int(length)].tobytes())

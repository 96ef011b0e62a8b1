"""Numbers of all processes, put together by the devices while the host goes on: what one asks at every step."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from t5mix.internal.processes import agreement


class Ballot:
    """Gathers some whole numbers of each process, and waits for them only when they are read.

    All processes cast at the same places. Nothing is sent where there is one process.
    """

    def cast(self, numbers: Sequence[int]) -> Any:
        """Hands in this process's numbers; returns what `read` takes.

        Args:
            numbers: below 2^31, as many on every process.
        """
        own = np.array([numbers], np.int32)
        if agreement.count() == 1:
            return own
        import jax

        split, program = _program()
        whole = (agreement.count(), len(numbers))
        return program(jax.make_array_from_callback(whole, split, lambda part: own))

    @staticmethod
    def read(cast: Any) -> np.ndarray:
        """Returns the numbers of all processes, int [processes, numbers]."""
        return np.asarray(cast)


@functools.cache
def _program() -> tuple[Any, Any]:
    """Returns how the numbers lie, a row on one device of each process; and what gives all rows to each."""
    import jax

    first = [next(d for d in jax.devices() if d.process_index == process) for process in range(jax.process_count())]
    mesh = jax.sharding.Mesh(np.array(first), ("process",))
    split, whole = (jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(axis)) for axis in ("process", None))
    return split, jax.jit(lambda numbers: numbers, out_shardings=whole)

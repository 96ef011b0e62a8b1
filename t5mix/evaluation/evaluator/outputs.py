"""What a model's function returned, in the order of the examples."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from t5mix.metrics.metric_objects import as_arrays, permuted

# An entry is (index, output): token ids, or a log likelihood.
IndexedOutputs = Sequence[tuple[int, Any]]
# Beside the entries may stand a dict of lists in the same order.
ModelFnReturnType = IndexedOutputs | tuple[IndexedOutputs, Any]
ModelFn = Callable[..., ModelFnReturnType]
PredictFnReturnType = ModelFnReturnType
ScoreFnReturnType = ModelFnReturnType


def in_order(task: str, returned: ModelFnReturnType, count: int) -> Any:
    """Returns outputs by index, and what stands beside them in the same order.

    Args:
        task: the task's name.
        returned: what the function of the model gave.
        count: how many examples there are.

    Returns:
        A list of outputs; or a pair of it and the dict, its lists as arrays where they can be.

    Raises:
        ValueError: if an index is missing, given twice or of no example, or what stands beside is of another length.
    """
    beside: Any = None
    entries: Any = returned
    if _is_pair(returned):
        entries, beside = returned
    entries = list(entries)
    if any(not isinstance(entry, tuple | list) or len(entry) != 2 for entry in entries):
        raise ValueError(
            f"task {task!r}: the model's function must return (index, output) for each example, "
            "with the index that stands beside the example in its dataset"
        )
    indices = [int(index) for index, _ in entries]
    order = np.argsort(indices, kind="stable")
    _check_indices(task, [indices[number] for number in order], count)
    outputs = [entries[number][1] for number in order]
    return outputs if beside is None else (outputs, as_arrays(_beside(task, beside, order)))


def _is_pair(returned: Any) -> bool:
    return isinstance(returned, tuple) and len(returned) == 2 and not isinstance(returned[1], tuple)


def _check_indices(task: str, indices: Sequence[int], count: int) -> None:
    """Refuses sorted indices that are not 0, 1, ... count - 1."""
    for index in indices:
        if not 0 <= index < count:
            _refuse(task, f"an output for example {index}, and they are 0 to {count - 1}")
    for number, index in enumerate(indices):
        if index != number:
            _refuse(task, f"twice for example {index}" if index < number else f"nothing for example {number}")
    if len(indices) < count:
        _refuse(task, f"nothing for example {len(indices)}")


def _refuse(task: str, what: str) -> NoReturn:
    raise ValueError(f"task {task!r}: the model's function returned {what}; it must answer each example once")


def _beside(task: str, beside: Any, order: np.ndarray) -> Any:
    for length in _lengths(beside):
        if length != len(order):
            raise ValueError(
                f"task {task!r}: the model's function returned {len(order)} outputs, and beside them a list of "
                f"{length}; give one entry for each"
            )
    return permuted(beside, order)


def _lengths(beside: Any) -> Iterator[int]:
    """Returns the length of each list or array in a tuple or dict of them."""
    if isinstance(beside, Mapping):
        beside = tuple(beside.values())
    if not isinstance(beside, tuple):
        yield len(beside)
        return
    for each in beside:
        yield from _lengths(each)

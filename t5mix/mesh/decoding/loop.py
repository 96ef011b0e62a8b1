"""One loop over positions, in one program: rows that have ended are left out of it.

A loop of a fixed number of rows ends when few enough are left, and those go on in a loop of half as many. Each loop is
compiled by itself, so there are few of them; a batch that ends all at once leaves the last ones at once.
"""

from collections.abc import Callable, Sequence
from typing import Any

from t5mix.mesh.decoding.steps import Tensors
from t5mix.mesh.mesh_tensorflow import tf

# (position, state, memory) -> state at the next position
Body = Callable[[tf.Tensor, Tensors, Tensors], Tensors]

# With fewer rows a step takes hardly less time: it reads every weight once anyway.
_FEWEST = 8


def sizes(rows: int, width: int, *, split: bool) -> list[int]:
    """Returns how many rows each loop has, the largest first.

    Args:
        rows: of the batch.
        width: sequences of a row.
        split: whether a mesh splits the rows: then they stay where they are.
    """
    found = [rows]
    while not split and found[-1] % 2 == 0 and found[-1] // 2 * width >= _FEWEST:
        found.append(found[-1] // 2)
    return found[:3]


def decode_rows(
    body: Body, state: Tensors, memory: Tensors, kept: Sequence[str], *, length: int, rows_of_loops: Sequence[int]
) -> dict[str, Any]:
    """Decodes until every row is done, or `length` positions.

    Args:
        body: decodes one position.
        state: [rows, ..] each; "done", bool [rows], says which rows need no more steps.
        memory: [rows, ..] each, which does not change.
        kept: the names of the results.
        length: positions.
        rows_of_loops: rows of the first loop, of the second, ...

    Returns:
        The results, of all rows.
    """
    position = tf.zeros([], tf.int32)
    results = {name: state[name] for name in kept}
    numbers = tf.range(rows_of_loops[0])
    for number, size in enumerate(rows_of_loops):
        if number:
            places = tf.argsort(tf.cast(state["done"], tf.int32), stable=True)[:size]
            numbers, state, memory = tf.nest.map_structure(lambda x: tf.gather(x, places), (numbers, state, memory))  # noqa: B023
        enough = rows_of_loops[number + 1] if number + 1 < len(rows_of_loops) else 0
        position, state = _loop(body, position, state, memory, length, enough)
        for name in kept:
            results[name] = (
                tf.tensor_scatter_nd_update(results[name], numbers[:, None], state[name]) if number else state[name]
            )
    return results


def _loop(
    body: Body, position: tf.Tensor, state: Tensors, memory: Tensors, length: int, enough: int
) -> tuple[tf.Tensor, Tensors]:
    """Loops while more than `enough` rows are left."""

    def goes_on(position: tf.Tensor, state: Tensors) -> tf.Tensor:
        left = tf.reduce_sum(tf.cast(tf.logical_not(state["done"]), tf.int32))
        return tf.logical_and(position < length, left > enough)

    def one(position: tf.Tensor, state: Tensors) -> tuple[tf.Tensor, Tensors]:
        return position + 1, body(position, state, memory)

    return tf.while_loop(goes_on, one, (position, dict(state)))

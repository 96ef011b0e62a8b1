"""Rows that have ended are left out of the loop."""

import numpy as np
import pytest

from t5mix.mesh.decoding.loop import decode_rows, sizes
from t5mix.mesh.mesh_tensorflow import tf
from tests.mesh.decoding.small_steps import compiled


@pytest.mark.parametrize(
    ("rows", "width", "expected"),
    [
        (1, 1, [1]),
        (8, 1, [8]),
        (16, 1, [16, 8]),
        (32, 1, [32, 16, 8]),
        (256, 1, [256, 128, 64]),
        (8, 4, [8, 4, 2]),
        (9, 4, [9]),
    ],
)
def test_loops_halve_the_rows_while_that_saves_time(rows, width, expected):
    assert sizes(rows, width, split=False) == expected
    assert sizes(rows, width, split=True) == [rows]


@pytest.mark.parametrize("loops", [[8], [8, 4], [8, 4, 2], [8, 1]])
def test_each_row_runs_until_it_is_done_and_in_loops_small_enough(loops):
    ends = np.array([3, 1, 7, 2, 9, 3, 0, 20], np.int32)

    def program(ends):
        state = {
            "done": tf.equal(ends, 0),
            "end": ends,
            "steps": tf.zeros_like(ends),
            "rows": tf.zeros([8, 12], tf.int32),
        }

        def body(position, state, memory):
            size = state["done"].shape[0]
            done = state["done"]
            at = tf.one_hot(position, 12, dtype=tf.int32)
            return {
                "done": tf.logical_or(done, position + 1 >= state["end"]),
                "end": memory["end"],
                "steps": state["steps"] + tf.cast(tf.logical_not(done), tf.int32),
                "rows": state["rows"] + at * size,
            }

        return decode_rows(body, state, {"end": ends}, ["steps", "rows"], length=12, rows_of_loops=loops)

    found = compiled(program, ends)
    np.testing.assert_array_equal(found["steps"], np.minimum(ends, 12))
    for position in range(12):
        left = (ends > position).sum()
        expected = min(size for size in loops if size >= left)
        running = found["rows"][ends > position, position]
        assert (running == expected).all()

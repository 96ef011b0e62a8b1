"""Sums over rows that are long are those of NumPy in float64, and are made without XLA's own where that is slow."""

import numpy as np
import pytest

from t5mix.mesh.compiling.sums import total
from t5mix.mesh.mesh_tensorflow import tf

LONG = 2**14 + 2


@pytest.mark.parametrize("count", [1, 2, 3, 6, 7, 8, 11, 12, 16, 22, 60, 64, 77])
@pytest.mark.parametrize(("shape", "dimension"), [((LONG,), 0), ((3, LONG), 1), ((5, 7), 0)])
@pytest.mark.parametrize("is_split", [False, True])
def test_a_total_is_the_sum(count: int, shape: tuple[int, ...], dimension: int, is_split: bool) -> None:
    x = np.random.default_rng(count).normal(size=(*shape[:dimension], count, *shape[dimension:])).astype(np.float32)
    found = total(tf.constant(x), dimension, is_split=is_split).numpy()
    np.testing.assert_allclose(found, x.astype(np.float64).sum(dimension), rtol=0, atol=1e-6 * count)


def operations(count: int, is_split: bool) -> set[str]:
    program = tf.function(lambda x: total(x, 0, is_split=is_split))
    concrete = program.get_concrete_function(tf.TensorSpec((count, LONG), tf.float32))
    return {operation.type for operation in concrete.graph.get_operations()}


def test_long_rows_are_added_by_slices_and_those_on_several_devices_are_not() -> None:
    assert "Sum" not in operations(48, is_split=False)
    assert "Sum" in operations(48, is_split=True)
    assert "Sum" in operations(2 * 11, is_split=False)  # eleven is left

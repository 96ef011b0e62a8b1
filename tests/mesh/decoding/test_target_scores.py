"""Scores of given targets against the model's pass over whole targets, one at a time."""

import numpy as np
import pytest

from tests.mesh.decoding.test_answers import ROWS, engine, inputs, likelihood, single, state

__all__ = ["single", "state"]


def targets(count: int, length: int) -> np.ndarray:
    rng = np.random.default_rng(3)
    ids = rng.integers(2, 256, (ROWS, count, length)).astype(np.int32)
    for row in range(ROWS):
        for number in range(count):
            size = rng.integers(1, length + 1)
            ids[row, number, size - 1], ids[row, number, size:] = 1, 0
    return ids


@pytest.mark.parametrize(("count", "length"), [(1, 12), (3, 12), (5, 4)])
def test_scores_are_those_of_each_target_by_itself(single, state, count, length):
    given = targets(count, length)
    found = single.target_scores(state, inputs(), given)
    assert found.shape == (ROWS, count)
    for number in range(count):
        whole = np.zeros((ROWS, 12), np.int32)
        whole[:, :length] = given[:, number]
        np.testing.assert_allclose(found[:, number], single_score(single, state, whole), rtol=1e-4, atol=1e-5)


def single_score(on, state, whole):
    """Targets without what follows their EOS are what they were."""
    return likelihood(on, state, inputs(), whole)


def test_a_target_of_padding_scores_0_and_rows_are_left_out(single, state):
    given = targets(3, 4)
    expected = single.target_scores(state, inputs(), given)
    given[:, 1] = 0
    found = single.target_scores(state, inputs(), given, np.array([0, 1, -1, 3, 4, -1, 6, 7]))
    left = [0, 1, 3, 4, 6, 7]
    np.testing.assert_allclose(found[left][:, [0, 2]], expected[left][:, [0, 2]], rtol=1e-5)
    assert not found[:, 1].any() and not found[[2, 5]].any()


@pytest.mark.slow
def test_scores_are_the_same_on_a_mesh(single, state):
    other = engine("batch:2;model:2")
    placed = other.initialize(seed=7)
    placed["decoder/logits/kernel"] = placed["decoder/logits/kernel"].at[:, 1].multiply(4.0)
    given = targets(3, 4)
    found = other.target_scores(placed, inputs(), given)
    np.testing.assert_allclose(found, single.target_scores(state, inputs(), given), rtol=1e-4)

"""Several models as one, against the mean of what each says by itself."""

import numpy as np
import pytest

from t5mix.mesh.decoding.settings import Decoding
from tests.mesh.decoding.test_answers import ROWS, engine, inputs, single, state
from tests.mesh.decoding.test_target_scores import targets

__all__ = ["single", "state"]


@pytest.fixture(scope="module")
def other(single):
    made = single.initialize(seed=8)
    made["decoder/logits/kernel"] = made["decoder/logits/kernel"].at[:, 1].multiply(4.0)
    return made


def mean_of(on, states, ids, answers):
    """Log-probabilities of each token of answers: the mean over models, normalized."""
    row = {"inputs": ids, "targets": answers, "inputs_segment_ids": np.minimum(ids, 1)}
    row["targets_segment_ids"] = np.ones_like(answers)
    each = []
    for one in states:
        logits = on.logits(one, row).astype(np.float64)
        each.append(logits - np.log(np.exp(logits).sum(-1, keepdims=True)))
    mean = np.mean(each, axis=0)
    return mean - np.log(np.exp(mean).sum(-1, keepdims=True))


def test_greedy_answers_take_the_token_that_is_likeliest_by_the_mean(single, state, other):
    ids = inputs()
    found = single.decode(state, ids, Decoding(), others=[other])
    answers = found.ids[:, 0]
    mean = mean_of(single, [state, other], ids, answers)
    for row in range(ROWS):
        length = int(np.argmax(answers[row] == 1)) + 1 if (answers[row] == 1).any() else answers.shape[1]
        assert list(mean[row, :length].argmax(-1)) == list(answers[row, :length])
        total = sum(mean[row, place, answers[row, place]] for place in range(length))
        np.testing.assert_allclose(found.scores[row, 0], total, rtol=1e-3, atol=1e-4)
    assert not np.array_equal(answers, single.decode(state, ids, Decoding()).ids[:, 0])


@pytest.mark.slow
def test_a_model_with_itself_is_that_model(single, state):
    decoding = Decoding(beams=3, best=2)
    alone, twice = single.decode(state, inputs(), decoding), single.decode(state, inputs(), decoding, others=[state])
    np.testing.assert_array_equal(alone.ids, twice.ids)
    np.testing.assert_allclose(alone.scores, twice.scores, rtol=1e-4)


def test_targets_are_scored_by_the_mean(single, state, other):
    given = targets(1, 12)
    found = single.target_scores(state, inputs(), given, others=[other])
    mean = mean_of(single, [state, other], inputs(), given[:, 0])
    for row in range(ROWS):
        total = sum(mean[row, place, token] for place, token in enumerate(given[row, 0]) if token)
        np.testing.assert_allclose(found[row, 0], total, rtol=1e-3)


@pytest.mark.slow
def test_an_ensemble_is_the_same_on_a_mesh(single, state, other):
    split = engine("batch:2;model:2")
    placed = [split.initialize(seed=seed) for seed in (7, 8)]
    for one in placed:
        one["decoder/logits/kernel"] = one["decoder/logits/kernel"].at[:, 1].multiply(4.0)
    found = split.decode(placed[0], inputs(), Decoding(beams=3), others=placed[1:])
    expected = single.decode(state, inputs(), Decoding(beams=3), others=[other])
    np.testing.assert_array_equal(found.ids, expected.ids)

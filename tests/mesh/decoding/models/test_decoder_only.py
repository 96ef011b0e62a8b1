"""A decoder alone, its inputs read at once, against the model asked anew for every token."""

import numpy as np
import pytest

from t5mix.data.packing import collate_decoder_only
from t5mix.internal.ragged import Ragged
from t5mix.mesh.decoding.models.decoder_only import set_right
from t5mix.mesh.decoding.settings import Decoding
from t5mix.mesh.engine import Engine
from t5mix.mesh.layouts import MeshConfig
from t5mix.mesh.mesh_tensorflow import tf
from tests.mesh.small import BATCH, LENGTHS, config

LM = {
    "architecture": "language_model",
    "num_encoder_layers": 0,
    "num_decoder_layers": 2,
    "tied_embeddings": False,  # a tied one repeats the last token, an EOS
}
PREFIX_LM = {**LM, "architecture": "prefix_lm", "activations": ("gelu", "linear")}
OWN_BIASES = {**PREFIX_LM, "per_layer_bias": True, "num_decoder_layers": 3}


def engine(changes, mesh="batch:1") -> Engine:
    return Engine(config(**changes), MeshConfig(shape=mesh), batch_size=BATCH, lengths=LENGTHS)


def started(on: Engine):
    """A state whose biases matter, and of which some rows come to an end."""
    state, rng = on.initialize(seed=4), np.random.default_rng(0)
    for name in list(state):
        if name.endswith("relative_attention_bias"):
            state[name] = rng.normal(size=state[name].shape).astype(np.float32)
    state["decoder/logits/kernel"] = state["decoder/logits/kernel"].at[:, 1].multiply(3.0)
    return state


def rows(*sizes) -> np.ndarray:
    rng, inputs = np.random.default_rng(1), np.zeros((BATCH, LENGTHS["inputs"]), np.int32)
    for row, size in enumerate(sizes):
        inputs[row, :size] = [*rng.integers(2, 120, size - 1), 1]
    return inputs


INPUTS = rows(5, 24, 1, 11)


def rows_of_training(inputs, targets):
    """A batch as training has it: the inputs of each row, and its targets behind them."""
    sides = {"inputs": [row[row > 0] for row in inputs], "targets": targets}
    tokens = {
        name: Ragged(np.concatenate(ids).astype(np.int32), np.array([len(i) for i in ids]))
        for name, ids in sides.items()
    }
    return collate_decoder_only.fill(tokens, LENGTHS, np.arange(BATCH), np.zeros(BATCH, np.int64), BATCH)


def scores_of_next(on: Engine, state, inputs, before) -> np.ndarray:
    """Log-likelihoods of what may come after `before`, by the program that training has: [batch, vocab]."""
    made = rows_of_training(inputs, [np.append(ids, 2) for ids in before])
    logits = on.logits(state, made)
    last = (made["decoder_segment_ids"] > 0).sum(1) - 1
    found = logits[np.arange(BATCH), last].astype(np.float64)
    return found - np.log(np.exp(found).sum(-1, keepdims=True))


@pytest.mark.parametrize("changes", [LM, PREFIX_LM, OWN_BIASES], ids=["language_model", "prefix_lm", "own_biases"])
def test_greedy_decoding_is_the_likeliest_token_again_and_again(changes):
    on = engine(changes)
    state = started(on)
    answers = on.decode(state, INPUTS, Decoding())
    before, total, ended = [[] for _ in range(BATCH)], np.zeros(BATCH), np.zeros(BATCH, bool)
    for _ in range(LENGTHS["targets"]):
        scores = scores_of_next(on, state, INPUTS, before)
        for row in np.flatnonzero(~ended):
            chosen = int(scores[row].argmax())
            total[row] += scores[row, chosen]
            before[row].append(chosen)
            ended[row] = chosen == 1
    expected = np.array([[*ids, *[0] * (LENGTHS["targets"] - len(ids))] for ids in before])
    np.testing.assert_array_equal(answers.ids[:, 0], expected)
    np.testing.assert_allclose(answers.scores[:, 0], total, rtol=1e-4)
    assert len(np.unique(expected)) > 3
    np.testing.assert_array_equal(on.greedy_decode(state, INPUTS), expected)


def test_scores_of_several_targets_are_those_of_rows_of_training():
    on = engine(PREFIX_LM)
    state, rng = started(on), np.random.default_rng(2)
    targets = rng.integers(2, 120, (BATCH, 3, 6)).astype(np.int32)
    targets[:, 1, 3:] = 0
    found = on.target_scores(state, INPUTS, targets)
    for number in range(3):
        given = [row[row > 0] for row in targets[:, number]]
        np.testing.assert_allclose(found[:, number], on.score(state, rows_of_training(INPUTS, given)), rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("changes", [LM, OWN_BIASES], ids=["language_model", "own_biases"])
def test_beams_find_what_has_the_score_that_they_say(changes):
    on = engine(changes)
    state = started(on)
    answers = on.decode(state, INPUTS, Decoding(beams=3, best=2, length_penalty=0.0))
    for best in range(2):
        total, ids = np.zeros(BATCH), answers.ids[:, best]
        for place in range(LENGTHS["targets"]):
            scores = scores_of_next(on, state, INPUTS, [list(row[:place]) for row in ids])
            ended = (ids[:, :place] == 1).any(1)  # 0 is a token as others are before EOS
            total += np.where(ended, 0.0, scores[np.arange(BATCH), ids[:, place]])
        np.testing.assert_allclose(answers.scores[:, best], total, rtol=1e-4, atol=1e-4)
    assert (answers.scores[:, 0] >= answers.scores[:, 1]).all()
    assert (answers.scores[:, 0] >= on.decode(state, INPUTS, Decoding()).scores[:, 0] - 1e-4).any()


@pytest.mark.slow
def test_a_mesh_decodes_the_same():
    one, four = engine(PREFIX_LM), engine(PREFIX_LM, "batch:2;model:2")
    state = started(one)
    np.testing.assert_array_equal(four.greedy_decode(started(four), INPUTS), one.greedy_decode(state, INPUTS))


def test_rows_are_set_right():
    ids, segments = set_right(tf.constant([[0, 7, 8, 0], [0, 5, 6, 1], [0, 0, 0, 0]]), tf.constant([3, 4, 1]))
    assert ids.numpy().tolist() == [[0, 0, 7, 8], [0, 5, 6, 1], [0, 0, 0, 0]]
    assert segments.numpy().tolist() == [[0, 1, 1, 1], [1, 1, 1, 1], [0, 0, 0, 1]]

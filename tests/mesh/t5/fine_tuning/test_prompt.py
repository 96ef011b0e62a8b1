"""Prompt tuning: a trained prompt of words is what the words themselves would be, as far as T5 can tell."""

import numpy as np
import pytest

from t5mix.mesh.engine import Engine
from t5mix.mesh.layouts import MeshConfig
from t5mix.mesh.t5.fine_tuning.prompt_start import prompt_from_vocabulary
from t5mix.mesh.t5.fine_tuning.settings import prompt_tuning
from tests.mesh.small import BATCH, LENGTHS, config
from tests.mesh.t5.fine_tuning.trained import LOOP, after, engine, unpacked

LENGTH = 6


@pytest.mark.parametrize("loop", ["kept", "off"])
def test_a_prompt_of_embeddings_is_text_before_the_inputs(loop):
    changes = {**LOOP, "block_loop": loop}
    on = engine(prompt_tuning(length=LENGTH), **changes)
    longer = Engine(
        config(**changes),
        MeshConfig(),
        batch_size=BATCH,
        lengths={**LENGTHS, "inputs": LENGTHS["inputs"] + LENGTH},
    )
    words = np.arange(10, 10 + LENGTH, dtype=np.int32)
    state, data = on.initialize(seed=0), unpacked(0)
    state["prompt/embedding"] = np.asarray(state["shared/embedding"])[words]
    row = dict(data)
    row["inputs"] = np.concatenate([np.tile(words, (BATCH, 1)), data["inputs"]], 1)
    row["inputs_segment_ids"] = np.minimum(row["inputs"], 1)
    plain = longer.initialize(seed=0)
    real = data["targets_segment_ids"] == 1
    np.testing.assert_allclose(on.logits(state, data)[real], longer.logits(plain, row)[real], rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(on.greedy_decode(state, data["inputs"]), longer.greedy_decode(plain, row["inputs"]))


def test_it_is_all_that_is_trained_and_learns():
    on = engine(prompt_tuning(length=LENGTH), dropout_rate=0.0)
    assert [variable.name for variable in on.trained_weights] == ["prompt/embedding"]
    assert on.trained_weights[0].shape == (LENGTH, 32)
    state, losses = on.initialize(seed=0), []
    for step in range(15):
        state, metrics = on.train_step(state, unpacked(0), learning_rate=0.3, step=step, seed=0)
        losses.append(float(metrics.loss))
    assert losses[-1] < losses[0] - 0.02


def test_its_first_values_are_embeddings_of_common_words():
    embedding = np.random.default_rng(0).normal(size=(128, 4)).astype(np.float32)
    prompt = prompt_from_vocabulary(embedding, prompt_tuning(length=20), 120, seed=1)
    ids = [int(np.flatnonzero((embedding == vector).all(1))[0]) for vector in prompt]
    assert len(set(ids)) == 20 and min(ids) >= 3 and max(ids) < 120
    np.testing.assert_array_equal(prompt_from_vocabulary(embedding, prompt_tuning(length=20), 120, seed=1), prompt)
    assert not np.array_equal(prompt_from_vocabulary(embedding, prompt_tuning(length=20), 120, seed=2), prompt)
    assert prompt_from_vocabulary(embedding, prompt_tuning(length=300), 120, seed=1).shape == (300, 4)


def test_random_first_values_are_lester_and_others():
    before, _, _ = after(engine(prompt_tuning(length=50, start="random")), 1)
    prompt = before["prompt/embedding"]
    assert -0.5 <= prompt.min() < -0.45 and 0.45 < prompt.max() < 0.5

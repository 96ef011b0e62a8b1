"""Denoising: what it restores, how long it gets, with functions of one's own too."""

import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from t5mix.data import Stream
from t5mix.preprocessors import objectives
from t5mix.preprocessors.objectives import Noise, Ragged

SENTINEL = 9_999


def _texts(sizes):
    return Ragged.of([np.arange(size, dtype=np.int32) + 100 * row for row, size in enumerate(sizes)])


def test_a_mask_of_another_length_is_refused():
    objective = objectives.Denoising(noise_mask_fn=lambda length, density, seeds: np.ones(3, bool))
    with pytest.raises(ValueError, match=r"shape \(3,\) for 5 tokens"):
        objective.example(np.arange(5), 0, SENTINEL)


def test_settings_of_a_partial_hold_for_many_texts_too():
    mask = functools.partial(objectives.random_spans_noise_mask, mean_noise_span_length=8.0)
    objective = objectives.Denoising(noise_mask_fn=mask)
    made = objective.apply(_texts([400] * 20), Noise.of((0, 0), np.arange(20)), SENTINEL)
    spans = [int((ids > 9000).sum()) for ids in made["inputs"].rows()]
    assert set(spans) == {round(400 * 0.15 / 8)}


LENGTHS = {"inputs": 64, "targets": 64}
NAMES = ["iid_denoising", "bert_style", "mass_style", "drop_tokens", "deshuffling"]


def _apply(objective, size, seed=0):
    return objective.example(np.arange(size), seed, SENTINEL)


@pytest.mark.parametrize("name", ["bert_style", "mass_style", "deshuffling"])
def test_whole_targets_are_the_text_and_inputs_are_as_long(name):
    example = _apply(getattr(objectives, name), 100)
    assert example["targets"].tolist() == list(range(100)) and len(example["inputs"]) == 100
    assert all(ids.dtype == np.int32 for ids in example.values())


def test_shuffled_inputs_are_the_text_in_another_order():
    inputs = _apply(objectives.deshuffling, 100)["inputs"].tolist()
    assert sorted(inputs) == list(range(100)) != inputs


@given(size=st.integers(1, 300), seed=st.integers(0, 2**32))
def test_dropped_tokens_are_in_one_of_both(size, seed):
    example = _apply(objectives.drop_tokens, size, seed)
    assert sorted([*example["inputs"], *example["targets"]]) == list(range(size))


@given(size=st.integers(1, 300), density=st.floats(0.05, 0.95), seed=st.integers(0, 2**32))
def test_inputs_and_targets_of_iid_denoising_restore_the_text(size, density, seed):
    objective = objectives.iid_denoising(noise_density=density)
    example = _apply(objective, size, seed)
    first = SENTINEL - objective.sentinels(size)
    kept, noise = ([t for t in example[name].tolist() if t <= first] for name in ("inputs", "targets"))
    assert sorted(kept + noise) == list(range(size))
    # Sentinels mark the same spans: put in the order of their numbers, each stands once on a side.
    for name in ("inputs", "targets"):
        marks = [t for t in example[name].tolist() if t > first]
        assert marks == list(range(SENTINEL, SENTINEL - len(marks), -1))


@pytest.mark.parametrize("name", NAMES)
def test_inputs_with_eos_fit(name):
    objective = getattr(objectives, name)
    size = objective.segment_length(LENGTHS)
    assert size == 63
    assert all(len(_apply(objective, size, seed)["inputs"]) <= 63 for seed in range(50))
    whole = objective.targets_fn is None
    assert objective.segment_length({"inputs": 64, "targets": 20}) == (19 if whole else 63)


def test_t5s_vocabulary_has_enough_sentinels_at_512_but_not_for_half_noise(features):
    lengths = {"inputs": 512, "targets": 256}
    assert objectives.iid_denoising.check(features, lengths) == 358
    with pytest.raises(ValueError, match=r"iid_50_u_u at inputs length 512 needs 1\d\d sentinels"):
        objectives.named("iid_50_u_u").check(features, lengths)


def test_a_mask_of_ones_own_runs():
    def every_third(length, noise_density, seeds):
        return np.arange(length) % 3 == 2

    example = _apply(objectives.Denoising(noise_mask_fn=every_third), 7)
    assert example["inputs"].tolist() == [0, 1, 9999, 3, 4, 9998, 6]
    assert example["targets"].tolist() == [9999, 2, 9998, 5, 9997]


@pytest.mark.parametrize("name", NAMES)
def test_task_and_stream_run_the_same_objective(name, tmp_path, text_task):
    objective = getattr(objectives, name)
    task = text_task(objective)
    found = list(task.get_dataset(LENGTHS, "train", shuffle=False, seed=1).as_numpy_iterator())
    again = list(task.get_dataset(LENGTHS, "train", shuffle=False, seed=1).as_numpy_iterator())
    stream = Stream(task, LENGTHS, 2, cache_dir=tmp_path)
    examples = stream._examples["text"]
    assert type(examples).__name__ == "ObjectiveExamples" and examples.count == len(found)
    for one, other in zip(found, again, strict=True):
        assert all(np.array_equal(one[key], other[key]) for key in one)
    if objective.targets_fn is None:
        texts = [_row(examples, 0, i)[1].tolist() for i in range(examples.count)]
        assert texts == [example["targets"].tolist() for example in found]
    first = [ids.tolist() for ids in _row(examples, 0, 1)]
    assert first == [ids.tolist() for ids in _row(examples, 0, 1)] != [ids.tolist() for ids in _row(examples, 1, 1)]


def _row(examples, epoch, index):
    return [ids.values for ids in examples.gather(epoch, np.array([index]))]

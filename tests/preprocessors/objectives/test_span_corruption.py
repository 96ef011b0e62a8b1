"""Span corruption: T5's arithmetic, its statistics, and nothing lost of the text."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from t5mix.preprocessors import objectives
from t5mix.vocabularies import ByteVocabulary
from t5mix.vocabularies.features import Feature

SENTINEL = 99_999
LENGTHS = {"inputs": 512, "targets": 114}


def _features(extra_ids=100):
    feature = Feature(ByteVocabulary(extra_ids=extra_ids))
    return {"inputs": feature, "targets": feature}


def _restored(example, spans):
    """Puts each sentinel's span back into the inputs."""
    sentinels = {SENTINEL - i for i in range(spans)}
    found, current = {}, None
    for token in example["targets"].tolist():
        if token in sentinels:
            current = token
            found[current] = []
        else:
            found[current].append(token)
    text = []
    for token in example["inputs"].tolist():
        text += found.pop(token) if token in sentinels else [token]
    assert not found
    return text


@pytest.mark.parametrize(
    ("inputs", "density", "mean", "expected"),
    [
        (512, 0.15, 3.0, (568, 114)),
        (512, 0.15, 2.0, (552, 126)),
        (512, 0.15, 5.0, (581, 105)),
        (512, 0.15, 10.0, (591, 99)),
        (512, 0.5, 3.0, (766, 512)),
        (1024, 0.15, 3.0, (1137, 229)),
        (256, 0.15, 3.0, (284, 58)),
        (128, 0.15, 3.0, (141, 29)),
        (64, 0.15, 3.0, (70, 14)),
    ],
)
def test_lengths_are_those_of_t5(inputs, density, mean, expected):
    assert objectives.random_spans_lengths(inputs, density, mean) == expected


@given(
    size=st.integers(1, 700),
    density=st.floats(0.02, 0.9),
    mean=st.floats(1, 12),
    seed=st.integers(0, 2**32),
)
def test_inputs_and_targets_restore_the_text(size, density, mean, seed):
    objective = objectives.span_corruption(noise_density=density, mean_noise_span_length=mean)
    text = np.arange(size, dtype=np.int32)
    example = objective.example(text, seed, SENTINEL)
    lengths = objective.example_lengths(np.array([size]))[0]
    assert [len(example["inputs"]), len(example["targets"])] == lengths.tolist()
    assert _restored(example, objective.sentinels(size)) == text.tolist()
    assert all(ids.dtype == np.int32 for ids in example.values())


@given(inputs=st.integers(4, 600), density=st.floats(0.01, 0.95), mean=st.floats(1, 12))
def test_no_example_of_a_segment_or_less_is_longer_than_the_lengths(inputs, density, mean):
    objective = objectives.span_corruption(noise_density=density, mean_noise_span_length=mean)
    size, targets = objectives.random_spans_lengths(inputs, density, mean)
    assert size >= 2
    lengths = objective.example_lengths(np.arange(1, size + 1)) + 1
    assert (lengths <= [inputs, targets]).all()


def test_a_full_segment_fills_512_inputs_and_gives_114_targets():
    size = objectives.span_corruption.segment_length(LENGTHS)
    example = objectives.span_corruption.example(np.arange(size), 0, SENTINEL)
    assert (len(example["inputs"]) + 1, len(example["targets"]) + 1) == (512, 114)


def test_density_and_spans_are_as_declared_to_within_three_sigma():
    objective, size, runs = objectives.span_corruption, 568, 300
    noise = np.zeros(size)
    spans, first = [], []
    for seed in range(runs):
        example = objective.example(np.arange(size, dtype=np.int32), seed, SENTINEL)
        targets = example["targets"]
        taken = targets[targets < size]
        noise[taken] += 1
        starts = np.flatnonzero(targets >= size)
        assert targets[starts].tolist() == list(range(SENTINEL, SENTINEL - 28, -1))
        spans += np.diff([*starts, len(targets)]).tolist()
        first.append(taken[0])
    assert noise.sum() / runs / size == pytest.approx(0.15, abs=0.5 / size)
    lengths = np.array(spans) - 1
    assert lengths.mean() == pytest.approx(85 / 28)
    # Cut uniformly, the kept text before the first span is one of 28 equal parts on average.
    mean, deviation = (568 - 85) / 28, np.std(first) / np.sqrt(runs)
    assert abs(np.mean(first) - mean) < 3 * deviation
    # Away from the ends, every position is as likely as any other.
    inner = noise[100:-100] / runs
    assert abs(inner.mean() - 0.15) < 3 * np.sqrt(0.15 * 0.85 / runs / len(inner)) * 3


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"noise_density": 0.0}, "noise_density"),
        ({"noise_density": float("nan")}, "noise_density"),
        ({"mean_noise_span_length": 0.5}, "mean_noise_span_length"),
        ({"density": 0.3}, "no setting 'density'"),
    ],
)
def test_wrong_settings_are_refused_by_name(settings, word):
    with pytest.raises(ValueError, match=word):
        objectives.span_corruption(**settings)


def test_too_few_sentinels_and_short_targets_are_refused():
    with pytest.raises(ValueError, match=r"needs 28 sentinels.*has 3 extra ids"):
        objectives.span_corruption.check(_features(extra_ids=3), LENGTHS)
    with pytest.raises(ValueError, match=r"targets of 114.*raise it to 114"):
        objectives.span_corruption.check(_features(), {"inputs": 512, "targets": 100})
    with pytest.raises(ValueError, match="'inputs'"):
        objectives.span_corruption.check({"targets": _features()["targets"]}, LENGTHS)


def test_the_parts_of_the_helper():
    assert objectives.random_spans_tokens_length(512) == 568
    assert objectives.random_spans_targets_length(512, mean_noise_span_length=2.0) == 126

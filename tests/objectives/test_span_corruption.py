"""Objectives: T5's arithmetic, its statistics, and nothing lost of the text."""

import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import t5mix
from t5mix import objectives
from t5mix.features import Feature
from t5mix.objectives import Noise
from t5mix.preprocessors.pipeline import CacheDatasetPlaceholder
from t5mix.sources import FunctionDataSource
from t5mix.task import Task
from t5mix.vocabularies import ByteVocabulary

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


# Lengths that T5's own random_spans_helper gives.
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


@given(items=st.integers(1, 60), data=st.data(), seed=st.integers(0, 2**32))
def test_segments_are_positive_and_sum_up(items, data, seed):
    segments = data.draw(st.integers(1, items))
    lengths = objectives.random_segments(items, segments, Noise.of((seed, 0)))
    assert len(lengths) == segments and lengths.sum() == items and lengths.min() >= 1


def test_all_ways_to_cut_are_equally_likely():
    counts = {}
    for seed in range(6000):
        cut = tuple(objectives.random_segments(5, 3, Noise.of((seed, 0))).tolist())
        counts[cut] = counts.get(cut, 0) + 1
    assert len(counts) == 6
    assert all(abs(count - 1000) < 4 * np.sqrt(1000 * 5 / 6) for count in counts.values())


def test_prefix_lm_cuts_everywhere_equally_often():
    text = np.arange(5, dtype=np.int32)
    cuts = np.zeros(6)
    for seed in range(4000):
        example = objectives.prefix_lm.example(text, seed, SENTINEL)
        assert [*example["inputs"], *example["targets"]] == text.tolist()
        cuts[len(example["inputs"])] += 1
    assert cuts[0] == cuts[5] == 0
    assert (abs(cuts[1:5] - 1000) < 4 * np.sqrt(1000 * 3 / 4)).all()


def test_settings_by_call_and_by_partial_are_the_same():
    by_call = objectives.span_corruption(noise_density=0.3)
    by_partial = functools.partial(objectives.span_corruption, noise_density=0.3)
    assert objectives.as_objective(by_partial) == objectives.as_objective(by_call) == by_call
    assert objectives.as_objective(len) is None


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


def _text_task(objective, name="text"):
    def documents(split, shuffle_files):
        import tensorflow as tf

        ids = tf.ragged.range([3, 503, 3, 1003], [203, 1203, 3, 1303]) % 250 + 3
        return tf.data.Dataset.from_tensor_slices({"targets": ids})

    return Task(
        name,
        source=FunctionDataSource(documents, splits=["train"]),
        preprocessors=[CacheDatasetPlaceholder(), objective],
        output_features=_features(),
    )


def test_get_dataset_runs_the_same_objective():
    task = _text_task(objectives.span_corruption)
    found = list(task.get_dataset(LENGTHS, "train", shuffle=False, seed=1).as_numpy_iterator())
    again = list(task.get_dataset(LENGTHS, "train", shuffle=False, seed=1).as_numpy_iterator())
    sizes = np.array([568, 568, 64])  # 200 + 700 + 0 + 300 tokens
    expected = objectives.span_corruption.example_lengths(sizes)
    assert [[len(e["inputs"]), len(e["targets"])] for e in found] == expected.tolist()
    for one, other in zip(found, again, strict=True):
        assert np.array_equal(one["inputs"], other["inputs"])
    assert (found[0]["targets"] == ByteVocabulary(100).vocab_size - 1).sum() == 1


def test_documents_are_not_joined_when_told_so():
    task = _text_task(objectives.prefix_lm)
    found = list(task.get_dataset({"inputs": 256, "targets": 256}, shuffle=False, seed=1))
    sizes = [len(e["inputs"]) + len(e["targets"]) for e in found]
    assert sizes == [200, 255, 255, 190, 255, 45]


def test_a_dataset_without_lengths_is_refused():
    with pytest.raises(ValueError, match="needs sequence_length"):
        _text_task(objectives.span_corruption).get_dataset(None, "train", shuffle=False)


def test_features_are_kept_where_documents_are_not_joined():
    import tensorflow as tf

    texts = tf.ragged.constant([[5] * 700, [6] * 40])
    documents = tf.data.Dataset.from_tensor_slices({"targets": texts, "page": [3, 8], "other": [0, 0]})
    settings = {"passthrough_feature_keys": ["page"], "merge_examples_to_reduce_padding": False}
    with t5mix.map_seed_manager(1):
        made = objectives.span_corruption(documents, LENGTHS, _features(), **settings)
    # The first document makes two examples: 568 tokens fill the inputs.
    assert [(int(x["page"]), int(x["targets"][1]), "other" in x) for x in made] == [
        (3, 5, False),
        (3, 5, False),
        (8, 6, False),
    ]
    for refused in ({"passthrough_feature_keys": ["page"]}, {**settings, "passthrough_feature_keys": ["inputs"]}):
        with pytest.raises(ValueError, match="passthrough_feature_keys"):
            objectives.span_corruption(documents, LENGTHS, _features(), **refused)


def test_the_parts_of_the_helper():
    assert objectives.random_spans_tokens_length(512) == 568
    assert objectives.random_spans_targets_length(512, mean_noise_span_length=2.0) == 126

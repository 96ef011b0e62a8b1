"""Objectives of noise masks: what they restore, how long they get, how T5's names read."""

import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from t5mix import objectives
from t5mix.data import Stream
from t5mix.features import Feature
from t5mix.mapping import map_seed_manager
from t5mix.sources import FunctionDataSource
from t5mix.steps import CacheDatasetPlaceholder
from t5mix.task import Task
from t5mix.vocabularies import ByteVocabulary

SENTINEL = 9_999
LENGTHS = {"inputs": 64, "targets": 64}
NAMES = ["iid_denoising", "bert_style", "mass_style", "drop_tokens", "deshuffling"]


def _apply(objective, size, seed=0):
    return objective.example(np.arange(size), seed, SENTINEL)


def _features(extra_ids=100):
    vocabulary = ByteVocabulary(extra_ids=extra_ids)
    return {"inputs": Feature(vocabulary, required=False), "targets": Feature(vocabulary)}


def _task(step, name="text", features=None):
    def documents(split, shuffle_files):
        import tensorflow as tf

        bounds = tf.constant([[3, 43], [103, 203], [3, 3], [53, 183]])
        return tf.data.Dataset.from_tensor_slices(bounds).map(lambda b: {"targets": tf.range(b[0], b[1]) % 250 + 3})

    return Task(
        name,
        source=FunctionDataSource(documents, splits=["train"]),
        preprocessors=[CacheDatasetPlaceholder(), step],
        output_features=features or _features(),
    )


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


def test_t5s_vocabulary_has_enough_sentinels_at_512_but_not_for_half_noise():
    lengths = {"inputs": 512, "targets": 256}
    assert objectives.iid_denoising.check(_features(), lengths) == 358
    with pytest.raises(ValueError, match=r"iid_50_u_u at inputs length 512 needs 1\d\d sentinels"):
        objectives.named("iid_50_u_u").check(_features(), lengths)


def test_a_mask_of_ones_own_runs():
    def every_third(length, noise_density, seeds):
        return np.arange(length) % 3 == 2

    example = _apply(objectives.Denoising(noise_mask_fn=every_third), 7)
    assert example["inputs"].tolist() == [0, 1, 9999, 3, 4, 9998, 6]
    assert example["targets"].tolist() == [9999, 2, 9998, 5, 9997]


@pytest.mark.parametrize("name", NAMES)
def test_task_and_stream_run_the_same_objective(name, tmp_path):
    objective = getattr(objectives, name)
    task = _task(objective)
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


def test_full_lm_ends_documents_and_loses_nothing(tmp_path):
    features = {"targets": _features()["targets"]}
    task = _task(objectives.full_lm, features=features)
    found = [e["targets"] for e in task.get_dataset({"targets": 50}, shuffle=False).as_numpy_iterator()]
    text = np.concatenate(found)
    assert [len(ids) for ids in found] == [50] * 5 + [24]
    assert np.flatnonzero(text == 1).tolist() == [40, 141, 142, 273]
    examples = Stream(task, {"targets": 50}, 2, cache_dir=tmp_path)._examples["text"]
    assert [_row(examples, 0, i)[0].tolist() for i in range(examples.count)] == [ids.tolist() for ids in found]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("iid_15_u_u", objectives.iid_denoising),
        ("iid_15_d_d", objectives.drop_tokens),
        ("iid_15_m_f", objectives.mass_style),
        ("span_3_15_u_u", objectives.span_corruption),
        ("span", objectives.span_corruption),
        ("span_10_15_u_u", objectives.span_corruption(mean_noise_span_length=10.0)),
        ("all_permute", objectives.deshuffling),
        ("prefix_lm", objectives.prefix_lm),
        ("lm", objectives.lm),
        ("full_lm", objectives.full_lm),
        ("mixture_of_denoisers", objectives.mixture_of_denoisers),
    ],
)
def test_t5s_names_name_the_same_objectives(name, expected):
    found = objectives.named(name)
    settings = {"name": "x"} if isinstance(expected, objectives.Denoising) else {}
    assert found(**settings) == expected(**settings)


def test_t5s_name_of_berts_objective_says_how_much_is_random():
    found = objectives.named("iid_15_r10s90_f")
    tokens = np.full(2000, 5, dtype=np.int32)
    inputs = found.example(tokens, 0, SENTINEL)["inputs"]
    changed = inputs[inputs != 5]
    assert (changed == SENTINEL).mean() == pytest.approx(0.9, abs=0.05)
    regular = objectives.named("reg_2-4_15_s_d")
    assert regular.noise_mask_fn.keywords == {"min_span_length": 2, "max_span_length": 4}


@pytest.mark.parametrize("name", ["iid_15_x_f", "iid_3_15_u_u", "span_15_u_u", "iid_15_r10s80_f", "spam"])
def test_other_names_are_refused(name):
    with pytest.raises(ValueError, match=name):
        objectives.named(name)


def test_denoise_is_a_preprocessor_with_t5s_arguments():
    import tensorflow as tf

    dataset = tf.data.Dataset.from_tensors({"targets": tf.range(20, dtype=tf.int32), "idx": 7, "other": 8})
    arguments = {
        "output_features": _features(),
        "noise_density": 0.3,
        "noise_mask_fn": objectives.random_spans_noise_mask,
        "inputs_fn": objectives.noise_span_to_unique_sentinel,
        "targets_fn": objectives.nonnoise_span_to_unique_sentinel,
    }
    with map_seed_manager(3):
        made = objectives.denoise(dataset, **arguments, passthrough_feature_keys=["idx"])
    (example,) = made.as_numpy_iterator()
    assert set(example) == {"inputs", "targets", "idx"}
    tokens = [t for name in ("inputs", "targets") for t in example[name].tolist() if t < 100]
    assert sorted(tokens) == list(range(20)) and len(example["targets"]) == 6 + 2 + 0
    assert made.element_spec["inputs"].shape.rank == 1
    with pytest.raises(ValueError, match="'targets', which denoise makes"):
        objectives.denoise(dataset, **arguments, passthrough_feature_keys=["targets"])
    other = {**_features(), "inputs": Feature(ByteVocabulary(extra_ids=3))}
    with pytest.raises(ValueError, match="vocabularies differ"):
        objectives.denoise(dataset, **{**arguments, "output_features": other})


def test_unsupervised_is_the_objective_it_is_told_to_be(tmp_path):
    step = functools.partial(objectives.unsupervised, preprocessors=[objectives.iid_denoising])
    assert objectives.as_objective(step) is objectives.iid_denoising
    assert objectives.as_objective(objectives.unsupervised) is objectives.span_corruption
    assert (
        objectives.as_objective(objectives.unsupervised(preprocessors=[objectives.prefix_lm])) is objectives.prefix_lm
    )
    # T5's 512 with 192, 103 and 256 targets take whole inputs; where targets are short the text is.
    sizes = [
        objectives.named(f"iid_{percent}_u_u").segment_length({"inputs": 512, "targets": targets})
        for percent, targets in ((15, 192), (10, 103), (25, 256), (50, 40))
    ]
    assert sizes == [511, 511, 511, 50]
    made = {
        name: [
            e["targets"].tolist() for e in _task(step).get_dataset(LENGTHS, shuffle=False, seed=1).as_numpy_iterator()
        ]
        for name, step in {"by": step, "itself": objectives.iid_denoising}.items()
    }
    assert made["by"] == made["itself"]
    several = objectives.unsupervised(preprocessors=[lambda dataset: dataset.take(1), objectives.prefix_lm])
    assert objectives.as_objective(several) is None
    assert len(list(_task(several).get_dataset(LENGTHS, shuffle=False, seed=1))) == 1
    with pytest.raises(ValueError, match="preprocessors is empty"):
        objectives.unsupervised(preprocessors=[])

"""What all objectives share: an example is what it is alone, and `get_dataset` runs the same code."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import t5mix
from t5mix.declarations.task import Task
from t5mix.preprocessors import objectives
from t5mix.preprocessors.objectives import Noise, Ragged
from t5mix.preprocessors.pipeline import CacheDatasetPlaceholder
from t5mix.sources import FunctionDataSource
from t5mix.vocabularies import ByteVocabulary
from t5mix.vocabularies.features import Feature

SENTINEL = 9_999
NAMES = [
    *("span", "iid_15_m_f", "iid_15_r10s90_f", "iid_50_u_u", "iid_15_d_d", "iid_15_g_s", "iid_15_p_f", "iid_15_s_s"),
    *("reg_2-4_15_u_u", "span_3_15_r_d", "all_permute", "prefix_lm", "lm", "full_lm", "mixture_of_denoisers"),
]


def _every_third(length, noise_density, seeds):
    return (np.arange(length) + seeds[0][0]) % 3 == 2


def _shifted(tokens, noise_mask, vocabulary, seeds):
    return np.where(noise_mask, tokens, tokens + seeds[1][1] % 5)


OWN = objectives.Denoising(noise_mask_fn=_every_third, inputs_fn=_shifted)
PREFIXED = objectives.mixture_of_denoisers(prefixes=tuple((i,) * (i % 3) for i in range(7)))
OBJECTIVES = [*map(objectives.named, NAMES), OWN, PREFIXED]


def _texts(sizes):
    return Ragged.of([np.arange(size, dtype=np.int32) + 100 * row for row, size in enumerate(sizes)])


@pytest.mark.parametrize("objective", OBJECTIVES, ids=[*NAMES, "own functions", "prefixes"])
@given(sizes=st.lists(st.integers(1, 90), min_size=1, max_size=6), seed=st.integers(0, 2**63), data=st.data())
@settings(max_examples=15)
def test_an_example_is_the_same_alone_among_others_and_in_another_order(objective, sizes, seed, data):
    numbers = np.array(data.draw(st.lists(st.integers(0, 10**9), min_size=len(sizes), max_size=len(sizes))))
    together = objective.apply(_texts(sizes), Noise.of((seed, 1), numbers), SENTINEL)
    assert set(together) == set(objective.features)
    order = np.array(data.draw(st.permutations(range(len(sizes)))))
    turned = objective.apply(_texts(sizes).take(order), Noise.of((seed, 1), numbers[order]), SENTINEL)
    for name, made in together.items():
        assert made.values.dtype == np.int32 and len(made) == len(sizes)
        rows = made.rows()
        for place, other in zip(order.tolist(), turned[name].rows(), strict=True):
            assert np.array_equal(rows[place], other)
        for row, text in enumerate(_texts(sizes).rows()):
            alone = objective.apply(Ragged.of([text]), Noise.of((seed, 1), numbers[[row]]), SENTINEL)
            assert np.array_equal(alone[name].values, rows[row])
    if objective.example_lengths(np.array(sizes)) is not None and "inputs" in together:
        expected = objective.example_lengths(np.array(sizes))
        assert together["inputs"].lengths.tolist() == expected[:, 0].tolist()
        assert together["targets"].lengths.tolist() == expected[:, 1].tolist()


LENGTHS = {"inputs": 512, "targets": 114}


def _features(extra_ids=100):
    feature = Feature(ByteVocabulary(extra_ids=extra_ids))
    return {"inputs": feature, "targets": feature}


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

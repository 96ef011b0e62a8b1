"""T5's `denoise` and the signatures of its functions."""

import pytest

from t5mix.preprocessors import objectives
from t5mix.preprocessors.mapping import map_seed_manager
from t5mix.vocabularies import ByteVocabulary
from t5mix.vocabularies.features import Feature


def test_signatures_are_t5s():
    import inspect

    assert list(inspect.signature(objectives.random_spans_noise_mask).parameters) == [
        *("length", "noise_density", "seeds", "mean_noise_span_length", "random_roll")
    ]
    assert list(inspect.signature(objectives.noise_token_to_random_token).parameters) == [
        *("tokens", "noise_mask", "vocabulary", "seeds", "num_reserved_tokens")
    ]
    with pytest.raises(TypeError, match="span_length"):
        objectives.iid_noise_mask(5, 0.5, [(1, 2)], span_length=3)


def _features(extra_ids=100):
    vocabulary = ByteVocabulary(extra_ids=extra_ids)
    return {"inputs": Feature(vocabulary, required=False), "targets": Feature(vocabulary)}


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

"""Token functions: known results, with 99 the last id of the vocabulary."""

import numpy as np
import pytest

from t5mix import objectives
from t5mix.vocabularies import PassThroughVocabulary

VOCABULARY = PassThroughVocabulary(size=100)
TOKENS = np.arange(10, 20)
MASK = np.array([False, True, True, False, True, False, True, True, True, False])
SEEDS = [(1, 2), (3, 4)]


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("noise_token_to_sentinel", [10, 99, 99, 13, 99, 15, 99, 99, 99, 19]),
        ("noise_span_to_sentinel", [10, 99, 13, 99, 15, 99, 19]),
        ("nonnoise_span_to_sentinel", [99, 11, 12, 99, 14, 99, 16, 17, 18, 99]),
        ("noise_span_to_unique_sentinel", [10, 99, 13, 98, 15, 97, 19]),
        ("nonnoise_span_to_unique_sentinel", [99, 11, 12, 98, 14, 97, 16, 17, 18, 96]),
        ("drop_noise_tokens", [10, 13, 15, 19]),
        ("drop_nonnoise_tokens", [11, 12, 14, 16, 17, 18]),
    ],
)
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_known_results_of_arrays_and_of_tensors(function, expected, dtype):
    import tensorflow as tf

    function = getattr(objectives, function)
    tokens = TOKENS.astype(dtype)
    found = function(tokens, MASK, VOCABULARY, SEEDS)
    assert found.tolist() == expected and found.dtype == dtype
    tensor = function(tf.constant(tokens), tf.constant(MASK), VOCABULARY, seeds=SEEDS)
    assert tensor.numpy().tolist() == expected and tensor.dtype == dtype


def test_permuted_tokens_stay_among_the_noise():
    orders = set()
    for seed in range(30):
        found = objectives.permute_noise_tokens(TOKENS, MASK, VOCABULARY, [(seed, 0)])
        assert np.array_equal(found[~MASK], TOKENS[~MASK]) and sorted(found) == sorted(TOKENS)
        orders.add(tuple(found))
    assert len(orders) > 25


def test_random_tokens_are_of_the_text_or_of_the_vocabulary():
    tokens, mask = np.arange(50, 70), np.arange(20) % 2 == 0
    gathered, random = (
        [function(tokens, mask, VOCABULARY, [(seed, 0)]) for seed in range(200)]
        for function in (objectives.noise_token_to_gathered_token, objectives.noise_token_to_random_token)
    )
    assert all(np.array_equal(found[~mask], tokens[~mask]) for found in gathered + random)
    assert {int(t) for found in gathered for t in found[mask]} == set(tokens.tolist())
    assert {int(t) for found in random for t in found[mask]} == set(range(3, 100))


def test_a_tenth_of_the_noise_is_random():
    tokens, mask = np.full(1000, 5), np.arange(1000) < 500
    found = objectives.noise_token_to_random_token_or_sentinel(tokens, mask, VOCABULARY, SEEDS)
    assert (found[~mask] == 5).all()
    assert (found[mask] != 99).mean() == pytest.approx(0.1, abs=0.04)


def test_the_sentinel_is_the_last_id():
    assert objectives.sentinel_id(VOCABULARY) == 99
    assert objectives.sentinel_id(VOCABULARY, return_value=7) == 7

"""Token functions: known results, with 99 the last id of the vocabulary."""

import numpy as np
import pytest

from t5mix.preprocessors import objectives
from t5mix.preprocessors.objectives import Noise, Ragged
from t5mix.preprocessors.objectives.t5_denoise import of_many
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
def test_known_results_of_one_text_and_of_many(function, expected, dtype):
    import tensorflow as tf

    function = getattr(objectives, function)
    tokens = TOKENS.astype(dtype)
    for given, mask in ((tokens, MASK), (tf.constant(tokens), tf.constant(MASK))):
        found = function(given, mask, VOCABULARY, seeds=SEEDS)
        assert found.numpy().tolist() == expected and found.dtype == dtype
    graph = tf.function(lambda tokens: function(tokens, MASK, VOCABULARY, SEEDS))
    assert graph(tokens).numpy().tolist() == expected
    texts = Ragged.of([tokens, tokens[:0], tokens])
    many = of_many(function)(texts, np.concatenate([MASK, MASK]), VOCABULARY, [])
    assert [row.tolist() for row in many.rows()] == [expected, [], expected]


def test_a_text_without_tokens_stays_one():
    none = np.empty(0, np.int32)
    for name in ("noise_span_to_sentinel", "nonnoise_span_to_unique_sentinel", "drop_noise_tokens"):
        assert getattr(objectives, name)(none, none.astype(bool), VOCABULARY, SEEDS).shape == (0,)


# What T5 0.9.4 makes of 10, 11, ... 19 with these seeds and a vocabulary of 1,000.
@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("permute_noise_tokens", [10, 16, 12, 13, 17, 15, 18, 11, 14, 19]),
        ("noise_token_to_gathered_token", [10, 19, 14, 13, 17, 15, 11, 12, 13, 19]),
        ("noise_token_to_random_token", [10, 698, 212, 13, 336, 15, 708, 736, 751, 19]),
        ("noise_token_to_random_token_or_sentinel", [10, 999, 999, 13, 999, 15, 999, 666, 999, 19]),
    ],
)
def test_what_is_drawn_is_what_t5_draws(function, expected):
    import tensorflow as tf

    vocabulary = PassThroughVocabulary(size=1000)
    found = getattr(objectives, function)(TOKENS.astype(np.int32), MASK, vocabulary, SEEDS)
    assert found.numpy().tolist() == expected and found.dtype == tf.int32


def _as_t5(function):
    return lambda tokens, mask, seeds: function(tokens, mask, VOCABULARY, seeds).numpy()


def _as_stream(function):
    """The stream's, for one text, called as in T5."""

    def one(tokens, mask, seeds):
        noises = [Noise.of(pair) for pair in seeds]
        return of_many(function)(Ragged.of([tokens]), mask, VOCABULARY, noises).values

    return one


BOTH = pytest.mark.parametrize("by", [_as_t5, _as_stream])


@BOTH
def test_permuted_tokens_stay_among_the_noise(by):
    orders = set()
    for seed in range(30):
        found = by(objectives.permute_noise_tokens)(TOKENS, MASK, [(seed, 0)])
        assert np.array_equal(found[~MASK], TOKENS[~MASK]) and sorted(found) == sorted(TOKENS)
        orders.add(tuple(found))
    assert len(orders) > 25


@BOTH
def test_random_tokens_are_of_the_text_or_of_the_vocabulary(by):
    tokens, mask = np.arange(50, 70), np.arange(20) % 2 == 0
    gathered, random = (
        [by(function)(tokens, mask, [(seed, 0)]) for seed in range(200)]
        for function in (objectives.noise_token_to_gathered_token, objectives.noise_token_to_random_token)
    )
    assert all(np.array_equal(found[~mask], tokens[~mask]) for found in gathered + random)
    assert {int(t) for found in gathered for t in found[mask]} == set(tokens.tolist())
    assert {int(t) for found in random for t in found[mask]} == set(range(3, 100))


@BOTH
def test_a_tenth_of_the_noise_is_random(by):
    tokens, mask = np.full(1000, 5), np.arange(1000) < 500
    found = by(objectives.noise_token_to_random_token_or_sentinel)(tokens, mask, SEEDS)
    assert (found[~mask] == 5).all()
    assert (found[mask] != 99).mean() == pytest.approx(0.1, abs=0.04)


def test_the_sentinel_is_the_last_id():
    assert objectives.sentinel_id(VOCABULARY) == 99
    assert objectives.sentinel_id(VOCABULARY, return_value=7) == 7

"""Examples made many at once: each is what it is alone, and the noise of each is its own."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t5mix import objectives
from t5mix.objectives import Noise, Ragged

SENTINEL = 9_999
NAMES = [
    *("span", "iid_15_m_f", "iid_15_r10s90_f", "iid_50_u_u", "iid_15_d_d", "iid_15_g_s", "iid_15_p_f", "iid_15_s_s"),
    *("reg_2-4_15_u_u", "span_3_15_r_d", "all_permute", "prefix_lm", "lm", "full_lm", "mixture_of_denoisers"),
]

GOLDEN_WORDS = [[10284334818252030639, 5159264030815861660], [13830414311214617748, 14252443541720627133]]
GOLDEN_EXAMPLE = [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 99], [99, 17, 18, 19]]


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


def test_noise_differs_by_key_by_example_and_by_fork():
    numbers = np.arange(1000)
    noises = [Noise.of(key, numbers) for key in ((1, 2), (2, 1), (1, 3), (-1, 2))]
    noises += [fork for noise in noises[:2] for fork in noise.fork(3)]
    words = np.stack([noise.words(20) for noise in noises])
    assert len(np.unique(words)) == words.size
    bits = np.unpackbits(words.reshape(-1).view(np.uint8)).reshape(-1, 64)
    deviation = 0.5 / np.sqrt(len(bits))
    assert (abs(bits.mean(axis=0) - 0.5) < 5 * deviation).all()
    # Neither neighbours in a sequence nor neighbouring examples go together.
    shares = noises[0].shares(50)
    assert abs(np.corrcoef(shares[:, :-1].ravel(), shares[:, 1:].ravel())[0, 1]) < 5 / np.sqrt(shares.size)
    assert abs(np.corrcoef(shares[:-1].ravel(), shares[1:].ravel())[0, 1]) < 5 / np.sqrt(shares.size)
    assert abs(shares.mean() - 0.5) < 5 * np.sqrt(1 / 12 / shares.size)


def test_noise_is_what_it_was():
    # Whoever changes these numbers changes every run: raise the stream's version.
    assert Noise.of((1, 2), [0, 7]).words(2).tolist() == GOLDEN_WORDS
    example = objectives.span_corruption.example(np.arange(20), (1, 2), 99)
    assert [ids.tolist() for ids in example.values()] == GOLDEN_EXAMPLE


def test_ragged_lists():
    lists = Ragged.of([np.array([1, 2], np.int32), np.array([], np.int32), np.array([3], np.int32)])
    assert [row.tolist() for row in lists.rows()] == [[1, 2], [], [3]]
    assert [row.tolist() for row in lists.take(np.array([2, 0, 2])).rows()] == [[3], [1, 2], [3]]
    kept = lists.where(np.array([False, True, True]))
    assert kept.values.tolist() == [2, 3] and kept.lengths.tolist() == [1, 0, 1]
    assert Ragged.empty(2).rows()[1].tolist() == [] and Ragged.of([]).rows() == []


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

"""Noise: independent by key, example and fork, the same in every version, and cut in all ways alike."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from t5mix.preprocessors import objectives
from t5mix.preprocessors.objectives import Noise

GOLDEN_WORDS = [[10284334818252030639, 5159264030815861660], [13830414311214617748, 14252443541720627133]]
GOLDEN_EXAMPLE = [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 99], [99, 17, 18, 19]]


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
    shares = noises[0].uniform(50)
    assert abs(np.corrcoef(shares[:, :-1].ravel(), shares[:, 1:].ravel())[0, 1]) < 5 / np.sqrt(shares.size)
    assert abs(np.corrcoef(shares[:-1].ravel(), shares[1:].ravel())[0, 1]) < 5 / np.sqrt(shares.size)
    assert abs(shares.mean() - 0.5) < 5 * np.sqrt(1 / 12 / shares.size)


def test_noise_is_what_it_was():
    # Whoever changes these numbers changes every run: raise the stream's version.
    assert Noise.of((1, 2), [0, 7]).words(2).tolist() == GOLDEN_WORDS
    example = objectives.span_corruption.example(np.arange(20), (1, 2), 99)
    assert [ids.tolist() for ids in example.values()] == GOLDEN_EXAMPLE


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

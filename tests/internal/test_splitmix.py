"""Random words by counters: SplitMix64's own, from keys that tell their parts apart."""

import numpy as np

from t5mix.internal import splitmix

# The first outputs of the published generator (https://prng.di.unimi.it/splitmix64.c) with the seed 1234567.
PUBLISHED = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821]


def test_words_are_those_of_splitmix64():
    states = np.uint64(1234567) + np.arange(1, 6, dtype=np.uint64) * np.uint64(splitmix.GOLDEN)
    assert splitmix.mix_in_place(states).tolist() == PUBLISHED


def test_pairs_of_a_key_and_a_number_have_words_of_their_own():
    words = np.arange(50, dtype=np.uint64)[:, None]
    assert len(np.unique(splitmix.hashed(words, np.arange(50)))) == 2500
    assert splitmix.hashed(words[3], 7) == splitmix.hashed(words, np.arange(50))[3, 7]


def test_keys_tell_parts_apart():
    assert len({splitmix.key_words(parts) for parts in [("a", "bc"), ("ab", "c"), ("1",), (1,)]}) == 4

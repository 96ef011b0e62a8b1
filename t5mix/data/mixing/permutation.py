"""The order of a task's examples in an epoch: a permutation, computed and not stored."""

import numpy as np

from t5mix.internal import splitmix

# Two more rounds than the four after which a Feistel network with random functions cannot be distinguished
# from a random permutation (Luby and Rackoff 1988), because our halves may be a few bits small.
_ROUNDS = 6


def permute(positions: np.ndarray, size: int, key: tuple[str | int, ...]) -> np.ndarray:
    """Returns where a pseudorandom permutation of 0 .. size-1 sends `positions`.

    Args:
        positions: integers in [0, size), one axis.
        size: number of elements, at least 1.
        key: what the permutation is named by: a seed, a task, an epoch.

    Returns:
        int64 array of the shape of `positions`; distinct positions give distinct values.
    """
    positions = np.asarray(positions)
    return permute_each(positions, np.full(len(positions), size), np.repeat(word(key), len(positions)))


def word(key: tuple[str | int, ...]) -> np.uint64:
    """Returns the key of a permutation as `permute_each` takes it."""
    return np.uint64(splitmix.key_words(("permutation", *key), 1)[0])


def permute_each(positions: np.ndarray, sizes: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Returns where pseudorandom permutations send `positions`, each its own.

    A Feistel network over the least power of four that holds the size; what falls outside walks on
    until it falls inside ("cycle walking", Black and Rogaway 2002), four steps at most on average.

    Args:
        positions: integers in [0, size), one axis.
        sizes: int64, the number of elements of each one's permutation, at least 1.
        words: uint64, each one's key.

    Returns:
        int64 array of the shape of `positions`.
    """
    assert (sizes >= 1).all()
    # The bits of the greatest element; float64 is exact up to 2**53.
    bits = np.frexp((sizes - 1).astype(np.float64))[1]
    half = np.maximum(1, (bits + 1) // 2).astype(np.uint64)
    limit = sizes.astype(np.uint64)
    values = _feistel(positions.astype(np.uint64), half, words)
    walking = np.flatnonzero(values >= limit)
    while len(walking):
        values[walking] = _feistel(values[walking], half[walking], words[walking])
        walking = walking[values[walking] >= limit[walking]]
    return values.astype(np.int64)


def _feistel(values: np.ndarray, half: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Does one pass over numbers of 2 * half bits, a bijection whatever the words are."""
    left, right = values >> half, values & ((np.uint64(1) << half) - np.uint64(1))
    shift = np.uint64(64) - half
    for turn in range(_ROUNDS):
        word = (right ^ words) + np.uint64((turn + 1) * splitmix.GOLDEN % 2**64)
        left, right = right, left ^ (splitmix.mix_in_place(word) >> shift)
    return (left << half) | right

"""Random words by counters: the same on every machine and in every process, in whatever order they are asked for.

A key is made of names and numbers (`key_words`); its n-th word is computed from the key and n alone, by the output
function of SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators").
"""

import hashlib
from collections.abc import Iterable

import numpy as np

GOLDEN = 0x9E3779B97F4A7C15  # 2**64 divided by the golden ratio, odd: SplitMix64's step


def key_words(parts: Iterable[str | int], count: int = 2) -> tuple[int, ...]:
    """Returns `count` (at most 8) 64-bit words that depend on all of `parts`.

    The words follow from the parts' text by BLAKE2b, so neither the hash seed of Python, the
    machine nor the number of calls before this one changes them.
    """
    assert 1 <= count <= 8
    hasher = hashlib.blake2b(digest_size=8 * count)
    for part in parts:
        # A NumPy integer is the number that it is.
        text = f"{'str' if isinstance(part, str) else 'int'}:{part}".encode()
        hasher.update(len(text).to_bytes(8, "little") + text)
    digest = hasher.digest()
    return tuple(int.from_bytes(digest[8 * i : 8 * i + 8], "little") for i in range(count))


def mix_in_place(words: np.ndarray) -> np.ndarray:
    """Returns SplitMix64's output function of uint64 words, a bijection in which each bit changes half of all.

    The array is overwritten: a new one takes 40% longer where there are words for 2**16 tokens.
    """
    words ^= words >> np.uint64(30)
    words *= np.uint64(0xBF58476D1CE4E5B9)
    words ^= words >> np.uint64(27)
    words *= np.uint64(0x94D049BB133111EB)
    words ^= words >> np.uint64(31)
    return words


def hashed(words: np.ndarray, numbers: np.ndarray | int) -> np.ndarray:
    """Returns a random word for each pair of a key's word and a number, uint64 of their common shape.

    As SplitMix64 does, whose n-th output is the output function of its state plus n times the golden ratio.
    """
    return mix_in_place(mix_in_place(words + np.asarray(numbers, dtype=np.uint64) * np.uint64(GOLDEN)))

"""Keys of random numbers: names and numbers in, 64-bit words out, the same in every process."""

import hashlib
from collections.abc import Iterable

import numpy as np


def words(parts: Iterable[str | int], count: int = 2) -> tuple[int, ...]:
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


def philox(parts: Iterable[str | int], *counter: int) -> np.random.Philox:
    """Returns the Philox4x64 generator of one key, at one place of its sequence.

    Args:
      parts: what the 128-bit key is derived from: a seed, the name of a task, a purpose.
      counter: up to three numbers, such as an epoch and an index: each combination has 2**64
        blocks of random words of its own.

    Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".
    """
    assert len(counter) <= 3
    place = [0, *counter, *([0] * (3 - len(counter)))]
    key = np.array(words(parts), dtype=np.uint64)
    return np.random.Philox(key=key, counter=np.array(place, dtype=np.uint64))

"""Keys of random numbers: names and numbers in, 64-bit words out, the same in every process."""

import hashlib
from collections.abc import Iterable


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

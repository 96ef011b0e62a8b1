"""Sentinels: the ids that stand for spans of text, from a vocabulary's highest id down."""

from typing import Any


def first_sentinel(vocabulary: Any) -> int:
    """Returns the id of the first sentinel, the vocabulary's highest; the next one's is lower by 1, as in T5."""
    return int(vocabulary.vocab_size) - 1


def count_sentinels(vocabulary: Any) -> int:
    """Returns how many sentinels a vocabulary has: its own count, or, of another library's, its extra ids."""
    count = getattr(vocabulary, "num_sentinels", None)
    return int(vocabulary.extra_ids if count is None else count)


def check_sentinels(needed: int, vocabulary: Any, what: str) -> None:
    """Refuses a vocabulary with too few sentinels: ordinary pieces would stand for spans.

    Args:
        needed: how many an example can need.
        vocabulary: of the targets.
        what: needs them, for the message.

    Raises:
        ValueError: naming the vocabulary and the fix.
    """
    there, extra = count_sentinels(vocabulary), int(vocabulary.extra_ids)
    if there >= needed:
        return
    if there > extra:
        # Extra ids would get behind those of the model, and become the first ones.
        has, fix = f"sentinels at the end of its model, {there}", "lower the length, or take spans that are longer"
    else:
        has, fix = f"{there} extra ids", f"declare it with extra_ids={max(needed, 100)}"
    whose = f"the vocabulary of 'targets', {vocabulary!r}"
    raise ValueError(f"{what} needs {needed} sentinels, but {whose}, has {has}; {fix}")

"""Texts by their words alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from t5mix.evaluation.overlap.normalized import normalized, normalized_together


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("“It’s   2nd-best,” he said.", "it s 2nd best he said"),
        ("A\tB\n\nC", "a b c"),
        ("snake_case", "snake case"),
        ("Straße ﬁne １２", "strasse fine 12"),
        ("你好，世界。", "你好 世界"),
        ("a\0b", "a b"),
        ("...", ""),
        ("", ""),
    ],
)
def test_what_counts(text: str, words: str) -> None:
    assert normalized(text) == words


@given(st.lists(st.text(max_size=30), max_size=8))
def test_together_is_one_by_one(texts: list[str]) -> None:
    together = normalized_together(texts)
    assert together == [normalized(text) for text in texts]
    assert together == normalized_together(together)  # what is normalized stays
    assert not any("  " in text or text != text.strip() for text in together)

"""Runs of words and characters, against what Python's slices say."""

import random

import pytest

from t5mix.evaluation.overlap.hashed_runs import HashedTexts, Runs

TEXTS = ["a bb ccc a bb ccc", "", "bb", "ccc a bb", "日本 の 日本 の", "a" * 30]


def slices(runs: Runs, texts: list[str]) -> list[tuple[int, str]]:
    found = zip(runs.text.tolist(), runs.start.tolist(), runs.stop.tolist(), strict=True)
    return [(text, texts[text][start:stop]) for text, start, stop in found]


def words_of(texts: list[str], count: int) -> list[tuple[int, str]]:
    each = [text.split() for text in texts]
    return [(n, " ".join(w[i : i + count])) for n, w in enumerate(each) for i in range(len(w) - count + 1)]


def check_hashes(runs: Runs, texts: list[str]) -> None:
    """Equal runs have equal hashes, and others, here, have others."""
    by_text: dict[str, set[int]] = {}
    for (_, shown), value in zip(slices(runs, texts), runs.hashes.tolist(), strict=True):
        by_text.setdefault(shown, set()).add(value)
    assert all(len(values) == 1 for values in by_text.values())
    assert len(set.union(set(), *by_text.values())) == len(by_text)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_runs_of_words(count: int) -> None:
    runs = HashedTexts(TEXTS).of_words(count)
    assert slices(runs, TEXTS) == words_of(TEXTS, count)
    check_hashes(runs, TEXTS)


@pytest.mark.parametrize("count", [1, 5, 40])
def test_runs_of_characters(count: int) -> None:
    runs = HashedTexts(TEXTS).of_characters(count)
    expected = [(n, text[i : i + count]) for n, text in enumerate(TEXTS) for i in range(len(text) - count + 1)]
    assert slices(runs, TEXTS) == expected
    check_hashes(runs, TEXTS)


def test_whole_texts_and_their_words() -> None:
    hashed = HashedTexts(TEXTS)
    assert slices(hashed.whole(), TEXTS) == [(n, text) for n, text in enumerate(TEXTS) if text]
    assert hashed.words_each.tolist() == [len(text.split()) for text in TEXTS]
    assert len(HashedTexts([]).whole().hashes) == len(HashedTexts([]).of_words(2).hashes) == 0


def test_hashes_do_not_depend_on_what_stands_beside() -> None:
    generator = random.Random(0)
    texts = [" ".join(generator.choices(["x", "yy", "zzz", "w"], k=generator.randrange(40))) for _ in range(200)]
    together = HashedTexts(texts).of_words(4)
    check_hashes(together, texts)
    for number in range(0, 200, 20):
        alone = HashedTexts([texts[number]]).of_words(4).hashes.tolist()
        assert alone == together.hashes[together.text == number].tolist()

"""Steps on running text: laws of what they draw, and the examples of their docstrings."""

import collections
from collections.abc import Callable, Iterator

import pytest
import tensorflow as tf

from t5mix import preprocessors
from t5mix.preprocessors import mapping


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    """The same draws in every run of the tests."""
    with mapping.map_seed_manager(94043):
        yield


def repeated(text: str, count: int) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensors({"text": text}).repeat(count)


def texts(dataset: tf.data.Dataset) -> list[dict[str, str]]:
    return [{key: value.decode() for key, value in row.items()} for row in dataset.as_numpy_iterator()]


def test_pad_nonspaced_languages(rows_of: Callable) -> None:
    padded = rows_of(preprocessors.pad_nonspaced_languages, {"text": "Hello. 你好。", "idx": 3})
    assert padded == [{"text": "Hello. 你 好 。 ", "idx": 3}]
    assert rows_of(preprocessors.pad_nonspaced_languages, {"text": "naïve  Köln"}) == [{"text": "naïve Köln"}]
    other = rows_of(preprocessors.pad_nonspaced_languages, {"targets": "ไทย"}, text_key="targets")
    assert other == [{"targets": " ไ ท ย "}]
    with pytest.raises(ValueError, match="no feature 'txt'; the example has text"):
        rows_of(preprocessors.pad_nonspaced_languages, {"text": "a"}, text_key="txt")


def test_lm(rows_of: Callable) -> None:
    assert rows_of(preprocessors.lm, {"text": "It rains", "idx": 3}) == [{"inputs": "", "targets": "It rains"}]


def test_filter_by_string_length_counts_bytes(rows_of: Callable) -> None:
    examples = [{"targets": text} for text in ("", "tiny", "short", "Köln", "much longer")]
    kept = rows_of(preprocessors.filter_by_string_length, *examples, min_length=5, max_length=6, sequence_length=None)
    assert [row["targets"] for row in kept] == ["short", "Köln"]
    assert len(rows_of(preprocessors.filter_by_string_length, *examples)) == 4
    with pytest.raises(TypeError, match="no argument 'minimum'"):
        rows_of(preprocessors.filter_by_string_length, *examples, minimum=5)


def test_split_text_to_words(rows_of: Callable) -> None:
    examples = [{"text": "It  rains"}, {"text": "Rain"}, {"text": ""}]
    assert rows_of(preprocessors.split_text_to_words, *examples) == [{"text": "It  rains", "words": ["It", "rains"]}]
    assert len(rows_of(preprocessors.split_text_to_words, *examples, min_num_words=0)) == 3


def test_random_split_text_keeps_every_word_in_order() -> None:
    long = " ".join(str(number) for number in range(100))
    segments = preprocessors.random_split_text(repeated(long, 200), min_words_per_segment=2, max_words_per_segment=32)
    sizes = collections.Counter()
    left = collections.deque(texts(segments))
    for _ in range(200):
        found: list[str] = []
        first = len(left[0]["text"].split())
        while len(found) < 100:
            words = left.popleft()["text"].split()
            assert len(words) == min(first, 100 - len(found))
            found += words
        assert " ".join(found) == long
        sizes[first] += 1
    assert not left and min(sizes) >= 2 and max(sizes) <= 32
    # The logarithm is uniform: as many from 2 to 7 as from 8 to 31.
    assert 70 < sum(count for size, count in sizes.items() if size < 8) < 130


def test_random_split_text_takes_one_part_of_a_long_text() -> None:
    settings = {"min_words_per_segment": 8, "max_words_per_segment": 8, "max_words_total": 4}
    split = preprocessors.random_split_text(repeated("a b c d e f g h i", 60), **settings)
    assert {row["text"] for row in texts(split)} == {"a b c d", "e f g h", "i"}
    # Equal bounds: exp(log(8)) is less than 8 in float32.
    whole = preprocessors.random_split_text(repeated("a b c d e f g h i", 3), **{**settings, "max_words_total": 0})
    assert [row["text"] for row in texts(whole)] == ["a b c d e f g h", "i"] * 3
    assert texts(preprocessors.random_split_text(repeated("  ", 3))) == []

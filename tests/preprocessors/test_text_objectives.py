"""Objectives on words: laws of what they draw, and the examples of their docstrings."""

import collections
from collections.abc import Callable, Iterator

import pytest
import tensorflow as tf

from t5mix import preprocessors
from t5mix.preprocessors import mapping, pipeline

TEXT = "The fat cat sat on the mat."
WORDS = TEXT.split()


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    """The same draws in every run of the tests."""
    with mapping.map_seed_manager(94043):
        yield


def repeated(text: str, count: int) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensors({"text": text}).repeat(count)


def texts(dataset: tf.data.Dataset) -> list[dict[str, str]]:
    return [{key: value.decode() for key, value in row.items()} for row in dataset.as_numpy_iterator()]


def test_fill_in_the_blank_cuts_a_text_in_two() -> None:
    rows = texts(preprocessors.fill_in_the_blank(repeated(TEXT, 100)))
    assert len(rows) == 200
    for one, other in zip(rows[::2], rows[1::2], strict=True):
        assert one["inputs"] == "fill: " + other["targets"] and other["inputs"] == "fill: " + one["targets"]
        sides = [one["targets"].split(), other["targets"].split()]
        assert sides[0][0] != "X" and sides[1][0] == "X" and "X" in sides[0]
        found = []
        # Each side gives words up to its X, where the other goes on.
        places, side = [0, 1], 0
        while any(place < len(words) for place, words in zip(places, sides, strict=True)):
            while places[side] < len(sides[side]) and (word := sides[side][places[side]]) != "X":
                found.append(word)
                places[side] += 1
            places[side] += 1
            side = 1 - side
        assert found == WORDS
    assert texts(preprocessors.fill_in_the_blank(repeated("one", 5))) == []
    assert len({row["targets"] for row in rows}) > 20


def test_fill_in_the_blank_sized_takes_every_size_and_place() -> None:
    rows = texts(preprocessors.fill_in_the_blank_sized(repeated(TEXT, 400), size_bins=[4, 1]))
    taken = collections.Counter()
    for row in rows:
        words = row["targets"].split()
        place = row["inputs"].split().index("_1_" if len(words) <= 2 else "_4_")
        filled = row["inputs"].split()
        assert [*filled[1:place], *words, *filled[place + 1 :]] == WORDS
        taken[len(words), place - 1] += 1
    assert len(rows) == 400
    assert sorted(taken) == [(size, start) for size in (1, 2, 3, 4) for start in range(8 - size)]


def test_a_text_of_as_many_words_as_the_least_size() -> None:
    rows = texts(preprocessors.fill_in_the_blank_sized(repeated("one two", 20), size_bins=[2]))
    assert rows == [{"inputs": "fill: _2_", "targets": "one two"}] * 20
    assert texts(preprocessors.fill_in_the_blank_sized(repeated("one two", 2), size_bins=[3])) == []
    spaced = texts(preprocessors.fill_in_the_blank_sized(repeated("one two", 1), size_bins=[2], label=" gap: "))
    assert spaced == [{"inputs": "gap: _2_", "targets": "one two"}]  # as in T5, without space around it
    least = texts(preprocessors.fill_in_the_blank_sized(repeated("one two", 30), size_bins=[1, 8]))
    assert {row["targets"] for row in least} == {"one", "two"}


def test_neighboring_pairs(rows_of: Callable) -> None:
    example = {"text": "It rains. We wait! Why?\nAlone.\n\n A... b?! c"}
    pairs = [("It rains.", "We wait!"), ("We wait!", "Why?"), ("A...", "b?!"), ("b?!", "c")]
    made = rows_of(preprocessors.neighboring_pairs, example)
    assert [(row["first"], row["second"]) for row in made] == pairs
    made = rows_of(preprocessors.neighboring_pairs, example, reuse_sentences=False)
    assert [(row["first"], row["second"]) for row in made] == [pairs[0], pairs[2]]


def test_next_sentence_prediction_exchanges_seconds() -> None:
    text = "\n".join(f"a{number}. b{number}." for number in range(40))
    asked = texts(preprocessors.next_sentence_prediction(repeated(text, 1), label="", label_sentences=False))
    assert len(asked) == 40
    for row in asked:
        first, second = row["inputs"].replace("a", "").replace("b", "").split()
        assert row["targets"] == ("next" if first == second else "not_next")
    for label, share in (("next", 1.0), ("not_next", 0.0)):
        rows = texts(preprocessors.next_sentence_prediction(repeated(text, 1), p_neighbors=share, label_sentences=True))
        assert {row["targets"] for row in rows} == {label}
        assert all(row["inputs"].startswith("nsp: sentence1: a") and " sentence2: b" in row["inputs"] for row in rows)
    firsts = sorted(row["inputs"].split()[0] for row in asked)
    assert firsts == sorted(f"a{number}." for number in range(40))


RANDOM = [
    preprocessors.random_split_text,
    preprocessors.fill_in_the_blank,
    preprocessors.fill_in_the_blank_sized,
    preprocessors.next_sentence_prediction,
]


@pytest.mark.parametrize("step", RANDOM)
def test_the_same_seed_draws_the_same_and_another_seed_another(step: Callable) -> None:
    long = " ".join(f"word{number}." for number in range(200))

    def made(seed: int | None) -> list[dict[str, str]]:
        with mapping.map_seed_manager(seed):
            return texts(step(repeated(long, 2)))

    assert made(3) == made(3) != made(4)
    assert pipeline.is_random(step)


@pytest.mark.parametrize(
    ("step", "settings", "message"),
    [
        (preprocessors.random_split_text, {"min_words_per_segment": 0}, "min_words_per_segment is 0"),
        (preprocessors.random_split_text, {"min_words_per_segment": 9, "max_words_per_segment": 8}, "first no greater"),
        (preprocessors.fill_in_the_blank_sized, {"size_bins": []}, "size_bins is"),
        (preprocessors.fill_in_the_blank_sized, {"size_bins": [0, 1]}, "size_bins is"),
        (preprocessors.next_sentence_prediction, {"p_neighbors": 1.5}, "p_neighbors is 1.5"),
    ],
)
def test_settings_that_cannot_work(step: Callable, settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        step(repeated(TEXT, 1), **settings)

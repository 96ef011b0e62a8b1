"""Pronouns and what they mean: DPR, WSC and WNLI in T5's format."""

from collections.abc import Callable
from pathlib import Path

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

import t5mix
from t5mix import preprocessors
from t5mix.preprocessors.formats.coreference import pronoun_and_noun

WSC = {
    "text": "Mitchell asked Tom if he could lend some money.", "span1_text": "Tom", "span1_index": 2,
    "span2_text": "he", "span2_index": 4, "label": 1, "idx": 7,
}  # fmt: skip


def test_dpr_marks_the_first_of_equal_pronouns(rows_of: Callable) -> None:
    example = {
        "sentence": "Bob asked Tom if he can lend what he has.", "pronoun": "he", "candidates": ["Bob", "Tom"],
        "label": 1,
    }  # fmt: skip
    expected = {"inputs": "wsc: Bob asked Tom if *he* can lend what he has.", "targets": "Tom"}
    assert rows_of(preprocessors.definite_pronoun_resolution_simple, example) == [expected]
    last = {**example, "sentence": "Tom asked Bob about him.", "pronoun": "him", "label": 0}
    (row,) = rows_of(preprocessors.definite_pronoun_resolution_simple, last, label="dpr:")
    assert row == {"inputs": "dpr: Tom asked Bob about *him*.", "targets": "Bob"}


def test_wsc_simple(rows_of: Callable) -> None:
    marked = "wsc: Mitchell asked Tom if *he* could lend some money."
    expected = {"inputs": marked, "targets": "Tom", "label": 1, "idx": 7}
    wrong = {**WSC, "span1_text": "Mitchell", "label": 0, "idx": 8}
    assert rows_of(preprocessors.wsc_simple, WSC, wrong) == [
        expected,
        {**expected, "targets": "Mitchell", "label": 0, "idx": 8},
    ]
    assert rows_of(preprocessors.wsc_simple, WSC, wrong, correct_referent_only=True) == [expected]


@pytest.mark.parametrize(
    ("text", "place", "marked"),
    [
        ("They want to use it , but not now", 3, "wsc: They want to use *it* , but not now"),  # one word behind
        ('"Good for it," he said. ', 2, 'wsc: "Good for *it* ," he said.'),  # with punctuation
        ("He saw it", 2, "wsc: He saw *it* "),  # with the space that T5 leaves at the end
        ("it rained", 0, "wsc: *it* rained"),
        ("It rained .", 0, None),
        ("He saw  items", 3, None),
        ("He saw it", -1, None),
        ("He saw it", 3, None),
    ],
)
def test_wsc_pronouns_that_are_not_a_word_at_their_place(
    rows_of: Callable, text: str, place: int, marked: str | None
) -> None:
    example = {**WSC, "text": text, "span2_text": "it", "span2_index": place}
    if marked is None:
        with pytest.raises(tf.errors.InvalidArgumentError, match="wsc_simple: no"):
            rows_of(preprocessors.wsc_simple, example)
    else:
        assert rows_of(preprocessors.wsc_simple, example)[0]["inputs"] == marked


def test_a_word_x_of_the_text_stays(rows_of: Callable) -> None:
    example = {**WSC, "text": "Ann put an X where it was .", "span2_text": "it", "span2_index": 5}
    assert rows_of(preprocessors.wsc_simple, example)[0]["inputs"] == "wsc: Ann put an X where *it* was ."


def test_wsc_marks_both_spans(rows_of: Callable) -> None:
    expected = {
        "inputs": "wsc text: Mitchell asked * Tom * if # he # could lend some money.", "targets": "True", "idx": 7,
    }  # fmt: skip
    assert rows_of(preprocessors.wsc, WSC) == [expected]
    turned = {**WSC, "span1_text": "money.", "span1_index": 8, "label": -1}
    (row,) = rows_of(preprocessors.wsc, turned)
    assert row["inputs"] == "wsc text: Mitchell asked Tom if # he # could lend some * money. *"
    assert row["targets"] == "<unk>"


def test_pronouns_and_spans_are_no_regular_expressions(rows_of: Callable) -> None:
    signs = {"span1_text": "A.(B", "span1_index": 1, "span2_text": "it?", "span2_index": 3}
    example = {**WSC, **signs, "text": "A-(B A.(B has it? \\1"}
    assert rows_of(preprocessors.wsc, example)[0]["inputs"] == "wsc text: A-(B * A.(B * has # it? # \\1"
    lines = {"sentence": "I ask, it? (ha) said Bo.", "pronoun": "(ha)", "candidates": ["Ann", "Bo"], "label": 1}
    (row,) = rows_of(preprocessors.definite_pronoun_resolution_simple, lines)
    assert row["inputs"] == "wsc: I ask, it? *(ha)* said Bo."


@pytest.mark.parametrize("label", [2, -2])
def test_a_label_of_wsc_that_is_none_is_refused(rows_of: Callable, label: int) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError):
        rows_of(preprocessors.wsc, {**WSC, "label": label})


def test_wnli_simple(rows_of: Callable) -> None:
    example = {
        "sentence1": "The fish ate the worm. It was tasty.", "sentence2": "The worm was tasty.", "label": 1, "idx": 3,
    }  # fmt: skip
    assert rows_of(preprocessors.wnli_simple, example) == [
        {
            "inputs": "wsc: The fish ate the worm. *It* was tasty.", "targets": "The worm",
            "premise": example["sentence1"], "hypothesis": example["sentence2"], "label": 1, "idx": 3,
        }
    ]  # fmt: skip
    with pytest.raises(tf.errors.OpError, match="has no pronoun"):
        rows_of(preprocessors.wnli_simple, {**example, "sentence1": "The fish ate."})


@pytest.mark.parametrize(
    ("premise", "hypothesis", "marked", "noun"),
    [
        ("I put the cake away. It has butter in it.", "The cake has butter in it.",
         "I put the cake away. *It* has butter in it.", "The cake"),
        ("Sam took Ann's hat since his was wet.", "Sam's was wet.", "Sam took Ann's hat since *his* was wet.", "Sam"),
        ("The cup fell on the plate and broke it.", "The cup fell on the plate and broke the plate.",
         "The cup fell on the plate and broke *it* .", "the plate"),
        ("Ann thanked Bo for the help she had given.", "Ann thanked Bo for the help Bo had given.",
         "Ann thanked Bo for the help *she* had given.", "Bo"),
    ],
)  # fmt: skip
def test_the_noun_stands_where_the_pronoun_was(premise: str, hypothesis: str, marked: str, noun: str) -> None:
    assert pronoun_and_noun(premise, hypothesis) == (marked, noun)


@given(st.lists(st.sampled_from(["red", "cats", "sing", "songs", "loudly", "then"]), min_size=1, max_size=6))
def test_a_noun_for_the_first_pronoun_is_found_whatever_follows(rest: list[str]) -> None:
    after = " ".join(rest)
    assert pronoun_and_noun(f"they {after}", f"Dogs {after}") == (f"*they* {after}", "Dogs")


def test_real_examples(shared_data: Path) -> None:
    counts = {"train": 554, "validation": 104, "test": 146}
    source = t5mix.TfdsDataSource("super_glue/wsc.fixed:1.0.2", str(shared_data / "tfds"))
    for split, count in counts.items():
        made = list(preprocessors.wsc_simple(source.get_dataset(split, shuffle=False)).as_numpy_iterator())
        assert len(made) == count and all(row["inputs"].count(b"*") == 2 for row in made)
    right = preprocessors.wsc_simple(source.get_dataset("train", shuffle=False), correct_referent_only=True)
    assert len(list(right)) == 259  # the rate in T5's mixtures
    wnli = t5mix.TfdsDataSource("glue/wnli:2.0.0", str(shared_data / "tfds"))
    for split, count in {"validation": 71, "test": 146}.items():
        made = list(preprocessors.wnli_simple(wnli.get_dataset(split, shuffle=False)).as_numpy_iterator())
        assert len(made) == count and all(row["targets"] in row["hypothesis"] for row in made)

"""Postprocessors."""

import pytest

from t5mix import postprocessors


def test_numbers() -> None:
    for text, number in (
        ("3.5", 3.5),
        (" 2 ", 2.0),
        ("x", -1.0),
        ("", -1.0),
        ("nan", -1.0),
        ("inf", -1.0),
        ("-0.2", -0.2),
    ):
        assert postprocessors.string_to_float(text, example={}, is_target=True) == number
    assert postprocessors.string_to_float("x", default=0.0) == 0.0


def test_labels() -> None:
    classes = ("no", "yes")
    assert [postprocessors.string_label_to_class_id(t, label_classes=classes) for t in ("yes", "no", "Yes")] == [
        1,
        0,
        -1,
    ]
    assert postprocessors.string_label_to_class_id("?", classes, default=7, example={}, is_target=False) == 7
    assert postprocessors.lower_text("Ab", example=None, is_target=True) == "ab"


def test_answers() -> None:
    example = {"answers": [b"Ann", "Bea\u00e9".encode()]}
    assert postprocessors.qa("Ann", example=example, is_target=False) == "Ann"
    assert postprocessors.qa("Ann", example=example, is_target=True) == ["Ann", "Beaé"]
    with pytest.raises(ValueError, match="'answers'"):
        postprocessors.qa("Ann", example={}, is_target=True)


def test_places_keep_answers_and_context_of_targets() -> None:
    example = {"answers": [b"Bob", "Köln".encode()], "context": b"Ann and Bob sang . "}
    assert postprocessors.span_qa("start: 2 end: 2", example=example) == "start: 2 end: 2"
    target = postprocessors.span_qa("start: 2 end: 2", example=example, is_target=True)
    assert target == {"answers": ["Bob", "Köln"], "context": "Ann and Bob sang . "}
    with pytest.raises(ValueError, match="span_qa: the example has no feature 'context'"):
        postprocessors.span_qa("x", example={"answers": []}, is_target=True)


def test_groups_come_with_targets() -> None:
    example = {"idx/question": 17, "idx/passage": 5, "idx/query": 7, "answers": [b"Ann", b"Anna B."]}
    assert postprocessors.multirc("True", example=example) == {"value": 1}
    assert postprocessors.multirc("?", example=example) == {"value": -1}
    assert postprocessors.multirc("False", example=example, is_target=True) == {"value": 0, "group": 17}
    assert postprocessors.record("Ann", example=example) == {"value": "Ann"}
    assert postprocessors.record("Ann", example=example, is_target=True) == {
        "value": ["Ann", "Anna B."], "group": (5, 7),
    }  # fmt: skip
    for postprocess in (postprocessors.multirc, postprocessors.record, postprocessors.wsc_simple):
        with pytest.raises(ValueError, match="the example has no feature"):
            postprocess("x", example=None, is_target=True)


@pytest.mark.parametrize(
    ("prediction", "referent", "judged"),
    [
        ("Bunny", b"the fuzzy bunny", 1),
        ("a fuzzy bunny", b"bunny", 1),
        ("His hat", b"hat", 1),
        ("Bob", b"Bob's hat", 0),
        ("fuzzy cat", b"the fuzzy bunny", 0),
        ("the", b"the fuzzy bunny", -1),
        ("", b"bunny", -1),
    ],
)
def test_wsc_asks_whether_the_noun_proposed_is_named(prediction: str, referent: bytes, judged: int) -> None:
    example = {"targets_pretokenized": referent, "label": 1}
    assert postprocessors.wsc_simple(prediction, example=example) == judged
    assert postprocessors.wsc_simple(prediction, example=example, is_target=True) == 1


def test_bytes_are_predictions_too() -> None:
    example = {"targets_pretokenized": b"the fuzzy bunny"}
    assert postprocessors.wsc_simple(b"Bunny", example=example) == 1


def test_answers_that_are_no_texts_are_refused() -> None:
    with pytest.raises(TypeError, match="an answer is 7; give text"):
        postprocessors.qa("x", example={"answers": ["seven", 7]}, is_target=True)


def test_rank_classification_keeps_what_its_metric_needs() -> None:
    example = {"idx": [3, 1], "is_correct": True, "targets": [5, 6, 1], "extra": "x"}
    assert postprocessors.rank_classification(-1.5, example=example) == -1.5
    target = postprocessors.rank_classification("water", example=example, is_target=True)
    assert target == ((3, 1), True, 1.0, 3)
    weighted = {**example, "weight": 0.5}
    kept = postprocessors.rank_classification(
        "water", example=weighted, is_target=True, passthrough_feature_keys=["extra"]
    )
    assert kept == ((3, 1), True, 0.5, 3, "x")

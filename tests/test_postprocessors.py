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

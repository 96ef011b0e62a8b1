"""Postprocessors: from decoded text to what metrics compare.

Each is called as `fn(decoded, example=None, is_target=False)`: on predictions, and on targets with
`is_target=True`; `example` is the preprocessed example, whose texts are bytes.  Names, arguments
and defaults are T5's.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

Example = Mapping[str, Any]


def string_to_float(
    string: str, default: float = -1.0, example: Example | None = None, is_target: bool = False
) -> float:
    """Returns the number that a text is, or `default` when it is none, NaN or infinite."""
    try:
        number = float(string)
    except ValueError:
        return default
    return number if math.isfinite(number) else default


def lower_text(string: str, example: Example | None = None, is_target: bool = False) -> str:
    """Returns the text in lower case."""
    return string.lower()


def string_label_to_class_id(
    string_label: str,
    label_classes: Sequence[str],
    default: int = -1,
    example: Example | None = None,
    is_target: bool = False,
) -> int:
    """Returns the place of a label among `label_classes`, or `default` when it is none of them."""
    return label_classes.index(string_label) if string_label in label_classes else default


def qa(answer: str, example: Example | None = None, is_target: bool = False) -> Any:
    """Returns an answer; of a target all correct ones, the feature `answers`.

    Raises:
      ValueError: for a target without an example that has `answers`.
    """
    if not is_target:
        return answer
    if example is None or "answers" not in example:
        raise ValueError("qa: the example of a target has no feature 'answers'; see preprocessors.squad")
    return [as_text(answer) for answer in example["answers"]]


def as_text(value: Any) -> str:
    """Returns a text, of bytes the text that they encode."""
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)

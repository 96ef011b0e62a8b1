"""Postprocessors: from decoded text to what metrics compare.

Each is called as `fn(decoded, example=None, is_target=False)`: on predictions, and on targets with
`is_target=True`; `example` is the preprocessed example, whose texts are bytes. Names, arguments
and defaults are T5's.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from t5mix.vocabularies import Vocabulary
from t5mix.vocabularies.sentinels import first_sentinel

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
    """Returns the index of a label among `label_classes`, or `default` when it is none of them."""
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
    """Returns a text, of bytes the text that they encode.

    Raises:
        TypeError: when it is neither.
    """
    if not isinstance(value, str | bytes):
        raise TypeError(f"an answer is {value!r}; give text, or bytes of UTF-8")
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def span_qa(answer: str, example: Example | None = None, is_target: bool = False) -> Any:
    """Returns a span as text; of a target all correct `answers` and the `context` they are spans of.

    Before, a target: "start: 2 end: 2"; after: `{"answers": ["Bob"], "context": "Ann and Bob sang . "}`.
    """
    if not is_target:
        return answer
    example = _of_target("span_qa", example, "answers", "context")
    return {"answers": [as_text(each) for each in example["answers"]], "context": as_text(example["context"])}


def multirc(string_label: str, example: Example | None = None, is_target: bool = False) -> dict[str, Any]:
    """Returns the class of "False" or "True", and of a target its question as the group.

    Before, a target: "True"; after: `{"value": 1, "group": 17}`.
    """
    value = string_label_to_class_id(string_label, label_classes=("False", "True"))
    if not is_target:
        return {"value": value}
    return {"value": value, "group": _of_target("multirc", example, "idx/question")["idx/question"]}


def record(answer: str, example: Example | None = None, is_target: bool = False) -> dict[str, Any]:
    """Returns an answer; of a target all correct ones, and its passage and query as the group.

    Before, a target: "Ann"; after: `{"value": ["Ann", "Anna B."], "group": (5, 7)}`.
    """
    if not is_target:
        return {"value": answer}
    example = _of_target("record", example, "answers", "idx/passage", "idx/query")
    group = (example["idx/passage"], example["idx/query"])
    return {"value": [as_text(each) for each in example["answers"]], "group": group}


_DETERMINERS = frozenset(
    "a an few her his each every many much my our some that the their these this those which whose your".split()
)


def wsc_simple(prediction: str, example: Example | None = None, is_target: bool = False) -> int:
    """Returns 1 when a prediction names the noun proposed, 0 when another, -1 when none; of a target its label.

    Before, with "the fuzzy bunny" proposed: "Bunny"; after: 1. Case and determiners do not count, and the words of
    one must all be among the other's; "Bob" does not name "Bob's hat".
    """
    if is_target:
        return _of_target("wsc_simple", example, "label")["label"]
    given = _nouns(as_text(prediction))
    if not given:
        return -1
    proposed = _nouns(as_text(_of_target("wsc_simple", example, "targets_pretokenized")["targets_pretokenized"]))
    if ("'" in given) != ("'" in proposed):
        return 0
    one, other = set(given.split(" ")), set(proposed.split(" "))
    return int(one <= other or other <= one)


def _nouns(text: str) -> str:
    return " ".join(word for word in text.strip().lower().split(" ") if word not in _DETERMINERS)


def rank_classification(
    score: Any,
    example: Example | None = None,
    is_target: bool = False,
    passthrough_feature_keys: Sequence[str] | None = None,
) -> Any:
    """Returns a score; of a target what `metrics.rank_classification` needs.

    Before, a target: "water"; after: `((0, 1), True, 1.0, 3)`: its index, whether it is correct, its weight, and how
    many tokens it has; then the features named by passthrough_feature_keys.
    """
    if not is_target:
        return score
    example = _of_target("rank_classification", example, "idx", "is_correct", "targets")
    passed_through = tuple(example[key] for key in passthrough_feature_keys or ())
    return (
        tuple(example["idx"]),
        example["is_correct"],
        example.get("weight", 1.0),
        len(example["targets"]),
        *passed_through,
    )


def remove_sentinels(
    string_label: str,
    vocabulary: Vocabulary,
    num_sentinels: int = 1,
    postprocess_fn: Callable[..., Any] | None = None,
    example: Example | None = None,
    is_target: bool = False,
) -> Any:
    """Takes sentinels from the front of a text, then does what `postprocess_fn` does.

    Before: "<extra_id_0> True"; after: "True".
    """
    last = first_sentinel(vocabulary)
    sentinels = vocabulary.decode([last - number for number in range(num_sentinels)])
    if string_label.startswith(sentinels):
        string_label = string_label[len(sentinels) :].strip()
    if postprocess_fn is None:
        return string_label
    return postprocess_fn(string_label, example=example, is_target=is_target)


def _of_target(function: str, example: Example | None, *features: str) -> Example:
    missing = [name for name in features if example is None or name not in example]
    if example is None or missing:
        raise ValueError(f"{function}: the example has no feature {missing[0]!r}; see preprocessors of the same task")
    return example

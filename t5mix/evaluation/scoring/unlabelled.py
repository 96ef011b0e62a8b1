"""Whether a split's answers are published at all: where they are not, a score would say nothing."""

import math
import numbers
from collections.abc import Mapping, Sequence
from typing import Any

from t5mix.declarations.task import Task
from t5mix.metrics.metric_objects import target_text

# What a label that is not published becomes: `preprocessors.glue` writes it for -1.
HIDDEN = "<unk>"


def hidden_words(task: Task) -> frozenset[str]:
    """Returns the target texts that stand for a label that is not published, also as they come out of tokens."""
    feature = task.output_features.get("targets")
    if feature is None:
        return frozenset((HIDDEN,))
    try:
        return frozenset((HIDDEN, feature.vocabulary.decode(feature.vocabulary.encode(HIDDEN))))
    except (ValueError, TypeError, NotImplementedError):  # of a vocabulary of numbers
        return frozenset((HIDDEN,))


def labelled(task: Task, texts: Sequence[str]) -> Sequence[int]:
    """Returns which examples have a label, by their target texts; all of them where none has."""
    hidden = hidden_words(task)
    return [number for number, text in enumerate(texts) if text not in hidden] or range(len(texts))


def why_not_scored(task: Task, examples: Sequence[Mapping[str, Any]], targets: Sequence[Any]) -> str | None:
    """Returns why the answers of a split are unknown, in a few words, or None where they are known.

    They are where no example tells one: every target is empty or "<unk>"; every one is -1 or NaN; the postprocessor
    makes nothing of any; or every label is -1 and the targets are all the same, as texts or after the postprocessor. A
    postprocessor that knows none of several texts is broken instead: `t5mix check` tells.

    Args:
        task: the task.
        examples: its examples after preprocessing, one at least.
        targets: what its postprocessor makes of their targets; empty to do without.
    """
    texts = [_text(task, example) for example in examples]
    hidden = hidden_words(task)
    if all(text in hidden or not text.strip() for text in texts):
        shown = next((text for text in texts if text.strip()), "")
        return f"every target is {shown!r}" if len(set(texts)) == 1 else f"every target is {shown!r} or empty"
    if all(map(_is_no_number, texts)):
        return f"every target is {texts[0]!r}"
    if targets and all(map(_is_empty, targets)):
        return f"its postprocessor makes {_value(targets[0])!r} of every target"
    unknown = bool(targets) and all(_is_no_class(_value(target)) for target in targets)
    if unknown and len(set(texts)) == 1:
        return f"every target is {texts[0]!r}, which its postprocessor does not know"
    if (unknown or len(set(texts)) == 1) and all(map(_labels_are_hidden, examples)):
        return "every label is -1"
    return None


def _text(task: Task, example: Mapping[str, Any]) -> str:
    if "targets" not in task.output_features or not {"targets", "targets_pretokenized"} & example.keys():
        return ""
    try:
        return str(target_text(example, task.output_features))
    except Exception:  # ids that are no text: known, whatever they are
        return repr(example.get("targets"))


def _is_no_number(text: str) -> bool:
    try:
        number = float(text)
    except ValueError:
        return False
    return number == -1 or math.isnan(number)


def _value(target: Any) -> Any:
    """Returns a target's value, which some postprocessors put beside its group."""
    value = target["value"] if isinstance(target, Mapping) and "value" in target else target
    return value.item() if getattr(value, "shape", None) == () and hasattr(value, "item") else value


def _is_empty(target: Any) -> bool:
    value = _value(target)
    if isinstance(value, Mapping) and "answers" in value:  # as span_qa makes it
        value = value["answers"]
    return value is None or (isinstance(value, str | bytes | list | tuple | dict) and not value)


def _is_no_class(value: Any) -> bool:
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return number and (value == -1 or math.isnan(value))


def _labels_are_hidden(example: Mapping[str, Any]) -> bool:
    labels = [value for name, value in example.items() if "label" in name and getattr(value, "ndim", 0) == 0]
    numbers_of = [float(value) for value in labels if not isinstance(value, str | bytes)]
    return bool(numbers_of) and all(number == -1 for number in numbers_of)

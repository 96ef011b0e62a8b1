"""The check that postprocessor and metrics take whatever a model may say."""

import math
import numbers
from collections.abc import Iterator, Mapping
from typing import Any

from t5mix.declarations.task import Task
from t5mix.evaluation.checks.answers import GARBAGE, Answers, equal
from t5mix.evaluation.checks.findings import Finding
from t5mix.evaluation.checks.samples import Sample
from t5mix.internal.code import signatures


def survival(task: Task, sample: Sample | None) -> Finding:
    """Checks that postprocessor and metrics take an empty and a garbage prediction, and that labels are not garbage."""
    if not task.metric_fns and task.postprocessor is None:
        return Finding("survival", "skip", "the task has no postprocessor and no metric")
    if sample is None:
        return Finding("survival", "skip", "no split has labels")
    answers = Answers(task, sample)
    if not answers.rows:
        return Finding("survival", "skip", "every target is empty")
    for text in GARBAGE:
        shown = "an empty prediction" if not text else f"the prediction {text[:20]!r}"
        try:
            predictions = answers.predictions([text] * len(answers.rows))
        except Exception as error:
            return _broken(f"postprocess_fn fails on {shown}", error, "return a default for what is no answer")
        for function in task.predict_metric_fns:
            name = signatures.name(function)
            try:
                values = function(answers.targets, predictions)
            except Exception as error:
                return _broken(f"metric {name} fails on {shown}", error, "let it count as wrong")
            bad = list(_not_finite(values))
            if bad:
                message = f"metric {name} of {shown} for each example is no finite number: {bad[0]}"
                return Finding("survival", "fail", f"{message}; give the least score instead")
    unknown = _taken_for_garbage(answers)
    if unknown is not None:
        message = f"postprocess_fn makes the same of the target {unknown!r} and of garbage"
        return Finding("survival", "fail", f"{message}; are its label_classes the words of the targets?")
    return Finding("survival", "pass", f"{len(GARBAGE)} predictions for each of {len(answers.rows):,} examples")


def _broken(what: str, error: Exception, fix: str) -> Finding:
    return Finding("survival", "fail", f"{what}: {type(error).__name__}: {' '.join(str(error).split())}; {fix}")


def _not_finite(values: Mapping[str, Any]) -> Iterator[str]:
    for name, value in values.items():
        if isinstance(value, numbers.Real) and not math.isfinite(value):
            yield f"{name} {value}"


def _taken_for_garbage(answers: Answers) -> str | None:
    """Returns a target text that the postprocessor takes for no answer, such as a label it does not know.

    A text that reads as a number may well be the default for garbage.
    """
    if answers.task.postprocessor is None:
        return None
    seen: set[str] = set()
    for text, row, target in zip(answers.texts, answers.rows, answers.targets, strict=True):
        if text in seen or _is_number(text) or not text.strip():
            continue
        seen.add(text)
        if all(equal(answers.predicted(text, row), answers.predicted(each, row)) for each in GARBAGE):
            # Of a target that says how good a noun is, as in WSC, the text alone decides nothing.
            if equal(answers.target(GARBAGE[-1], row), target) and not equal(answers.predicted(text, row), target):
                continue
            return text
    return None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True

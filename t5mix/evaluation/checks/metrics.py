"""Checks of postprocessors and metrics: on right answers, on empty ones and on garbage."""

import math
import numbers
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from t5mix import metrics
from t5mix.declarations.task import Task
from t5mix.evaluation.checks.findings import Finding
from t5mix.evaluation.checks.labels import HIDDEN
from t5mix.evaluation.checks.samples import Fields, Sample
from t5mix.evaluation.examples import text_of
from t5mix.internal.code import signatures

# Predictions that no label is. The last has a NUL, a lone accent, a sentinel and no spaces to split at.
GARBAGE = ("", " ", "#☃ garbage 17.5.x <extra_id_0>\n\t\u0301\x00" + "{" * 600)
# The best value of a metric is the attribute `best` of its function, else that of this list, else 1 or 100.
_BEST: Mapping[Callable[..., Any], float] = {metrics.edit_distance: 0.0}
_TOLERANCE = 1e-4


class Answers:
    """The examples of one split with their targets postprocessed."""

    def __init__(self, task: Task, sample: Sample) -> None:
        self.task = task
        self.split = sample.split
        # An empty target is no answer that a postprocessor could tell from none; the check of labels counts them.
        self.rows = tuple(row for row in sample.rows if text_of(task, "targets", row).strip())
        self.texts = [text_of(task, "targets", row) for row in self.rows]
        self.targets = [self.target(text, row) for text, row in zip(self.texts, self.rows, strict=True)]

    def target(self, text: str, row: Fields) -> Any:
        """Returns what the postprocessor makes of a target text."""
        return self.task.postprocess_fn(text, example=row, is_target=True)

    def predicted(self, text: str, row: Fields) -> Any:
        """Returns what the postprocessor makes of a prediction."""
        return self.task.postprocess_fn(text, example=row, is_target=False)

    def predictions(self, texts: Sequence[str]) -> list[Any]:
        """Returns what the postprocessor makes of a prediction for each example."""
        return [self.predicted(text, row) for text, row in zip(texts, self.rows, strict=True)]


def judged(task: Task, samples: Sequence[Sample]) -> Sample | None:
    """Returns the sample that metrics are checked on: validation, else test, else the first; with labels, if any."""
    order = {"validation": 0, "test": 1}
    for sample in sorted(samples, key=lambda sample: order.get(sample.split, 2)):
        if any(text_of(task, "targets", row) != HIDDEN for row in sample.rows):
            return sample
    return None


def gold(task: Task, sample: Sample | None, more: Callable[[], Sample]) -> Finding:
    """Checks that target texts given back as predictions score the best of every metric.

    Args:
        task: the task.
        sample: the examples to judge; None where no label is published.
        more: reads more of them: some metrics reach their best only when every class is there.
    """
    if not task.metric_fns:
        why = (
            "its metrics are objects, which t5mix.Evaluator computes" if task.metric_objs else "the task has no metric"
        )
        return Finding("gold", "skip", why)
    if sample is None:
        return Finding("gold", "skip", "no split has labels")
    if not (answers := Answers(task, sample)).rows:
        return Finding("gold", "fail", f"{sample.split}: every target is empty; do preprocessors make targets?")
    found = _gold(task, answers)
    return found if found.result != "fail" else _gold(task, Answers(task, more()))


def _gold(task: Task, answers: Answers) -> Finding:
    reached: list[str] = []
    notes: list[str] = []
    right = answers.predictions(answers.texts)
    for function in task.predict_metric_fns:
        if _one_target(answers):
            notes.append(f"{signatures.name(function)} of {len(answers.rows):,} equal targets tells nothing")
            continue
        values = dict(function(answers.targets, right))
        short = _short_of_best(function, values)
        if short:
            other = _by_other_texts(answers)
            values = dict(function(answers.targets, answers.predictions(other))) if other else values
            if other is None or _short_of_best(function, values):
                return _failed(answers, short)
            changed = sum(a != b for a, b in zip(other, answers.texts, strict=True))
            notes.append(f"{changed:,} of {len(other):,} by another text: their target text is declared a wrong answer")
        reached += [f"{name} {value:g}" for name, value in values.items() if isinstance(value, numbers.Real)]
    for function in task.score_metric_fns:
        groups, scores = _gold_scores(answers.targets)
        if not scores:
            notes.append(f"{signatures.name(function)}: no score is known to be right for such targets")
            continue
        values = dict(function(groups, scores))
        short = _short_of_best(function, values)
        if short:
            return _failed(answers, short)
        reached += [f"{name} {value:g}" for name, value in values.items() if isinstance(value, numbers.Real)]
    notes += [f"{signatures.name(fn)} needs a model's values" for fn in task.predict_with_aux_metric_fns]
    message = "; ".join([f"{answers.split}: {', '.join(reached) or 'nothing'}", *notes])
    return Finding("gold", "note" if notes else "pass", message)


def _failed(answers: Answers, short: str) -> Finding:
    fix = "see that postprocess_fn makes the same of a target and of a right prediction, and that metric_fns fit it"
    return Finding("gold", "fail", f"{answers.split}: right predictions score {short}; {fix}")


def _short_of_best(function: Any, values: Mapping[str, Any]) -> str | None:
    """Returns "name value, not best" of the first number that is not the metric's best, or None."""
    while hasattr(function, "func"):
        function = function.func
    best = getattr(function, "best", _BEST.get(function))
    for name, value in values.items():
        if not isinstance(value, numbers.Real):
            continue
        known_best = best[name] if isinstance(best, Mapping) and name in best else best
        known = (1.0, 100.0) if not isinstance(known_best, numbers.Real) else (float(known_best),)
        if not any(math.isclose(value, each, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE) for each in known):
            return f"{name} {value:g}, not {' or '.join(f'{each:g}' for each in known)}"
    return None


def _one_target(answers: Answers) -> bool:
    """Tells whether all targets are equal, where correlations and F1 are not defined."""
    first = answers.targets[0]
    return len(answers.targets) > 1 and all(_equal(first, target) for target in answers.targets)


def _by_other_texts(answers: Answers) -> list[str] | None:
    """Returns texts that the postprocessor makes the targets of, or None where targets are read from their text.

    The target text of WSC is the noun proposed, and the target whether it is the right one.
    """
    candidates = list(dict.fromkeys(answers.texts))[:50]
    chosen: list[str] = []
    for text, row, target in zip(answers.texts, answers.rows, answers.targets, strict=True):
        if not _equal(answers.target(GARBAGE[-1], row), target):
            return None
        own = [text, *candidates]
        chosen.append(next((each for each in own if _equal(answers.predicted(each, row), target)), text))
    return chosen


def _gold_scores(targets: Sequence[Any]) -> tuple[list[Any], list[float]]:
    """Returns targets and right scores: 1 where an answer is correct, else 0; of whole groups alone."""
    if all(isinstance(each, numbers.Real) for each in targets):
        return list(targets), [float(each) for each in targets]
    if not all(isinstance(each, tuple) and len(each) >= 4 and len(each[0]) for each in targets):
        return [], []
    last = tuple(targets[-1][0][:-1])  # the sample may end within a group
    whole = [each for each in targets if tuple(each[0][:-1]) != last] or list(targets)
    return whole, [float(bool(each[1])) for each in whole]


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
        if text in seen or text == HIDDEN or _is_number(text) or not text.strip():
            continue
        seen.add(text)
        if all(_equal(answers.predicted(text, row), answers.predicted(each, row)) for each in GARBAGE):
            # Of a target that says how good a noun is, as in WSC, the text alone decides nothing.
            if _equal(answers.target(GARBAGE[-1], row), target) and not _equal(answers.predicted(text, row), target):
                continue
            return text
    return None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _equal(one: Any, other: Any) -> bool:
    try:
        return (
            bool(np.array_equal(one, other)) if hasattr(one, "shape") or hasattr(other, "shape") else bool(one == other)
        )
    except ValueError:  # arrays inside of other values
        return repr(one) == repr(other)

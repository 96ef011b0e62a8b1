"""The check of right answers: given back as predictions they score the best of every metric, as text and as tokens."""

import math
import numbers
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from t5mix.declarations.task import Task
from t5mix.evaluation.checks.answers import GARBAGE, Answers, equal
from t5mix.evaluation.checks.findings import Finding, Limits, shortened
from t5mix.evaluation.checks.samples import Sample
from t5mix.internal.code import signatures
from t5mix.metrics.directions import prefers_less

_TOLERANCE = 1e-4
_FIX = "see that postprocess_fn makes the same of a target and of a right prediction, and that metric_fns fit it"
_TOKENS_FIX = "write targets that the vocabulary can say within --lengths, or let postprocess_fn make the same of both"


def gold(task: Task, sample: Sample | None, more: Callable[[], Sample], limits: Limits) -> Finding:
    """Checks that targets given back as predictions score the best of every metric.

    Args:
        task: the task.
        sample: the examples to judge; None where no label is published.
        more: reads more of them: some metrics reach their best only when every class is there.
        limits: of lengths, and of what vocabularies may take from a score.
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
    found = _Gold(answers, limits).finding()
    return found if found.result != "fail" else _Gold(Answers(task, more()), limits).finding()


class _Gold:
    """Right answers of a split, and what metrics make of them."""

    def __init__(self, answers: Answers, limits: Limits) -> None:
        self._answers = answers
        self._limits = limits
        self._reached: list[str] = []
        self._notes: list[str] = []

    def finding(self) -> Finding:
        """Returns what is found, at the first metric that fails."""
        task, split = self._answers.task, self._answers.split
        for check, functions in (
            (self._of_predictions, task.predict_metric_fns),
            (self._of_scores, task.score_metric_fns),
        ):
            for function in functions:
                wrong = check(function)
                if wrong:
                    return Finding("gold", "fail", f"{split}: right predictions score {wrong}")
        self._notes += [f"{signatures.name(fn)} needs a model's values" for fn in task.predict_with_aux_metric_fns]
        notes = list(dict.fromkeys(self._notes))
        message = "; ".join([f"{split}: {', '.join(self._reached) or 'nothing'}", *notes])
        return Finding("gold", "note" if notes else "pass", message)

    def _of_predictions(self, function: Any) -> str | None:
        """Returns what is wrong with a metric of predictions: as text, then by way of tokens."""
        answers, texts = self._answers, self._answers.texts
        if _one_target(answers):
            self._notes.append(f"{signatures.name(function)} of {len(texts):,} equal targets tells nothing")
            return self._unlike(texts)
        values = self._values(function, texts)
        short = _short_of_best(function, values)
        if short:
            other = _by_other_texts(answers)
            values = self._values(function, other) if other else values
            if other is None or _short_of_best(function, values):
                return f"{short}; {_FIX}"
            changed = sum(a != b for a, b in zip(other, texts, strict=True))
            self._notes.append(
                f"{changed:,} of {len(other):,} by another text: their target text is declared a wrong answer"
            )
            texts = other
        self._reach(values)
        return self._by_tokens(function, texts, values)

    def _by_tokens(self, function: Any, texts: Sequence[str], best: Mapping[str, Any]) -> str | None:
        """Returns what a metric loses by what the vocabulary, or the targets' length, takes from right answers."""
        said = self._answers.by_tokens(texts, self._limits.lengths)
        if said == list(texts):
            return None
        worst = self._values(function, [GARBAGE[0]] * len(texts), default=best)
        for name, value in self._values(function, said).items():
            if not isinstance(value, numbers.Real):
                continue
            lost = abs(value - best[name])
            share = lost / max(abs(worst[name] - best[name]), _TOLERANCE)
            if lost <= _TOLERANCE:
                continue
            line = f"{name} {value:g} by way of their tokens, {best[name]:g} as text: {_example(texts, said)}"
            if share > self._limits.unknown:
                return f"{line}; {_TOKENS_FIX}"
            self._notes.append(line)
        return None

    def _unlike(self, texts: Sequence[str]) -> str | None:
        """Returns what is wrong where tokens make another answer of the one target that there is."""
        said = self._answers.by_tokens(texts, self._limits.lengths)
        pairs = zip(self._answers.predictions(texts), self._answers.predictions(said), strict=True)
        unlike = sum(not equal(one, other) for one, other in pairs)
        if unlike / len(texts) <= self._limits.unknown:
            return None
        return f"as a wrong answer by way of their tokens: {_example(texts, said)}; {_TOKENS_FIX}"

    def _values(
        self, function: Any, texts: Sequence[str], default: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any]:
        try:
            return dict(function(self._answers.targets, self._answers.predictions(texts)))
        except Exception:  # of garbage alone; the check of survival tells
            if default is None:
                raise
            return {name: 0.0 for name in default}

    def _of_scores(self, function: Any) -> str | None:
        """Returns what is wrong with a metric of scores."""
        groups, scores = _gold_scores(self._answers.targets)
        if not scores:
            self._notes.append(f"{signatures.name(function)}: no score is known to be right for such targets")
            return None
        values = dict(function(groups, scores))
        short = _short_of_best(function, values)
        if short:
            return f"{short}; {_FIX}"
        self._reach(values)
        return None

    def _reach(self, values: Mapping[str, Any]) -> None:
        self._reached += [f"{name} {value:g}" for name, value in values.items() if isinstance(value, numbers.Real)]


def _example(texts: Sequence[str], said: Sequence[str]) -> str:
    one, other = next((text, back) for text, back in zip(texts, said, strict=True) if text != back)
    count = sum(text != back for text, back in zip(texts, said, strict=True))
    return f"{count:,} of {len(texts):,} targets come back otherwise, {shortened(one)} as {shortened(other)}"


def _short_of_best(function: Any, values: Mapping[str, Any]) -> str | None:
    """Returns "name value, not best" of the first number that is not the metric's best, or None."""
    while hasattr(function, "func"):
        function = function.func
    best = getattr(function, "best", None)
    for name, value in values.items():
        if not isinstance(value, numbers.Real):
            continue
        known_best = best[name] if isinstance(best, Mapping) and name in best else best
        # Of errors, distances and losses 0, and of perplexity 1.
        known = [0.0, 1.0] if prefers_less(function, name) else [1.0, 100.0]
        if isinstance(known_best, numbers.Real):
            known = [float(known_best)]
        if not any(math.isclose(value, each, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE) for each in known):
            return f"{name} {value:g}, not {' or '.join(f'{each:g}' for each in known)}"
    return None


def _one_target(answers: Answers) -> bool:
    """Tells whether all targets are equal, where correlations and F1 are not defined."""
    first = answers.targets[0]
    return len(answers.targets) > 1 and all(equal(first, target) for target in answers.targets)


def _by_other_texts(answers: Answers) -> list[str] | None:
    """Returns texts that the postprocessor makes the targets of, or None where targets are read from their text.

    The target text of WSC is the noun proposed, and the target whether it is the right one.
    """
    candidates = list(dict.fromkeys(answers.texts))[:50]
    chosen: list[str] = []
    for text, row, target in zip(answers.texts, answers.rows, answers.targets, strict=True):
        if not equal(answers.target(GARBAGE[-1], row), target):
            return None
        own = [text, *candidates]
        chosen.append(next((each for each in own if equal(answers.predicted(each, row), target)), text))
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

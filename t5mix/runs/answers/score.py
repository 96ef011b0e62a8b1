"""`t5mix score`: how likely a checkpoint finds given targets."""

import json
import math
from collections.abc import Callable, Sequence
from typing import Any

from t5mix.internal.terminal import say
from t5mix.runs.answers.encoding import encode_questions, encode_targets, fitted
from t5mix.runs.answers.identity import key_of
from t5mix.runs.answers.questions import LINES, Question
from t5mix.runs.answers.writing import write_answers
from t5mix.runs.preflight.checks import Checked
from t5mix.runs.preflight.tasks import check_answers


def score(
    checked: Checked, questions: Sequence[Question], output_file: str, *, prefix: str = "", format: str = LINES
) -> None:
    """Writes the log-likelihood of each question's target, in nats, EOS included; started again, it goes on.

    Args:
        checked: the settings, and the checkpoint that scores.
        questions: with targets, which are scored whole however long they are.
        output_file: where scores go; "-" is standard output. A file appears whole or not at all.
        prefix: put before every text.
        format: "lines": a number a line; "jsonl": an object with "inputs", "target", "score" and "tokens".

    Raises:
        ValueError: a question has no target.
    """
    run, features = checked.run, checked.provider.output_features
    check_answers(run)
    missing = [number for number, question in enumerate(questions, 1) if question.target is None]
    if missing:
        raise ValueError(f"input {missing[0]} has no target, and targets are scored: name their column")
    ids = encode_questions(questions, prefix, features["inputs"], run.sequence_length["inputs"])
    checked = fitted(checked, ids)
    targets = encode_targets(questions, features["targets"])
    held: list[Any] = []

    def lines(first: int, end: int, tell: Callable[[int], None]) -> list[str]:
        if not held:
            from t5mix.runs.components import Components

            components = Components(checked.run, checked.provider)
            assert checked.checkpoint is not None
            held.append(components.target_scorer(components.restore(checked.checkpoint)))
        found = held[0](ids[first:end], [[target] for target in targets[first:end]], tell=tell)
        asked = zip(questions[first:end], targets[first:end], found, strict=True)
        return [_line(question, len(target), value, prefix, format) for question, target, [value] in asked]

    key = key_of(checked, ids, targets, format, prefix, "score")
    done = write_answers(output_file, len(ids), key, lines, "scoring")
    tokens = sum(map(len, targets))
    if tokens:
        mean = math.fsum(value_of(line, format) for line in done) / tokens
        perplexity = math.exp(min(-mean, 700.0))
        say(f"mean log-likelihood of {tokens:,} target tokens: {mean:.4f} nats; perplexity {perplexity:,.2f}")


def value_of(line: str, format: str) -> float:
    """Returns the score that a line of output says."""
    return float(line if format == LINES else json.loads(line)["score"])


def _line(question: Question, tokens: int, value: float, prefix: str, format: str) -> str:
    if format == LINES:
        return repr(value)
    inputs = question.inputs if question.ids is not None else prefix + question.inputs
    content = {"inputs": inputs, "target": question.target, "score": value, "tokens": tokens}
    return json.dumps(content, ensure_ascii=False)

"""`t5mix predict`: what a checkpoint answers to each input, in their order."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from t5mix.evaluation.decoding import Answer, ScoreTargets
from t5mix.runs.answers.encoding import encode_choices, encode_questions, fitted
from t5mix.runs.answers.identity import key_of, weights_of
from t5mix.runs.answers.questions import LINES, Question
from t5mix.runs.answers.writing import write_answers
from t5mix.runs.preflight.checks import Checked
from t5mix.runs.preflight.tasks import check_answers

JSONL = "jsonl"
OUTPUTS = (LINES, JSONL)

# A text and its score.
Ranked = Sequence[tuple[str, float]]


def predict(
    checked: Checked,
    questions: Sequence[Question],
    output_file: str,
    *,
    prefix: str = "",
    format: str = LINES,
    scores: bool = False,
    choices: Sequence[str] = (),
    others: Sequence[Checked] = (),
    combine: str = "mean",
) -> None:
    r"""Answers every question; started again after it was killed, it goes on.

    A line break within an answer is written as `\n`, a carriage return as `\r`, so that line n of the output answers
    line n of the input. With scores, or where `Decoding.best` is above 1, a line is JSON.

    Args:
        checked: the settings, and the checkpoint that answers.
        questions: what is asked.
        output_file: where answers go; "-" is standard output. A file appears whole or not at all.
        prefix: put before every text.
        format: "lines", or "jsonl": a line is an object with "inputs", "target" where it is known, "output", "score".
        scores: whether the score of each answer is written.
        choices: the answers that there are; the likeliest is given. Without them, answers are decoded.
        others: further checkpoints, which answer together with the first; see `ensembles`.
        combine: how they do.

    Raises:
        ValueError: a choice is longer than the model's answers.
    """
    run, features = checked.run, checked.provider.output_features
    assert checked.checkpoint is not None
    check_answers(run)
    ids = encode_questions(questions, prefix, features["inputs"], run.sequence_length["inputs"])
    checked = fitted(checked, ids)
    chosen = encode_choices(choices, features["targets"], run.sequence_length["targets"])
    decode = features["targets"].vocabulary.decode
    several = scores or run.decoding.best > 1
    answer = _answerer(checked, ids, choices, chosen, decode, others, combine) if ids else None

    def lines(first: int, end: int, tell: Callable[[int], None]) -> list[str]:
        assert answer is not None
        ranked = answer(first, end, tell)
        asked = questions[first:end]
        return [line_of(*pair, prefix, format, several) for pair in zip(asked, ranked, strict=True)]

    more = [weights_of(other.checkpoint) for other in others if other.checkpoint is not None]
    texts = [question.target for question in questions]
    key = key_of(checked, ids, texts, format, several, prefix, list(choices), more, combine)
    write_answers(output_file, len(ids), key, lines, "choosing" if choices else "decoding")


def line_of(question: Question, ranked: Ranked, prefix: str, format: str, several: bool) -> str:
    """Returns the output of one input: the best answer as a line, or JSON.

    Args:
        question: what was asked.
        ranked: the answers, the best first.
        prefix: that was put before the text.
        format: one of `OUTPUTS`.
        several: whether all answers and their scores are wanted.
    """
    answers = [{"text": text, "score": score} for text, score in ranked]
    if format == LINES:
        return _json({"answers": answers}) if several else _one_line(ranked[0][0])
    content: dict[str, Any] = {"inputs": question.inputs if question.ids is not None else prefix + question.inputs}
    if question.target is not None:
        content["target"] = question.target
    content |= {"output": ranked[0][0], "score": ranked[0][1]}
    return _json(content | ({"answers": answers} if several else {}))


def _one_line(text: str) -> str:
    return text.replace("\n", "\\n").replace("\r", "\\r")


def choose(score: ScoreTargets, ids: Sequence[Sequence[int]], choices: Sequence[str],
           targets: Sequence[Sequence[int]], tell: Callable[[int], None] | None = None) -> list[Ranked]:  # fmt: skip
    """Returns the choices for each input, the likeliest first; of equals the first."""
    found = score(ids, [targets] * len(ids), tell=tell)
    return [sorted(zip(choices, each, strict=True), key=lambda pair: -pair[1]) for each in found]


def texts_of(answers: Sequence[Sequence[Answer]], decode: Callable[[Sequence[int]], str]) -> list[Ranked]:
    """Returns answers as texts with their scores."""
    return [[(decode(one.ids), one.score) for one in each] for each in answers]


def _answerer(
    checked: Checked,
    ids: Sequence[Sequence[int]],
    choices: Sequence[str],
    targets: Sequence[Sequence[int]],
    decode: Callable[[Sequence[int]], str],
    others: Sequence[Checked],
    combine: str,
) -> Callable[[int, int, Callable[[int], None]], list[Ranked]]:
    """Returns a function that answers the inputs of some numbers; the weights are read when it is first called."""
    held: list[Any] = []

    def answer(first: int, end: int, tell: Callable[[int], None]) -> list[Ranked]:
        if not held:
            from t5mix.runs.answers.ensembles import Ensemble
            from t5mix.runs.components import Components

            components = Components(checked.run, checked.provider)
            components = Ensemble(checked, others, combine) if others else components
            assert checked.checkpoint is not None
            state = components.restore(checked.checkpoint)
            sizes = [len(each) for each in ids]
            held.append(components.target_scorer(state) if choices else components.answerer(state, sizes))
        if choices:
            return choose(held[0], ids[first:end], choices, targets, tell)
        return texts_of(held[0](ids[first:end], first=first, tell=tell), decode)

    return answer


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False)

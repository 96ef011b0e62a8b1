"""Scores of one checkpoint on one task, kept as JSON beside it, so that nothing is scored twice."""

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from t5mix.evaluation.evaluate_task import Prediction, Score
from t5mix.evaluation.examples import Example
from t5mix.evaluation.scoring.baselines import Baseline
from t5mix.internal.files import LARGEST_TEXT, read_json, read_text, write_atomically, write_json

# Bytes of predictions that are read at most: of a large split they are more than a small file has.
_LARGEST_PREDICTIONS = 64 * LARGEST_TEXT


def write_score(path: Path, score: Score) -> None:
    """Writes the predictions beside the score, then the score, whose presence says that both are whole."""
    write_atomically(path.with_suffix(".predictions.jsonl"), _lines(score.predictions))
    content = dataclasses.asdict(dataclasses.replace(score, predictions=()))
    del content["predictions"], content["tuned_on"]
    write_json(path, content)


def unscored_path(path: Path) -> Path:
    """Returns where the answers that are to become the score at `path` wait until it is written."""
    return path.with_suffix(".unscored.jsonl")


def write_unscored(path: Path, made_of: Mapping[str, str | None], predictions: Sequence[Prediction]) -> None:
    """Keeps answers before they are scored: a metric may raise, and to decode may have taken hours.

    Args:
        path: of the score.
        made_of: what decides the answers.
        predictions: the answers, a line each behind one that says what they are.
    """
    lines = _lines(predictions)
    first = json.dumps({"made_of": dict(made_of), "sha256": _sum(lines)}, ensure_ascii=False)
    write_atomically(unscored_path(path), f"{first}\n{lines}")


def read_unscored(path: Path) -> tuple[Mapping[str, str | None], list[Prediction]] | None:
    """Reads what `write_unscored` wrote; None where there is nothing, or something else: answers can be made again."""
    file = unscored_path(path)
    try:
        if file.is_symlink():
            return None
        first, _, lines = read_text(file, _LARGEST_PREDICTIONS).partition("\n")
        content = json.loads(first)
        if content["sha256"] != _sum(lines) or not isinstance(content["made_of"], dict):
            return None
        return content["made_of"], _predictions(lines)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def read_score(path: Path) -> Score | None:
    """Reads what `write_score` wrote, without the predictions; None where there is nothing.

    Whether it still holds is to be seen from `Score.made_of`.

    Raises:
        ValueError: the file is not such a score.
    """
    try:
        content = read_json(path)
        metrics = {name: _number(value) for name, value in content["metrics"].items()}
        baseline = Baseline(content["baseline"]["kind"], _number(content["baseline"]["score"]))
        standard_error = _number(content["standard_error"])
        known = {"metrics": metrics, "baseline": baseline, "standard_error": standard_error}
        score = Score(**{**content, **known})
        _check_types(score)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"{path} is not a score that t5mix wrote ({error}): delete it, and it is made again") from None
    return score


def read_predictions(path: Path) -> list[Prediction]:
    """Reads the predictions that `write_score` put beside the score at `path`, in the split's order.

    Raises:
        ValueError: they are not there, or the file is not such a file.
    """
    file = path.with_suffix(".predictions.jsonl")
    try:
        return _predictions(read_text(file, _LARGEST_PREDICTIONS))
    except FileNotFoundError:
        raise ValueError(f"{file} is missing: delete {path}, and score the checkpoint again") from None
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(
            f"{file} does not hold predictions that t5mix wrote ({error}): delete it and {path}, and score again"
        ) from None


def read_answers(path: Path, task: str, examples: Sequence[Example], who: str) -> list[Prediction]:
    """Reads predictions, after comparing what was asked with what the task asks now.

    Args:
        path: of the score that they lie beside.
        task: the task's name.
        examples: of the task.
        who: made the predictions, for the message.

    Raises:
        ValueError: they answer other examples; or as `read_predictions`.
    """
    predictions = read_predictions(path)
    for number, (example, known) in enumerate(zip(examples, predictions, strict=False)):
        if (example.input_text, example.target_text) != (known.inputs, known.target):
            raise ValueError(
                f"task {task!r}: {who} was scored on other examples: its example {number} asks "
                f"{known.inputs[:80]!r} for {known.target[:40]!r}, and the task's asks {example.input_text[:80]!r} for "
                f"{example.target_text[:40]!r}; delete {path} and score again"
            )
    if len(predictions) != len(examples):
        raise ValueError(
            f"task {task!r}: {who} was scored on {len(predictions)} examples, and the split has "
            f"{len(examples)}; delete {path} and score again"
        )
    return predictions


def _lines(predictions: Sequence[Prediction]) -> str:
    return "".join(f"{json.dumps(_content(each), ensure_ascii=False)}\n" for each in predictions)


def _predictions(lines: str) -> list[Prediction]:
    return [_prediction(json.loads(line)) for line in lines.split("\n") if line]


def _sum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _content(prediction: Prediction) -> dict[str, Any]:
    content = dataclasses.asdict(prediction)
    return {name: value for name, value in content.items() if value is not None}


def _prediction(content: Any) -> Prediction:
    prediction = Prediction(**content)
    if not all(isinstance(text, str) for text in (prediction.inputs, prediction.target, prediction.output)):
        raise TypeError("inputs, target and output are no texts")
    if prediction.score is not None:
        _number(prediction.score)
    return prediction


def _number(value: Any) -> float:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise TypeError(f"{value!r} is no number")
    return math.nan if value is None else float(value)


def _check_types(score: Score) -> None:
    """Refuses a score whose fields are of other types: dataclasses take anything."""
    lengths, made_of = score.lengths, score.made_of
    counts = [score.num_examples, score.truncated_inputs, score.truncated_targets, score.unlabelled]
    right = {
        "lengths": lengths is None
        or (isinstance(lengths, dict) and all(type(each) is int for each in lengths.values())),
        "made_of": made_of is None
        or (isinstance(made_of, dict) and all(isinstance(each, str | None) for each in made_of.values())),
        "less_is_better": isinstance(score.less_is_better, bool),
        "a text": all(
            isinstance(each, str)
            for each in (
                score.task,
                score.split,
                score.baseline.kind,
                score.no_score,
                score.version,
                score.asks,
                score.tuned_on,
            )
        ),
        "a count": all(type(each) is int for each in counts),
        "step or limit": all(each is None or type(each) is int for each in (score.step, score.limit)),
    }
    wrong = [name for name, is_right in right.items() if not is_right]
    if wrong:
        raise TypeError(f"{wrong[0]} is of another type")
    if not score.metrics and not score.no_score:
        raise TypeError("it has no metrics")

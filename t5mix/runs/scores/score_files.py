"""Scores of one checkpoint on one task, kept as JSON beside it, so that nothing is scored twice."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

from t5mix.evaluation.evaluate_task import Prediction, Score
from t5mix.evaluation.scoring.baselines import Baseline
from t5mix.internal.files import read_json, write_atomically, write_json


def write_score(path: Path, score: Score) -> None:
    """Writes the predictions beside the score, then the score, whose presence says that both are whole."""
    lines = [json.dumps(dataclasses.asdict(prediction), ensure_ascii=False) for prediction in score.predictions]
    write_atomically(path.with_suffix(".predictions.jsonl"), "".join(f"{line}\n" for line in lines))
    content = dataclasses.asdict(dataclasses.replace(score, predictions=()))
    del content["predictions"]
    write_json(path, content)


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
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is not a score that t5mix wrote ({error}): delete it, and it is made again") from None
    return score


def read_predictions(path: Path) -> list[Prediction]:
    """Reads the predictions that `write_score` put beside the score at `path`, in the split's order.

    Raises:
        ValueError: they are not there, or the file is not such a file.
    """
    file = path.with_suffix(".predictions.jsonl")
    try:
        return [Prediction(**json.loads(line)) for line in file.read_text("utf-8").split("\n") if line]
    except FileNotFoundError:
        raise ValueError(f"{file} is missing: delete {path}, and score the checkpoint again") from None
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{file} does not hold predictions that t5mix wrote ({error}): delete it and {path}, and score again"
        ) from None


def _number(value: Any) -> float:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise TypeError(f"{value!r} is no number")
    return math.nan if value is None else float(value)


def _check_types(score: Score) -> None:
    """Refuses a score whose fields are of other types: dataclasses take anything."""
    texts = [score.task, score.split, score.baseline.kind, score.no_score]
    counts = [score.num_examples, score.truncated_inputs, score.truncated_targets, score.unlabelled]
    more = [each for each in (score.step, score.limit, *(score.lengths or {}).values()) if each is not None]
    if not all(isinstance(each, str) for each in texts) or not all(type(each) is int for each in (*counts, *more)):
        raise TypeError("a field is of another type")
    if not score.metrics and not score.no_score:
        raise TypeError("it has no metrics")

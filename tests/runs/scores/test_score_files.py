import dataclasses
import math

import pytest

from t5mix.evaluation.evaluate_task import Prediction, Score
from t5mix.evaluation.scoring.baselines import Baseline
from t5mix.runs.evaluate import best_of_each_task
from t5mix.runs.scores.score_files import read_score, write_score


def make_score(value=50.0, step=7, lengths=None):
    return Score(
        task="a",
        split="test",
        step=step,
        limit=None,
        num_examples=4,
        metrics={"f1": value, "accuracy": 25.0},
        baseline=Baseline("copy", 10.0),
        standard_error=2.5,
        truncated_inputs=1,
        lengths=lengths,
        predictions=(Prediction("in", "so", "só\n"),),
    )


@pytest.mark.parametrize("value", [50.0, math.nan])
def test_a_score_is_read_as_it_was_written(tmp_path, value):
    score = make_score(value)
    path = tmp_path / "a" / "7.json"
    write_score(path, score)
    assert "NaN" not in path.read_text()
    again = read_score(path)
    assert isinstance(again, Score)
    assert repr(again) == repr(score)
    assert again.metric == "f1"
    assert path.with_suffix(".predictions.jsonl").read_text() == (
        '{"inputs": "in", "target": "so", "output": "só\\n"}\n'
    )


def test_no_score_is_none_and_a_damaged_one_is_named(tmp_path):
    assert read_score(tmp_path / "7.json") is None
    (tmp_path / "7.json").write_text('{"task": "a"}')
    with pytest.raises(ValueError, match=r"7\.json is not a score that t5mix wrote"):
        read_score(tmp_path / "7.json")


def test_the_best_score_is_a_number_where_there_is_one():
    steps = zip((1, 2, 3, 4), (math.nan, 20.0, 20.0, math.nan), strict=True)
    scores = [make_score(value, step) for step, value in steps]
    assert [score.step for score in best_of_each_task(scores)] == [2]
    assert [score.step for score in best_of_each_task(scores[:1])] == [1]


def test_the_best_of_an_error_is_the_least():
    steps = zip((1, 2, 3, 4), (math.nan, 20.0, 10.0, 10.0), strict=True)
    scores = [dataclasses.replace(make_score(value, step), less_is_better=True) for step, value in steps]
    assert [score.step for score in best_of_each_task(scores)] == [3]

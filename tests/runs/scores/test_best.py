import dataclasses
import math

from t5mix.evaluation.evaluate_task import Score
from t5mix.evaluation.scoring.baselines import Baseline
from t5mix.runs.scores.best import best_of_each_task


def make_score(value, step):
    return Score("a", "test", step, None, 4, {"f1": value, "accuracy": 25.0}, Baseline("copy", 10.0), 2.5, 1)


def test_the_best_score_is_a_number_where_there_is_one():
    steps = zip((1, 2, 3, 4), (math.nan, 20.0, 20.0, math.nan), strict=True)
    scores = [make_score(value, step) for step, value in steps]
    assert [score.step for score in best_of_each_task(scores)] == [2]
    assert [score.step for score in best_of_each_task(scores[:1])] == [1]


def test_the_best_of_an_error_is_the_least():
    steps = zip((1, 2, 3, 4), (math.nan, 20.0, 10.0, 10.0), strict=True)
    scores = [dataclasses.replace(make_score(value, step), less_is_better=True) for step, value in steps]
    assert [score.step for score in best_of_each_task(scores)] == [3]


def test_of_a_task_without_a_score_it_is_the_last_checkpoint():
    scores = [dataclasses.replace(make_score(math.nan, step), metrics={}, no_score="no labels") for step in (1, 2)]
    assert [score.step for score in best_of_each_task(scores)] == [2]

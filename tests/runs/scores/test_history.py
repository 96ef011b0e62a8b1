import dataclasses
import math

import pytest

from t5mix.evaluation.evaluate_task import Score
from t5mix.evaluation.scoring.baselines import Baseline
from t5mix.runs.records.run_folder import Trained
from t5mix.runs.scores.history import History
from t5mix.runs.scores.score_files import read_score, write_score


@pytest.fixture
def history(tmp_path):
    """Of two tasks, one of which counts errors, scored every 10 steps."""
    return History(Trained(tmp_path), "validation", None, 10, ["a", "b"])


def note(history, step, accuracy, errors):
    (history.trained.checkpoints / str(step)).mkdir(parents=True)
    for task, value, less in (("a", accuracy, False), ("b", errors, True)):
        score = Score(task, "validation", step, None, 9, {"m": value}, Baseline("none", math.nan), math.nan, 0)
        write_score(history.trained.scores("validation", task, step), _with(score, less))


def _with(score, less):
    return dataclasses.replace(score, less_is_better=less)


def test_each_task_has_its_best_checkpoint_in_its_own_direction(history):
    for step, accuracy, errors in ((10, 50.0, 9.0), (20, 70.0, 4.0), (30, 60.0, 2.0), (35, 60.0, 5.0)):
        note(history, step, accuracy, errors)
    assert history.best(35) == {"a": 20, "b": 30}
    (history.trained.checkpoints / "20").rmdir()  # it is gone
    assert history.best(35) == {"a": 30, "b": 30}


def test_evaluations_without_gain_are_counted_by_the_mean_over_tasks(history):
    assert history.without_gain(0) == 0
    found = []
    for step, accuracy, errors in (
        (10, 50.0, 9.0),
        (20, 50.0, 9.0),
        (30, 55.0, 20.0),
        (40, 55.0, 9.0),
        (50, math.nan, 1.0),
    ):
        note(history, step, accuracy, errors)
        found.append(history.without_gain(step))
    # Equal is no gain; more errors outweigh; better; no number is worse than any.
    assert found == [0, 1, 2, 0, 1]


def test_scores_of_other_steps_and_of_the_future_do_not_count(history):
    for step, accuracy in ((10, 50.0), (15, 99.0), (20, 40.0), (30, 99.0)):
        note(history, step, accuracy, 1.0)
    assert history.without_gain(20) == 1 and history.best(20) == {"a": 10, "b": 10}


def test_a_score_that_is_written_anew_counts_as_it_is_now(history):
    for step, accuracy in ((10, 50.0), (20, 40.0), (30, 45.0)):
        note(history, step, accuracy, 1.0)
    assert history.best(30)["a"] == 10 and history.without_gain(30) == 2
    path = history.trained.scores("validation", "a", 20)
    write_score(path, dataclasses.replace(read_score(path), metrics={"m": 60.0}))
    assert history.best(30)["a"] == 20 and history.without_gain(30) == 1
    path.unlink()
    assert history.best(30)["a"] == 10


def test_evaluations_that_say_nothing_do_not_end_a_training(history):
    # A correlation is no number as long as all answers are alike.
    found = []
    for step, accuracy in ((10, math.nan), (20, math.nan), (30, 50.0), (40, 50.0)):
        note(history, step, accuracy, 1.0)
        found.append(history.without_gain(step))
    assert found == [0, 0, 0, 1]


def test_a_task_whose_labels_are_not_published_hides_no_gain_of_the_others(history):
    found = []
    for step, accuracy in ((10, 50.0), (20, 60.0), (30, 70.0)):
        note(history, step, accuracy, 1.0)
        path = history.trained.scores("validation", "b", step)
        write_score(path, dataclasses.replace(read_score(path), metrics={}, no_score="every target is -1"))
        found.append(history.without_gain(step))
    assert found == [0, 0, 0]
    alone = dataclasses.replace(history, tasks=["b"])
    assert alone.without_gain(30) == 0 and alone.best(30) == {"b": 30}

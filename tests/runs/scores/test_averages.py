import math

import pytest

import t5mix
from t5mix.compat.t5.evaluation import eval_utils
from t5mix.evaluation.evaluate_task import Score
from t5mix.evaluation.scoring.baselines import Baseline
from t5mix.runs.scores.averages import ALL, averages, declared, task_value

NO_BASELINE = Baseline("none", math.nan)


def score(task, *values, less=False):
    metrics = {f"metric {number}": value for number, value in enumerate(values)}
    return Score(task, "validation", 7, None, 9, metrics, NO_BASELINE, math.nan, 0, less_is_better=less)


def test_a_task_s_metrics_are_averaged_first_and_then_the_tasks():
    (mean,) = averages([score("a", 10.0), score("b", 20.0, 40.0)])
    assert (mean.name, mean.split, mean.value, mean.columns, mean.missing) == (ALL, "validation", 20.0, 2, ())


def test_errors_and_tasks_without_a_score_are_named_and_not_in_the_mean():
    given = [score("a", 10.0), score("b", 20.0), score("c", 3.0, less=True), score("d"), score("e", math.nan)]
    (mean,) = averages(given)
    assert mean.value == 15.0 and mean.missing == ("c", "d", "e")
    assert averages([score("a", 10.0)]) == [] and averages([]) == []


def test_glue_needs_all_its_columns_and_the_splits_of_mnli_count_as_one():
    tasks = [task for column in declared()["GLUE"].values() for task in column]
    scores = [score(task, 50.0) for task in tasks if "mnli" not in task]
    scores += [
        score("glue_mnli_matched_v002", 90.0),
        score("glue_mnli_mismatched_v002", 70.0),
        score("glue_wnli_v002", 1.0),
    ]
    found = {average.name: average for average in averages(scores)}
    assert found["GLUE"].value == pytest.approx((7 * 50 + 80) / 8) and found["GLUE"].columns == 8
    assert found.keys() == {ALL, "GLUE"}
    without = {average.name: average for average in averages([each for each in scores if each.task != "glue_qqp_v002"])}
    assert math.isnan(without["GLUE"].value) and without["GLUE"].missing == ("QQP",)


def test_the_averages_are_those_of_t5_s_own_function():
    pytest.importorskip("pandas")
    names = {tag: metric for tag, metric in eval_utils.METRIC_NAMES.items() if "glue" in tag and "average" not in tag}
    values = {tag: float(number) for number, tag in enumerate(names)}
    table = eval_utils.scores_to_df({tag: [eval_utils.Event(7, value)] for tag, value in values.items()})
    theirs = eval_utils.compute_avg_glue(table)
    by_task = {}
    for tag, value in values.items():
        by_task.setdefault(tag.split("/")[0], []).append(value)
    ours = {average.name: average for average in averages([score(task, *all_) for task, all_ in by_task.items()])}
    assert ours["GLUE"].value == pytest.approx(theirs["Average GLUE Score"][7])
    assert ours["SuperGLUE"].value == pytest.approx(theirs["Average SuperGLUE Score"][7])


def test_every_task_of_a_declared_average_is_there_and_has_metrics():
    for columns in declared().values():
        for tasks in columns.values():
            assert all(t5mix.TaskRegistry.get(task).metric_fns for task in tasks)


def test_a_task_without_metrics_has_no_value():
    assert math.isnan(task_value(score("a")))

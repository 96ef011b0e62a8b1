"""Metrics come out of TensorBoard's files as tables."""

import math
from pathlib import Path

import pytest

import t5mix
from t5mix.metrics import Scalar
from t5mix.t5.evaluation import eval_utils

pytest.importorskip("pandas")
Event = eval_utils.Event


def test_what_a_logger_wrote_is_read(tmp_path: Path) -> None:
    for cls in (t5mix.TensorBoardLogger, t5mix.TensorBoardLoggerV1):
        logger = cls(tmp_path / cls.__name__)
        for step in (10, 20):
            logger("mine", step, {"accuracy": Scalar(step / 2), "f1": Scalar(1.0)}, None, None, None)
        events = eval_utils.parse_events_files(str(tmp_path / cls.__name__ / "mine"))
        assert [(each.step, float(each.value)) for each in events["eval/accuracy"]] == [(10, 5.0), (20, 10.0)]
        values = eval_utils.get_eval_metric_values(events, task_name="mine")
        assert list(values) == ["mine/accuracy", "mine/f1"]
    assert list(eval_utils.get_eval_metric_values({"eval/t/m": [], "loss": []})) == ["t/m"]


NAMES = {
    "a/one": eval_utils.Metric("A1", "A"),
    "a/two": eval_utils.Metric("A2", "A"),
    "b/one": eval_utils.Metric("B"),
}


def test_a_table_has_a_row_for_each_step_and_the_largest_of_several_values() -> None:
    scores = {"b/one": [Event(2, 5.0)], "a/one": [Event(1, 1.0), Event(2, 0.0), Event(2, 3.0)]}
    table = eval_utils.scores_to_df(scores, dict(NAMES))
    assert list(table.columns) == ["A1", "B"] and list(table.index) == [1, 2]
    assert table["A1"].tolist() == [1.0, 3.0] and math.isnan(table["B"][1]) and table["B"][2] == 5.0
    names = dict(NAMES)
    assert list(eval_utils.scores_to_df({"new": [Event(0, 1.0)]}, names).columns) == ["new"] and "new" in names
    assert list(eval_utils.sort_columns(table[["B", "A1"]], NAMES).columns) == ["A1", "B"]


def test_averages_are_of_groups(tmp_path: Path) -> None:
    names = {
        "glue_x/a": eval_utils.Metric("X1", "X"),
        "glue_x/b": eval_utils.Metric("X2", "X"),
        "glue_y/a": eval_utils.Metric("Y"),
        "super_glue_z/a": eval_utils.Metric("Z"),
    }
    scores = {tag: [Event(1, value)] for tag, value in zip(names, (10.0, 20.0, 45.0, 7.0), strict=True)}
    table = eval_utils.compute_avg_glue(eval_utils.scores_to_df(scores, names), names)
    assert table["Average GLUE Score"].tolist() == [30.0] and table["Average SuperGLUE Score"].tolist() == [7.0]


def test_a_group_is_best_at_one_step(tmp_path: Path) -> None:
    scores = {
        "a/one": [Event(1, 9.0), Event(2, 1.0)],
        "a/two": [Event(1, 0.0), Event(2, 9.0)],
        "b/one": [Event(1, 4.0)],
    }
    table = eval_utils.scores_to_df(scores, dict(NAMES))
    best, steps = eval_utils.metric_group_max(table, NAMES)
    assert best.tolist() == [1.0, 9.0, 4.0] and steps.tolist() == [2, 2, 1]
    eval_utils.log_csv(table, NAMES, str(tmp_path / "table.csv"))
    assert (tmp_path / "table.csv").read_text().splitlines()[-2:] == ["max,1.000,9.000,4.000", "step,2,2,1"]

"""The figures of a report."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from t5mix.internal.files import write_json
from t5mix.runs.report import figures
from t5mix.runs.report.content import Share, read
from t5mix.runs.scores.score_files import write_score
from tests.runs.report.conftest import BAD, score

pytest.importorskip("matplotlib")


def texts(svg: bytes) -> set[str]:
    return {element.text for element in ElementTree.fromstring(svg).iter() if element.tag.endswith("text")}


def test_each_figure_is_whole_and_the_same_each_time(folder):
    found = read(str(folder.path))
    drawn, again = figures.all_of(found), figures.all_of(found)
    assert drawn == again and all(drawn.values())
    assert {"loss, nats a target token", "learning rate"} <= texts(drawn["training"].svg)
    assert "norm of the gradient" not in texts(drawn["training"].svg)  # the log has no number of it
    assert {"a", "b"} <= texts(drawn["losses"].svg) and {"a", "b"} <= texts(drawn["shares"].svg)
    assert "accuracy, test" in texts(drawn["scores"].svg)


def test_scores_of_fewer_examples_or_of_another_tasks_model_are_no_part_of_a_curve(folder):
    write_score(folder.pretraining.scores("test", "a", 6, 2), score("a", 6, 90.0, limit=2))
    other = folder.finetuning("b")
    write_json(other.start, {"task": "b", "checkpoint": "x", "step": 6})
    write_score(other.scores("test", "a", 9), score("a", 9, 10.0))
    drawn = texts(figures.scores(read(str(folder.path)).scored).svg)
    assert {"accuracy, test", "accuracy, test, first 2", "accuracy, test, fine-tuned on b"} <= drawn


def test_a_name_may_hold_anything():
    """A formula is no formula, and signs of control end no file."""
    shares = [Share(name, 0.5, 1, 0.5) for name in ("$\\frac{1}$", BAD, "日本語", "<b>&", "")]
    drawn = texts(figures.shares(shares).svg)
    assert {"$\\frac{1}$", "日本語", "<b>&"} <= drawn


def test_there_is_room_for_so_many_tasks_and_the_rest_is_counted():
    shares = [Share(f"task_{number}", 1 / 70, None, float("nan")) for number in range(70)]
    drawn = figures.shares(shares)
    assert drawn.left_out == 10 and "task_59" in texts(drawn.svg) and "task_60" not in texts(drawn.svg)
    assert "realized" not in texts(drawn.svg)


def test_long_curves_are_means_of_neighbours():
    steps, values = figures.thinned([(float(n), float(n % 2)) for n in range(800)])
    assert len(steps) == 400 and np.all(values == 0.5) and steps[:2].tolist() == [0.5, 2.5]
    assert [len(each) for each in figures.thinned([])] == [0, 0]


def test_what_a_run_does_not_have_is_not_drawn():
    assert figures.losses([]) is None and figures.scores([]) is None and figures.shares([]) is None

"""The picture of a comparison."""

import xml.etree.ElementTree as ElementTree

import pytest

from t5mix.evaluation.scoring.paired_difference import Difference
from t5mix.runs.scores.comparison import Comparison, Row
from t5mix.runs.scores.picture import check_picture, draw

pytest.importorskip("matplotlib")


def made() -> Comparison:
    rows = [
        Row(task, "accuracy", 100, run, 50.0, 60.0, Difference(10.0, 2.0, 19, 6.0, 14.0, 0.001, 6.0), 0.002)
        for run in ("runs/b", "runs/c")
        for task in ("cola", "rte")
    ]
    means = {run: rows[0].difference for run in ("runs/b", "runs/c")}
    return Comparison("test", 0.95, "runs/a", rows, means, {})


def test_an_svg_is_whole_and_the_same_each_time(tmp_path):
    for name in ("one.svg", "two.svg"):
        draw(made(), str(tmp_path / name))
    assert ElementTree.parse(tmp_path / "one.svg").getroot().tag.endswith("svg")
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.svg", "two.svg"]


def test_other_endings_are_refused():
    with pytest.raises(ValueError, match=r"name a file that ends with \.svg"):
        check_picture("differences.bmp")

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


@pytest.mark.parametrize("less_is_better", [False, True])
@pytest.mark.parametrize("value", [10.0, -10.0])
@pytest.mark.parametrize("p_value", [0.001, 0.5])
def test_colors_say_what_is_better(tmp_path, less_is_better, value, p_value):
    difference = Difference(value, 2.0, 19, value - 4, value + 4, p_value, 6.0)
    row = Row("cola", "a metric", 100, "runs/b", 50.0, 50 + value, difference, p_value, less_is_better)
    draw(Comparison("test", 0.95, "runs/a", [row], {}, {}), str(tmp_path / "one.svg"))
    drawn = (tmp_path / "one.svg").read_text()
    blue, red, grey = "#1f6fb4", "#c0392b", "#8a8a8a"
    color = grey if p_value > 0.05 else blue if (value < 0) is less_is_better else red
    assert [each for each in (blue, red, grey) if each in drawn] == [color]


def test_the_mean_is_of_gains_and_colored_so(tmp_path):
    """Where less is better, the mean of the tasks counts a smaller error as a gain."""
    gain = Difference(10.0, 2.0, 19, 6.0, 14.0, 0.001, 6.0)
    loss_of_errors = Difference(-10.0, 2.0, 19, -14.0, -6.0, 0.001, 6.0)
    rows = [Row(task, "error", 100, "runs/b", 60.0, 50.0, loss_of_errors, 0.002, True) for task in ("cola", "rte")]
    draw(Comparison("test", 0.95, "runs/a", rows, {"runs/b": gain}, {}), str(tmp_path / "one.svg"))
    drawn = (tmp_path / "one.svg").read_text()
    assert "#1f6fb4" in drawn and "#c0392b" not in drawn


def test_other_endings_are_refused():
    with pytest.raises(ValueError, match=r"name a file that ends with \.svg"):
        check_picture("differences.bmp")


def test_a_picture_that_cannot_be_written_is_refused_before_anything_is_drawn(tmp_path):
    (tmp_path / "folder.svg").mkdir()
    with pytest.raises(ValueError, match=r"--picture '.*folder\.svg' is a folder; choose another"):
        check_picture(str(tmp_path / "folder.svg"))
    with pytest.raises(ValueError, match=r"--picture .* can not be written: there is no folder .*none"):
        check_picture(str(tmp_path / "none" / "differences.svg"))
    check_picture(str(tmp_path / "differences.svg"))

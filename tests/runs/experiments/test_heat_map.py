"""The picture of a number for each pair of tasks."""

import math
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from t5mix.runs.experiments import heat_map

pytest.importorskip("matplotlib")


def test_it_is_whole_and_the_same_each_time(tmp_path):
    values = np.array([[math.nan, 1.0], [-2.0, math.nan], [0.0, 0.5]])
    texts = [["", "+1.0"], ["-2.0*", ""], ["", "naïve"]]
    for name in ("one.svg", "two.svg"):
        heat_map.draw(str(tmp_path / name), ["a", "b", "c"], ["a", "b"], values, texts, title="gains")
    assert ElementTree.parse(tmp_path / "one.svg").getroot().tag.endswith("svg")
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


@pytest.mark.parametrize("value", [0.0, math.nan])
def test_nothing_but_zeros_or_gaps_can_be_drawn(tmp_path, value):
    heat_map.draw(str(tmp_path / "one.png"), ["a"], ["a"], np.array([[value]]), [[""]])
    assert (tmp_path / "one.png").stat().st_size > 0

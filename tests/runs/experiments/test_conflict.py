"""What a run's conflict.jsonl says, in a table and in a picture."""

import importlib.util
import json
import math

import pytest

from t5mix.cli.main import main
from t5mix.runs.experiments.conflict import read_conflict

LINES = [
    {"step": 10, "norm": 1.0, "norm/a": 0.5, "norm/b": 1.5, "cosine/b/a": -0.5},
    {"step": 20, "norm": 1.0, "norm/a": 1.5, "norm/b": None, "norm/c": 1.0, "cosine/a/b": None, "cosine/a/c": 0.25},
    {"step": 30, "norm": 1.0, "norm/a": 1.0, "norm/b": 1.0, "cosine/a/b": 0.1},
]


@pytest.fixture
def run(tmp_path):
    text = "".join(json.dumps(line) + "\n" for line in LINES)
    (tmp_path / "conflict.jsonl").write_text(text + '{"step": 40, "norm/a": 9')  # a kill cut the last line short
    return tmp_path


def test_means_are_over_the_batches_that_have_both(run):
    found = read_conflict(str(run))
    assert list(found.steps) == [10, 20, 30]
    assert found.norms == pytest.approx({"a": 1.0, "b": 1.25, "c": 1.0})
    first, second = found.pairs
    assert (first.first, first.second, first.measurements, first.negative) == ("a", "b", 2, 0.5)
    assert (first.cosine, first.standard_error) == pytest.approx((-0.2, 0.3))
    assert (second.first, second.second, second.cosine) == ("a", "c", 0.25) and math.isnan(second.standard_error)
    assert read_conflict(str(run), since=30).pairs[0].cosine == 0.1


def test_the_command_prints_and_draws(run, capsys):
    picture = run / "é.svg"
    arguments = ["conflict", str(run)]
    if importlib.util.find_spec("matplotlib"):
        arguments += ["--picture", str(picture)]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "-0.200" in out and "50%" in out and out.index("a, b") < out.index("a, c")
    assert main(["conflict", str(run), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["pairs"][1]["standard_error"] is None
    if picture.exists():
        assert picture.read_text().rstrip().endswith("</svg>")


def test_what_is_missing_or_no_measurement_is_said(run, tmp_path, capsys):
    with pytest.raises(FileNotFoundError, match=r"train with --gin_param 'Training\.conflict_every"):
        (tmp_path / "other").mkdir()
        read_conflict(str(tmp_path / "other"))
    with pytest.raises(FileNotFoundError, match="no run"):
        read_conflict(str(tmp_path / "absent"))
    with pytest.raises(ValueError, match="no measurement of step 50"):
        read_conflict(str(run), since=50)
    for line in ('{"step": "1"}', "[]", '{"step": 1, "norm/a": "x"}', "{}", "{"):
        (run / "conflict.jsonl").write_text(f"{json.dumps(LINES[0])}\n{line}\n")
        with pytest.raises(ValueError, match="jsonl:2 is not a line of measurements"):
            read_conflict(str(run))

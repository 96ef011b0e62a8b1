"""Weights & Biases and Trackio get numbers where they are asked for, and nowhere else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from t5mix.internal.logs.trackers import Trackers, chosen

# A library with Trackio's interface, which writes down what it is told.
LIBRARY = """
import pathlib

TOLD = pathlib.Path(__file__).with_name("told.txt")


def tell(*what):
    with TOLD.open("a") as file:
        print(*what, file=file)


class Run:
    def log(self, values, step):
        if step == 13:
            raise ConnectionError("nobody is there")
        tell("log", step, sorted(values.items()))

    def finish(self):
        tell("finish")


def init(project, name, resume):
    print("* welcome")
    tell("init", project, name, resume)
    return Run()
"""


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the library wrote down."""
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "trackio.py").write_text(LIBRARY)
    monkeypatch.syspath_prepend(tmp_path / "library")
    monkeypatch.delitem(sys.modules, "trackio", raising=False)
    monkeypatch.delenv("TRACKIO_PROJECT", raising=False)
    yield tmp_path / "library" / "told.txt"
    sys.modules.pop("trackio", None)


def test_numbers_of_a_training_go_where_they_are_asked_for(told, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("T5MIX_TRACK", "trackio")
    with Trackers(tmp_path / "run" / "finetune" / "cola") as trackers:
        trackers.log(10, {"loss": 1.5, "loss/a": float("nan")})
    assert told.read_text().splitlines() == [
        "init t5mix run/cola allow",
        "log 10 [('loss', 1.5)]",
        "finish",
    ]
    captured = capsys.readouterr()
    assert captured.out == "" and "* welcome" in captured.err


def test_nobody_is_called_unasked(told, tmp_path, monkeypatch):
    monkeypatch.delenv("T5MIX_TRACK", raising=False)
    with Trackers(tmp_path) as trackers:
        trackers.log(1, {"loss": 1.0})
    assert not told.exists() and "trackio" not in sys.modules


def test_one_that_fails_is_left_out_with_a_line(told, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("T5MIX_TRACK", " trackio,")
    with Trackers(tmp_path / "run") as trackers:
        for step in (12, 13, 14):
            trackers.log(step, {"loss": 1.0})
    assert told.read_text().count("log") == 1
    said = [line for line in capsys.readouterr().err.splitlines() if "warning" in line]
    assert len(said) == 1 and "trackio follows" in said[0] and "nobody is there" in said[0]


def test_a_wrong_or_missing_one_is_refused(monkeypatch):
    monkeypatch.setenv("T5MIX_TRACK", "wandbb")
    with pytest.raises(ValueError, match=r"T5MIX_TRACK names 'wandbb'.*did you mean 'wandb'"):
        chosen()
    monkeypatch.setenv("T5MIX_TRACK", "wandb")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match="pip install wandb"):
        chosen()


@pytest.mark.slow
def test_weights_and_biases_takes_them(tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("T5MIX_TRACK", "wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    with Trackers(tmp_path) as trackers:
        trackers.log(10, {"loss": 1.5})
    assert list((tmp_path / "wandb").glob("offline-run-*/*.wandb"))


@pytest.mark.slow
def test_trackio_takes_them(tmp_path):
    pytest.importorskip("trackio")
    program = (
        "import sys; from t5mix.internal.logs.trackers import Trackers\n"
        "with Trackers(sys.argv[1]) as trackers: trackers.log(10, {'loss': 1.5})"
    )
    environment = {**os.environ, "T5MIX_TRACK": "trackio", "HF_HOME": str(tmp_path / "hf")}
    command = [sys.executable, "-c", program, str(tmp_path / "run")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=True)
    assert "warning" not in done.stderr and list((tmp_path / "hf").rglob("t5mix.db"))

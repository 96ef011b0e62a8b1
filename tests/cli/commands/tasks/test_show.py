"""`t5mix show`: a task as the model reads it, a mixture with its shares."""

import json

import pytest

import t5mix
from t5mix.cli.main import main


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["show", *arguments]) == 0
    return capsys.readouterr().out


def test_task_as_json(declarations: str, capsys: pytest.CaptureFixture[str]) -> None:
    task = json.loads(shown(capsys, "toy_small", "--include", declarations, "--format", "json"))
    assert task["splits"] == {"train": 10}
    assert task["preprocessors"] == ["tokenize", "append_eos"]
    assert task["metrics"] == ["accuracy"]
    first, second = task["examples"]
    assert first["inputs"]["text"] == "toy: é0"
    assert first["inputs"]["ids"] == [119, 114, 124, 61, 35, 198, 172, 51, 1]
    assert first["inputs"]["pieces"] == [*"toy: ", "<198>", "<172>", "0", "</s>"]
    assert second["targets"] == {"text": "1", "ids": [52, 1], "pieces": ["1", "</s>"]}


def test_task_as_table(declarations: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, "toy_small", "--include", declarations, "--examples", "1", "--length", "4")
    assert "train 10" in text and "1. tokenize" in text and "train example 1" in text
    assert "train example 2" not in text
    assert "119 114 124 61\n" in text


def test_long_examples_say_how_much_is_left_out(
    declarations: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("t5mix.cli.commands.tasks.show._TOKENS", 3)
    monkeypatch.setattr("t5mix.cli.commands.tasks.show._CHARACTERS", 4)
    text = shown(capsys, "toy_small", "--include", declarations, "--examples", "1")
    assert "119 114 124  ... and 6 more; --format json shows all" in text
    assert "toy: ... and 2 more characters" in text or "toy: ... and 3 more characters" in text


def test_mixture_as_json(declarations: str, capsys: pytest.CaptureFixture[str]) -> None:
    mixture = json.loads(shown(capsys, "toy_mix", "--include", declarations, "--format", "json"))
    assert mixture["tasks"] == [
        {"name": "toy_large", "rate": 30.0, "share": 0.75, "examples": 30},
        {"name": "toy_small", "rate": 10.0, "share": 0.25, "examples": 10},
    ]
    assert mixture["total_rate"] == 40.0
    assert mixture["examples"] == []


def test_mixture_as_table(declarations: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, "toy_mix", "--include", declarations, "--examples", "1")
    assert "75.00%   " + 30 * "█" in text
    assert "25.00%   " + 10 * "█" + " " in text  # a third of the longest
    assert "train example 1" in text and "toy: é" in text


def test_a_wrong_split_is_refused_with_those_there_are(declarations: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "toy_small", "--include", declarations, "--split", "tset"]) == 2
    assert "'toy_small' has no split 'tset'; it has 'train'" in capsys.readouterr().err


def test_a_task_that_filters_says_what_its_rate_counts(declarations: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "raw examples" not in shown(capsys, "toy_large", "--include", declarations)
    large = t5mix.TaskRegistry.get("toy_large")
    steps = [lambda dataset: dataset.filter(lambda example: example["targets"] == "1"), *large.preprocessors]
    t5mix.TaskRegistry.add_provider("toy_half", large.replace(name="toy_half", preprocessors=steps))
    assert "of the first 30 raw examples the steps make 15" in " ".join(shown(capsys, "toy_half").split())
    t5mix.MixtureRegistry.add("toy_halves", ["toy_half", "toy_large"], default_rate=1.0)
    lines = shown(capsys, "toy_halves").splitlines()
    assert [line.split(":")[0].strip() for line in lines if "raw examples the steps make" in line] == ["toy_half"]

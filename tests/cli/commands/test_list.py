"""`t5mix list` in all its forms."""

import json

import pytest

from t5mix.cli.main import main


def output(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["list", *arguments]) == 0
    return capsys.readouterr().out


def test_json_holds_objects(declarations: str, capsys: pytest.CaptureFixture[str]) -> None:
    listed = json.loads(output(capsys, "--include", declarations, "--format", "json", "toy_"))
    assert list(listed) == ["tasks", "mixtures"]
    assert listed["tasks"][0] == {
        "name": "toy_large",
        "declared_at": f"{declarations}:{listed['tasks'][0]['declared_at'].rpartition(':')[2]}",
        "source": "FunctionDataSource",
        "features": {"inputs": "ByteVocabulary", "targets": "ByteVocabulary"},
        "metrics": ["accuracy"],
    }
    assert listed["mixtures"][0]["tasks"] == ["toy_large", "toy_small"]


def test_json_names(declarations: str, capsys: pytest.CaptureFixture[str]) -> None:
    listed = json.loads(output(capsys, "--include", declarations, "--format", "json", "--names"))
    assert {"toy_large", "toy_small"} <= set(listed["tasks"])
    assert "toy_mix" in listed["mixtures"]
    assert listed["tasks"] == sorted(listed["tasks"])


def test_names_one_a_line(declarations: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert output(capsys, "--include", declarations, "--names", "*_small").split() == ["toy_small"]


def test_table(declarations: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = output(capsys, "--include", declarations, "toy_")
    assert "2 tasks" in text and "1 mixture\n" in text
    assert "toy_large" in text and "FunctionDataSource" in text


def test_a_long_list_is_plain_columns(
    declarations: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("t5mix.cli.commands.list._MANY", 1)
    text = output(capsys, "--include", declarations, "toy_")
    assert text.startswith("2 tasks\nname") and "toy_large  FunctionDataSource  accuracy" in text
    assert "1 mixture\n" in text


def test_a_pattern_without_a_match_is_an_error(declarations: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--include", declarations, "zebra"]) == 2
    assert "no task or mixture matches zebra" in capsys.readouterr().err

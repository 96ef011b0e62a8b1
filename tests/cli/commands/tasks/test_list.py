"""`t5mix list` in all its forms."""

import json
import subprocess
import sys

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
    monkeypatch.setattr("t5mix.cli.commands.tasks.list._MANY", 1)
    text = output(capsys, "--include", declarations, "toy_")
    assert text.startswith("2 tasks\nname") and "toy_large  FunctionDataSource  accuracy" in text
    assert "1 mixture\n" in text


def test_a_pattern_without_a_match_is_an_error(declarations: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--include", declarations, "zebra"]) == 2
    assert "no task or mixture matches zebra" in capsys.readouterr().err


def test_models_with_parameters_and_memory(capsys: pytest.CaptureFixture[str]) -> None:
    text = output(capsys, "--models")
    assert "models/t5_1_1/small.gin" in text and "76,961,152" in text and "293.6 MiB" in text
    listed = json.loads(output(capsys, "--models", "umt5/small", "--format", "json"))["models"]
    assert [entry["name"] for entry in listed] == ["models/umt5/small.gin"]
    entry = listed[0]
    assert entry["parameters"] == 306_601_984 and entry["config"]["per_layer_bias"] is True
    memory = entry["memory_bytes"]
    assert memory["weights_float32"] == 2 * memory["weights_bfloat16"] == 4 * entry["parameters"]
    assert memory["train_adafactor"] == 2 * memory["weights_float32"] + memory["adafactor"]
    assert memory["adamw"] == 2 * memory["weights_float32"]


def test_names_of_models_and_a_pattern_without_a_match(capsys: pytest.CaptureFixture[str]) -> None:
    names = output(capsys, "--models", "--names", "*/small.gin").split()
    assert names == [f"models/{f}small.gin" for f in ("", "byt5/", "mt5/", "t5_1_0/", "t5_1_1/", "umt5/")]
    assert json.loads(output(capsys, "--models", "--names", "mt5/xxl", "--format", "json")) == {
        "models": ["models/mt5/xxl.gin", "models/umt5/xxl.gin"]
    }
    assert main(["list", "--models", "zebra"]) == 2
    assert "no model matches zebra; try: t5mix list --models" in capsys.readouterr().err


def test_models_load_neither_tensorflow_nor_jax() -> None:
    code = "import sys; from t5mix.cli.main import main; main(['list', '--models']); "
    code += "print(sorted({'tensorflow', 'jax', 'torch'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"

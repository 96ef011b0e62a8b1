"""`t5mix check`: its exit status and what it prints."""

import json
from pathlib import Path
from typing import Any

import pytest

import t5mix
from t5mix.cli.main import main
from t5mix.evaluation.checks import CHECKS

DECLARATIONS = """
import t5mix
from t5mix import metrics, preprocessors

def data(split, shuffle_files):
    import tensorflow as tf
    inputs = [f"{split} {i}" for i in range(9)]
    return tf.data.Dataset.from_tensor_slices({"inputs": inputs, "targets": list("ababababa")})

def add(name, *steps, splits=("train", "test")):
    t5mix.TaskRegistry.add(
        name, t5mix.FunctionDataSource(data, splits),
        {key: t5mix.Feature(t5mix.ByteVocabulary()) for key in ("inputs", "targets")},
        [preprocessors.tokenize, *steps], metric_fns=[metrics.accuracy],
    )

add("check_good", preprocessors.append_eos)
add("check_bad")
t5mix.MixtureRegistry.add("check_both", ["check_good", "check_bad"], default_rate=1)
add("train_alone", preprocessors.append_eos, splits=["train"])
t5mix.MixtureRegistry.add("some_with_test", ["check_good", "train_alone"], default_rate=1)
"""


@pytest.fixture
def declarations(tmp_path: Path) -> Any:
    path = tmp_path / "checked.py"
    path.write_text(DECLARATIONS)
    with t5mix.overlay():
        yield str(path)


def test_the_exit_status_tells(declarations: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "check_good", "--include", declarations]) == 0
    printed = capsys.readouterr().out
    assert "task check_good" in printed and "test: accuracy 100" in printed and "1 task passed" in printed
    assert main(["check", "check_both", "--include", declarations, "--examples", "5"]) == 1
    lines = " ".join(capsys.readouterr().out.split())
    assert "FAIL: check_bad: eos: feature 'inputs' does not end with EOS in 10 of 10 examples" in lines
    assert "1 task passed; 1 failed: check_bad" in lines
    for wrong in (
        ["--lengths", "inputs"],
        ["--truncation_limit", "2"],
        ["--held_out_overlap_limit", "2"],
        ["--examples", "0"],
    ):
        with pytest.raises(SystemExit) as stopped:
            main(["check", "check_good", "--include", declarations, *wrong])
        assert stopped.value.code == 2
    capsys.readouterr()
    for wrong in (["--split", "tset"], ["--lengths", "input=5"]):
        assert main(["check", "check_good", "--include", declarations, *wrong]) == 2
    assert main(["check", "check_g*", "no_such_*", "--include", declarations]) == 2
    errors = capsys.readouterr().err
    assert (
        "no task has a split 'tset'" in errors
        and "--lengths names input," in errors
        and "no task matches 'no_such_*'" in errors
    )


def test_tasks_without_the_split_fail_only_when_no_task_has_it(
    declarations: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", "some_with_test", "--include", declarations, "--split", "test"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines if line.startswith("  train_alone")] == [["train_alone", "-"]]
    assert lines[-1] == "1 task passed; 1 without the split: train_alone"
    assert main(["check", "some_with_test", "--include", declarations, "--split", "test", "--format", "json"]) == 0
    described = {each["name"]: each for each in json.loads(capsys.readouterr().out)["tasks"]}
    assert described["check_good"]["checked"] and not described["train_alone"]["checked"]
    (finding,) = described["train_alone"]["findings"]
    assert (finding["check"], finding["message"]) == ("examples", "no split test; there are train")
    # Of two splits asked for, the one that is there is checked.
    assert main(["check", "some_with_test", "--include", declarations, "--split", "test", "--split", "train"]) == 0
    assert "2 tasks passed" in capsys.readouterr().out
    assert main(["check", "train_alone", "--include", declarations, "--split", "test"]) == 2
    assert "no task has a split 'test'; their splits: train" in capsys.readouterr().err


def test_json_holds_every_finding(declarations: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "check_*", "--include", declarations, "--format", "json", "--split", "test"]) == 1
    printed = json.loads(capsys.readouterr().out)
    assert printed["passed"] is False
    bad, good = printed["tasks"]
    assert (bad["name"], bad["passed"], good["passed"]) == ("check_bad", False, True)
    assert [finding["check"] for finding in good["findings"]] == list(CHECKS) and good["examples"] == {"test": 9}

"""Fine-tuning on a mixture as one, and from new weights, through the command line."""

import json

import pytest

import t5mix
from t5mix.cli.main import main
from t5mix.runs.records.lineage import lineage_of
from t5mix.runs.records.run_folder import RunFolder


@pytest.mark.slow
def test_fine_tuning_from_scratch_on_a_mixture_and_on_a_task(toy, gin_file, add_task, tmp_path, capsys):
    add_task("toy_asked", start=300, splits=("test",))
    t5mix.MixtureRegistry.add("both", ["toy_plain", "toy_a", "toy_asked"], default_rate=1.0)
    command = ["finetune", "--gin_file", str(gin_file), "--from_scratch", "--tasks", "both,toy_a,toy_b"]
    command += ["--gin_param", "Run.mixture = 'toy_b'"]  # one task: the steps of `both` report more losses
    assert main(command) == 0
    run = RunFolder(tmp_path / "run")
    rows = json.loads(run.report.read_text())["rows"]
    there = [("toy_a", "both"), ("toy_a", ""), ("toy_asked", "both"), ("toy_b", "")]
    assert [(row["task"], row["tuned_on"], row["multi_task"]) for row in rows] == [(*each, None) for each in there]
    assert run.finetuning("both").steps() == run.finetuning("toy_b").steps() == [3]
    losses = json.loads((run.finetuning("both").path / "metrics.jsonl").read_text().splitlines()[-1])
    assert {"loss/toy_a", "loss/toy_plain"} <= set(losses) and "loss/toy_asked" not in losses

    found = lineage_of(str(run.finetuning("both").path))
    assert (found["name"], found["began_with"]) == ("both", None) and found["declared_at"]
    assert set(found["tasks"]) == {"toy_a", "toy_plain"}
    assert main(["lineage", str(run.finetuning("both").path)]) == 0
    assert "began with initial weights" in capsys.readouterr().out

    # Again: nothing is done but the report; what was trained on a mixture is scored by its name.
    assert main(command) == 0
    assert "scoring" not in capsys.readouterr().err
    assert main(["eval", "--run_folder", str(run.path), "--from_predictions", "--format", "json"]) == 0
    (group,) = json.loads(capsys.readouterr().out)["groups"]
    assert sorted((each["task"], each["tuned_on"]) for each in group["scores"]) == sorted(there)
    assert main(["eval", "--run_folder", str(run.path), "--mixture_or_task", "both"]) == 0
    out = capsys.readouterr().out
    assert "toy_a" in out and "toy_b" not in out
    assert main(["compare", "--baselines", str(run.path)]) == 0
    assert "copy 100.0" in capsys.readouterr().out


def test_where_fine_tuning_begins_is_said_once(toy, gin_file, capsys):
    command = ["finetune", "--gin_file", str(gin_file), "--from_scratch", "--checkpoint", "elsewhere"]
    assert main(command) == 2
    assert "--from_scratch begins with new weights, and not with --checkpoint elsewhere" in capsys.readouterr().err


def test_a_mixture_that_ends_too_early_is_refused_before_any_training(toy, gin_file, tmp_path, capsys):
    t5mix.MixtureRegistry.add("once", ["toy_plain", "toy_a"], default_rate=1.0, max_epochs=1)
    command = ["finetune", "--gin_file", str(gin_file), "--from_scratch", "--tasks", "toy_b,once", "--steps", "100000"]
    assert main(command) == 2
    error = capsys.readouterr().err
    assert "Finetuning.steps is 100,000, but the stream of once ends after" in error
    assert not RunFolder(tmp_path / "run").finetuning("toy_b").steps()

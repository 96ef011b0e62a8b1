"""Runs that are scored while they train: every few steps, to their early end, with the best checkpoint reported."""

import json

import pytest

from t5mix.cli.main import main
from t5mix.runs.records.run_folder import RunFolder
from t5mix.training import loop

pytestmark = pytest.mark.slow

BESIDE = """
Evaluation.split = 'train'
Evaluation.report_split = 'test'
Evaluation.limit = 5
Evaluation.every = 2
Evaluation.patience = 2
Training.keep = 1
Training.steps = 40
Finetuning.steps = 40
constant.learning_rate = 1e-9
finetune/constant.learning_rate = 1e-9
"""


def test_a_run_ends_early_keeps_the_best_and_goes_on_where_it_was_killed(toy, gin_file, tmp_path, capsys, monkeypatch):
    beside = tmp_path / "beside.gin"
    beside.write_text(BESIDE)
    command = ["train", "--gin_file", str(gin_file), "--gin_file", str(beside)]
    run = RunFolder(gin_file.parent / "run")
    # With such a rate nothing becomes better: the first evaluation is the best, and two more end the training.
    save = loop.Checkpoints.save

    def die(self, step, *rest):
        save(self, step, *rest)
        if step == 4:
            raise OSError("killed")  # behind the checkpoint, before it is scored

    with monkeypatch.context() as patch:
        patch.setattr(loop.Checkpoints, "save", die)
        assert main(command) == 2
    assert not run.pretraining.scores("train", "toy_a", 4, 5).exists()
    assert main(command) == 0
    told = capsys.readouterr()
    assert "training ends early, at step 6: 2 evaluations on train brought nothing better" in told.err
    assert run.pretraining.scores("train", "toy_a", 4, 5).exists()
    assert run.pretraining.steps() == [2, 6]  # the best, and the newest one that is kept
    assert run.finetuning("toy_b").steps() == [2, 6]
    assert "best checkpoints by train, scored on test: toy_b at step 2" in told.err
    rows = json.loads(run.report.read_text())["rows"]
    assert [(row["task"], row["split"], row["step"]) for row in rows] == [("toy_a", "test", 2), ("toy_b", "test", 2)]
    # Scored on test once, at the best step.
    assert [path.name for path in sorted(run.pretraining.path.glob("scores/test/*/*.json"))] == ["2-first-5.json"] * 2
    assert "mean of 2 tasks on test" in told.out
    # Again: nothing is done but the report.
    assert main(command) == 0
    again = capsys.readouterr()
    assert again.out == told.out and "scoring" not in again.err


def test_what_would_change_nothing_is_refused(toy, gin_file, capsys):
    command = ["train", "--gin_file", str(gin_file), "--gin_param", "Run.finetune = None", "--tasks", "toy_a"]
    assert main([*command, "--dry_run"]) == 2
    assert "--tasks toy_a are for fine-tuning, and Run.finetune is None" in capsys.readouterr().err
    for param, message in (
        ("Evaluation.patience = 3", "nothing is scored beside training: set Evaluation.every"),
        ("Evaluation.report_split = 'test'", "which is for the best of several checkpoints: set Evaluation.every"),
        ("Evaluation.split = 'test,test'", "Evaluation.split names test more than once"),
        ("Evaluation.split = 'test,'", "name a split, such as 'validation', or 'a,b'"),
        ("Evaluation.split = 'test,dev'", "has no split 'dev', which Evaluation.split names"),
    ):
        assert (
            main(["train", "--gin_file", str(gin_file), "--gin_param", param, "--gin_param", "Run.finetune = None"])
            == 2
        )
        error = capsys.readouterr().err
        assert message in error and error.count("\n") == 1

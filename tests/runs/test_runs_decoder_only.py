"""Whole runs of language models and prefix LMs, through the command line; and what is refused before."""

import functools
import json

import numpy as np
import pytest

import t5mix
from t5mix import preprocessors
from t5mix.cli.main import main
from t5mix.runs.config import binding
from t5mix.runs.preflight import checks
from t5mix.runs.records.run_folder import RunFolder
from tests.runs.conftest import accuracy, digits

LM = ["--gin_file", "architectures/language_model.gin"]
PREFIX_LM = ["--gin_file", "architectures/prefix_lm.gin"]


def params(*settings):
    return [word for setting in settings for word in ("--gin_param", setting)]


@pytest.fixture
def texts(add_task):
    """A task of targets alone."""
    return t5mix.TaskRegistry.add(
        "toy_texts",
        source=t5mix.FunctionDataSource(functools.partial(digits, start=0), splits=("train", "test")),
        preprocessors=[preprocessors.tokenize, preprocessors.append_eos],
        output_features={"targets": t5mix.Feature(t5mix.ByteVocabulary(extra_ids=5))},
        metric_fns=[accuracy],
    )


@pytest.mark.slow
@pytest.mark.parametrize("architecture", [LM, PREFIX_LM], ids=["language_model", "prefix_lm"])
def test_train_fine_tune_evaluate_and_predict(toy, gin_file, tmp_path, capsys, monkeypatch, architecture):
    assert main(["train", "--gin_file", str(gin_file), *architecture]) == 0
    folder = RunFolder(tmp_path / "run")
    rows = json.loads(folder.report.read_text())["rows"]
    assert [row["task"] for row in rows] == ["toy_a", "toy_b"]
    losses = [json.loads(line) for line in (folder.pretraining.path / "metrics.jsonl").read_text().splitlines()]
    assert all(np.isfinite(line["loss"]) and "loss/toy_a" in line for line in losses)
    assert main(["eval", "--run_folder", str(folder.path)]) == 0
    asked, answered = tmp_path / "in.txt", tmp_path / "out.txt"
    asked.write_text("say 7\nsay 12\n")
    command = ["predict", "--checkpoint", str(folder.path / "finetune" / "toy_a")]
    assert main([*command, "--input_file", str(asked), "--output_file", str(answered)]) == 0
    assert len(answered.read_text().splitlines()) == 2
    capsys.readouterr()
    assert main(["export", "--checkpoint", str(folder.path), "--format", "hf", "--output", str(tmp_path / "hf")]) == 2
    assert "transformers has T5's encoder_decoder alone" in capsys.readouterr().err
    exported = ["--format", "stablehlo", "--output", str(tmp_path / "stablehlo")]
    assert main(["export", "--checkpoint", str(folder.path), *exported]) == 0


@pytest.mark.slow
def test_a_language_model_of_targets_alone_is_trained_and_asked_nothing(texts, gin_file, tmp_path, capsys):
    lengths = params("Run.sequence_length = {'targets': 24}", "Run.finetune = None", "Run.mixture = 'toy_texts'")
    assert main(["train", "--gin_file", str(gin_file), *LM, *lengths]) == 0
    assert "nothing is scored: Run.sequence_length has no inputs" in capsys.readouterr().err
    (tmp_path / "in.txt").write_text("say 7\n")
    for command in (["eval", "--run_folder"], ["predict", "--input_file", str(tmp_path / "in.txt"), "--checkpoint"]):
        assert main([*command, str(tmp_path / "run")]) == 2
        assert "a language model of targets alone reads no inputs" in capsys.readouterr().err


def test_who_needs_inputs(texts, gin_file, capsys):
    lengths = params("Run.sequence_length = {'targets': 24}")
    for architecture in (LM, PREFIX_LM):  # the tasks have inputs
        assert main(["train", "--gin_file", str(gin_file), *architecture, *lengths]) == 2
        assert "Run.sequence_length says nothing of 'inputs'" in capsys.readouterr().err
    lengths += params("Run.mixture = 'toy_texts'")
    assert main(["train", "--gin_file", str(gin_file), *PREFIX_LM, *lengths]) == 2
    assert "toy_texts has no feature 'inputs'" in capsys.readouterr().err
    # Fine-tuning scores its tasks.
    lengths += params("Finetuning.tasks = ('toy_texts',)")
    assert main(["train", "--gin_file", str(gin_file), *LM, *lengths]) == 2
    assert "a language model of targets alone reads no inputs" in capsys.readouterr().err


def test_the_plan_counts_examples_that_stand_one_behind_the_other(toy, gin_file, capsys):
    assert main(["train", "--gin_file", str(gin_file), *PREFIX_LM, "--dry_run"]) == 0
    out = capsys.readouterr().out
    assert "decoder_target_tokens" in out and "toy_b" in out


def test_a_checkpoint_of_another_architecture_is_refused(toy, gin_file):
    bound = binding.bind([str(gin_file), LM[1]])
    folder = RunFolder(gin_file.parent / "run")
    folder.path.mkdir()
    folder.operative_config.write_text(bound.operative_config)
    with pytest.raises(
        ValueError, match=r"holds a run with other settings: .*T5Config.architecture \('language_model'"
    ):
        checks.check_training(binding.bind([str(gin_file), PREFIX_LM[1]]).run)

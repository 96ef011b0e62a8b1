"""What the commands that ask a checkpoint refuse before they read anything."""

import argparse

import pytest

from t5mix.cli import questions
from t5mix.cli.main import main
from t5mix.runs.answers.questions import FORMATS


@pytest.mark.parametrize("command", ["predict", "score"])
@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--split", "test"], "--split test is for --task: name the task, too"),
        (["--task", "a", "--prefix", "x", "--input_file", "b"], "says what is asked: leave out --input_file, --prefix"),
        (["--task", "a", "--column", "q", "--target_column", "t"], "leave out --column, --target_column"),
        (["--task", "a", "--output_file", "no/such/folder/out"], "there is no folder"),
    ],
)
def test_arguments_that_exclude_each_other_are_one_line(command, more, message, capsys):
    assert main([command, "--checkpoint", "nowhere", *more]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_combine_without_an_ensemble_and_an_ensemble_without_a_folder(capsys):
    assert main(["eval", "--run_folder", "x", "--ensemble", "y"]) == 2
    assert "say where they go with --output_folder" in capsys.readouterr().err
    assert main(["eval", "--run_folder", "x", "--output_folder", "y"]) == 2
    assert "--output_folder is for scores that belong to no run" in capsys.readouterr().err
    assert main(["eval", "--run_folder", "x", "--ensemble", "y", "--output_folder", "z", "--checkpoints", "all"]) == 2
    assert "scores of an ensemble belong to no run, and have no --checkpoints: leave" in capsys.readouterr().err
    assert main(["eval", "--run_folder", "x", "--trained", "y", "--output_folder", "z", "--from_predictions"]) == 2
    assert "trained alone belong to no run, and have no --from_predictions: leave" in capsys.readouterr().err
    assert main(["eval", "--run_folder", "google/flan-t5-small"]) == 2
    assert (
        "small', which is no folder here, so a name of the Hugging Face Hub, belong to no run: say where"
        in capsys.readouterr().err
    )


def test_the_output_s_ending_tells_its_format():
    for name, said, expected in (("a.jsonl", None, "jsonl"), ("a.txt", None, "lines"), ("-", "jsonl", "jsonl")):
        assert questions.output_format(argparse.Namespace(output_file=name, output_format=said)) == expected


def test_the_formats_are_those_that_can_be_read():
    assert questions._FORMATS == FORMATS

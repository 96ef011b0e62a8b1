"""Two processes, for real: they train, score and answer as one does, and end together."""

import json
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

import t5mix
from t5mix.cli.main import main
from t5mix.mesh.layouts import T5_LAYOUT
from tests.runs.several import ends, finish, start, train, values, write_run

# What all processes must do together besides, with blocks as a loop, whose weights are cut for decoding.
BESIDE = (
    "Training.conflict_every = 2",
    "Evaluation.every = 2",
    "T5Config.num_encoder_layers = 2",
    "T5Config.num_decoder_layers = 2",
    "T5Config.block_loop = 'kept'",
)
SHARDED = f"MeshConfig.layout = '{T5_LAYOUT},weights:batch'"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tasks, settings, and a run `two` of two processes."""
    folder = tmp_path_factory.mktemp("several")
    write_run(folder)
    (first, out, errors), (second, other_out, other_errors) = finish(train(folder, "two"), 2, 1)
    assert (first, second) == (0, 0)
    # One reports.
    assert "several_a" in out and "step 4/4" in errors
    assert "Gloo" not in out
    assert other_out == "" and "step" not in other_errors
    return folder


@pytest.fixture(scope="module")
def one(folder: Path) -> Path:
    """The same run, by this process on two of its devices."""
    with t5mix.overlay():
        assert main(train(folder, "one")) == 0
    return folder / "one"


def assert_equal(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    assert one.keys() == other.keys() and any("_slot_" in name for name in one)
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name], err_msg=name)


def metrics(run: Path, file: str = "metrics.jsonl") -> list[dict]:
    return [json.loads(line) for line in (run / file).read_text().splitlines()]


def assert_like(run: Path, other: Path, file: str = "metrics.jsonl") -> None:
    for line, expected in zip(metrics(run, file), metrics(other, file), strict=True):
        assert line.keys() == expected.keys()
        for name, value in expected.items():
            assert line[name] == pytest.approx(value, rel=1e-5, abs=1e-6), name


def test_two_processes_train_and_score_as_one_does(folder, one):
    two = folder / "two"
    assert_like(two, one)
    answers = [metrics(next((run / "scores").rglob("4.predictions.jsonl")), "") for run in (two, one)]
    assert len(answers[0]) == 7  # each example once, though 7 do not fill batches of 4
    for answer, expected in zip(*answers, strict=True):
        assert answer.pop("score", 0.0) == pytest.approx(expected.pop("score", 0.0), rel=1e-5)
        assert answer == expected
    assert [entry.name for entry in sorted((two / "checkpoints").iterdir())] == ["2", "4"]
    assert len((two / "starts.jsonl").read_text().splitlines()) == 1


@pytest.mark.slow
def test_two_processes_compare_gradients_and_evaluate_beside_training_as_one_does(folder):
    finish(train(folder, "beside-two", *BESIDE), 2, 1)
    with t5mix.overlay():
        assert main(train(folder, "beside-one", *BESIDE)) == 0
    for file in ("metrics.jsonl", "conflict.jsonl"):
        assert_like(folder / "beside-two", folder / "beside-one", file)


@pytest.mark.slow
def test_processes_end_together_and_go_on(folder):
    more = ("Training.steps = 400", "Training.checkpoint_every = 20")  # each step is logged
    for victim in (1, 0):
        run, name = folder / f"killed{victim}", f"killed{victim}"
        processes = start(train(folder, name, *more), 2, 1)
        last = time.monotonic() + 200
        while not list(run.glob("checkpoints/[0-9]*")) and time.monotonic() < last:
            time.sleep(0.05)
        processes[victim].send_signal(signal.SIGKILL)
        begun = time.monotonic()
        status, _, errors = ends(processes)[1 - victim]
        assert status == 3 and time.monotonic() - begun < 60
        assert f"t5mix: process {victim} of 2 (pid {processes[victim].pid} on" in errors
        assert "has died" in errors
    processes = start(train(folder, "asked", *more), 2, 1)
    while not list((folder / "asked").glob("checkpoints/[0-9]*")) and time.monotonic() < last + 200:
        time.sleep(0.05)
    os.kill(processes[1].pid, signal.SIGTERM)  # one is told, and all stop after the same step
    (first, _, errors), (second, *_) = ends(processes)
    assert (first, second) == (143, 143)
    assert "SIGTERM: stopped after step" in errors and "step 400" not in errors
    finish(train(folder, "whole", *more), 2, 1)
    for name in ("killed1", "asked"):
        finish(train(folder, name, *more), 2, 1)
        assert (folder / name / "metrics.jsonl").read_bytes() == (folder / "whole" / "metrics.jsonl").read_bytes()
        assert_equal(values(folder / name, 400), values(folder / "whole", 400))


@pytest.mark.slow
def test_answers_of_two_processes_are_those_of_one(folder):
    questions, answers = folder / "questions.txt", []
    questions.write_text("say 20\nsay 5\nsay 7\n")
    for count in (1, 2):
        path = folder / f"answers{count}.txt"
        files = ["--input_file", str(questions), "--output_file", str(path), "--scores"]
        arguments = ["predict", "--checkpoint", str(folder / "two"), *files, "--include", str(folder / "tasks.py")]
        finish(arguments, count, 2 // count)
        answers.append([json.loads(line)["answers"][0]["text"] for line in path.read_text().splitlines()])
    assert answers[0] == answers[1] and len(answers[0]) == 3


@pytest.mark.slow
def test_what_was_trained_alone_is_put_onto_weights_that_lie_on_several_processes(folder):
    gin = ["--gin_file", str(folder / "two" / "operative_config.gin"), "--gin_file", "runs/finetune.gin"]
    where = ["--checkpoint", str(folder / "two"), "--run_folder", str(folder / "lora"), "--include"]
    small = ["--gin_file", "fine_tuning/lora.gin", "--mixture_or_task", "several_a", "--steps", "2"]
    with t5mix.overlay():
        assert main(["finetune", *gin, *small, *where, str(folder / "tasks.py")]) == 0
    path = str(folder / "alone")
    trained = ["--checkpoint", str(folder / "lora" / "finetune" / "several_a"), "--include", str(folder / "tasks.py")]
    with t5mix.overlay():
        assert main(["export", *trained, "--format", "trained", "--output", path]) == 0
    (folder / "asked.txt").write_text("say 20\nsay 5\nsay 7\n")
    answers = []
    for count in (1, 2):
        output = folder / f"trained{count}.txt"
        files = ["--input_file", str(folder / "asked.txt"), "--output_file", str(output), "--trained", path]
        more = ["--gin_param", SHARDED, "--include", str(folder / "tasks.py")]
        finish(["predict", "--checkpoint", str(folder / "two"), *files, *more], count, 2 // count)
        answers.append(output.read_text())
    assert answers[0] == answers[1] and len(answers[0].splitlines()) == 3


@pytest.mark.slow
def test_a_run_goes_on_in_another_number_of_processes_on_another_mesh(folder):
    """A checkpoint of two processes is that of one; sharded weights are the same weights."""
    finish(train(folder, "moved", "Training.steps = 2"), 2, 1)
    before = values(folder / "moved", 2)
    assert_equal(before, values(folder / "two", 2))
    finish(train(folder, "moved", SHARDED), 1, 2)
    losses = [line["loss"] for line in metrics(folder / "moved")]
    assert losses == pytest.approx([line["loss"] for line in metrics(folder / "two")], rel=1e-5)


@pytest.mark.slow
def test_a_mesh_without_a_device_for_each_process_is_refused(folder):
    found = ends(start(train(folder, "small", "MeshConfig.shape = 'batch:1'"), 2, 1))
    assert all(status in (2, 3) for status, *_ in found)  # 3 where the other was quicker
    told = [errors for *_, errors in found if "t5mix: error:" in errors]
    assert told and all("the mesh 'batch:1' has 1 devices and there are 2 processes" in errors for errors in told)

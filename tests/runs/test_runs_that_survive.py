"""Runs in folders of any name, and what a command does when its folder is damaged, read-only or gone."""

import json
import os
import shutil
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from t5mix.cli.main import main
from t5mix.runs.components import Components
from t5mix.runs.config import binding
from t5mix.runs.preflight import checks
from t5mix.runs.records.record import record_start
from t5mix.runs.records.run_folder import RunFolder
from t5mix.training.checkpoints import Checkpoints
from tests.runs.conftest import pretend_checkpoint

pytestmark = pytest.mark.slow

NO_FINETUNING = ["--gin_param", "Run.finetune = None"]


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def largest_file(folder: Path) -> Path:
    return max((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)


@pytest.mark.parametrize("name", ["r [x]*?~%#\n'\"é", "n" * 255])
def test_a_run_in_a_folder_of_any_name(toy, gin_file, tmp_path, capsys, name):
    folder = RunFolder(tmp_path / name)
    command = ["train", "--gin_file", str(gin_file), "--run_folder", str(folder.path)]
    assert main([*command, "--gin_param", "Finetuning.tasks = ['toy_a']"]) == 0
    before = folder.report.read_bytes()
    assert main([*command, "--gin_param", "Finetuning.tasks = ['toy_a']"]) == 0
    assert folder.report.read_bytes() == before
    assert main(["eval", "--run_folder", str(folder.path), "--checkpoints", "4", "--limit", "3"]) == 0
    (tmp_path / "in.txt").write_text("say 3\n")
    predict = [
        "predict",
        "--checkpoint",
        str(folder.finetuning("toy_a").path),
        "--input_file",
        str(tmp_path / "in.txt"),
    ]
    assert main([*predict, "--output_file", str(tmp_path / "out.txt")]) == 0
    assert (tmp_path / "out.txt").read_text().count("\n") == 1


def test_a_damaged_newest_checkpoint(toy, gin_file, tmp_path, capsys):
    folder, command = RunFolder(tmp_path / "run"), ["train", "--gin_file", str(gin_file), *NO_FINETUNING]
    assert main(command) == 0
    newest = folder.pretraining.checkpoints / "6"
    components_weights = largest_file(newest)
    whole = {path: path.read_bytes() for path in newest.rglob("*") if path.is_file()}
    metrics = (folder.path / "metrics.jsonl").read_bytes()
    flip(components_weights)
    capsys.readouterr()

    evaluate = ["eval", "--run_folder", str(folder.path), "--limit", "3"]
    assert main(evaluate) == 0  # the last whole one is taken, and said in one line
    captured = capsys.readouterr()
    warnings = [line for line in captured.err.splitlines() if "damaged" in line]
    assert len(warnings) == 1 and warnings[0].endswith("taking step 4, the last whole one")
    assert "step 4" in captured.out and "step 6" not in captured.out

    assert main([*evaluate, "--checkpoints", "6"]) == 2  # the one that is named
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].startswith("t5mix: error: the checkpoint") and "does not match its checksum" in lines[-1]
    assert len(lines) == 2

    shutil.rmtree(folder.pretraining.path / "scores" / "test" / "toy_a")
    assert main(command) == 0  # training does the lost steps again, with the same result
    assert folder.pretraining.steps() == [2, 4, 6]
    engine = Components(_recorded(folder), _provider()).engine()
    state = Checkpoints(folder.pretraining.checkpoints).restore(6, engine)[1]
    assert (folder.path / "metrics.jsonl").read_bytes() == metrics
    shutil.rmtree(newest)
    for path, content in whole.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    before = Checkpoints(folder.pretraining.checkpoints).restore(6, engine)[1]
    for name, value in before.items():
        np.testing.assert_array_equal(np.asarray(state[name]), np.asarray(value), err_msg=name)


def test_checkpoints_of_an_older_t5mix_are_refused_and_nothing_is_changed(toy, gin_file, tmp_path, capsys):
    folder = RunFolder(tmp_path / "run")
    bound = binding.bind([str(gin_file)], [])
    record_start(bound, checks.check_training(bound.run), ["t5mix"])
    for step in (2, 4):
        pretend_checkpoint(folder.pretraining, step)
        (folder.pretraining.checkpoints / str(step) / "manifest.json").unlink()  # it wrote none
    for name in ("metrics.jsonl", "report.json"):
        (folder.path / name).write_text('{"step": 4}\n')
    before = contents(folder)
    for _ in range(2):
        assert main(["train", "--gin_file", str(gin_file)]) == 2
        line = capsys.readouterr().err.splitlines()[-1]
        assert line.startswith("t5mix: error: no checkpoint in") and "or by an older t5mix" in line
        assert contents(folder) == before


def contents(folder):
    """Returns what the files of a run folder hold, but for the lock."""
    files = {path: path.read_bytes() for path in folder.path.rglob("*") if path.is_file() and path != folder.lock}
    return {str(path.relative_to(folder.path)): content for path, content in files.items()}


def _recorded(folder):
    from t5mix.runs.preflight.folders import recorded_run

    return recorded_run(folder)


def _provider():
    from t5mix.declarations.registry import get_mixture_or_task

    return get_mixture_or_task("toy")


def test_scores_that_cannot_be_written_are_not_computed(toy, gin_file, tmp_path, capsys, monkeypatch):
    folder = RunFolder(tmp_path / "run")
    assert main(["train", "--gin_file", str(gin_file), *NO_FINETUNING]) == 0
    evaluate = ["eval", "--run_folder", str(folder.path)]
    monkeypatch.setattr(Components, "restore", lambda *unused: pytest.fail("a checkpoint was read"))
    assert main(evaluate) == 0  # what is there is read
    shutil.rmtree(folder.path / "scores")
    (folder.path / "scores").write_text("a file: nobody can write into it, not even root")
    capsys.readouterr()
    assert main(evaluate) == 2
    assert "t5mix: error: the folder of scores" in capsys.readouterr().err.splitlines()[-1]


def test_a_folder_that_is_deleted_meanwhile_ends_the_run_with_an_error(toy, gin_file, tmp_path, capsys):
    folder = RunFolder(tmp_path / "run")

    def delete() -> None:
        while not folder.pretraining.steps():
            time.sleep(0.01)
        shutil.rmtree(folder.path, ignore_errors=True)
        shutil.rmtree(folder.path, ignore_errors=True)

    thread = threading.Thread(target=delete)
    thread.start()
    steps = ["--steps", "2000", "--gin_param", "Training.checkpoint_every = 20"]
    assert main(["train", "--gin_file", str(gin_file), *NO_FINETUNING, *steps]) == 2
    thread.join()
    assert "t5mix: error:" in capsys.readouterr().err.splitlines()[-1]
    assert not folder.report.exists() and not folder.operative_config.exists()


@pytest.mark.parametrize("content", ["[]", "{", '{"metrics": 1}', '{"metrics": {"a": "x"}}', "\udcff"])
def test_a_damaged_score_is_named_in_one_line(toy, gin_file, tmp_path, capsys, content):
    folder = RunFolder(tmp_path / "run")
    path = folder.pretraining.scores("test", "toy_a", 6)
    path.parent.mkdir(parents=True)
    path.write_text(content, errors="surrogateescape")
    assert main(["train", "--gin_file", str(gin_file), *NO_FINETUNING]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith(f"t5mix: error: {path} is not a score that t5mix wrote")


def test_what_a_stranger_s_folder_names_reaches_no_terminal(toy, gin_file, tmp_path, capsys):
    folder = RunFolder(tmp_path / "run")
    assert main(["train", "--gin_file", str(gin_file), *NO_FINETUNING]) == 0
    path = folder.pretraining.scores("test", "toy_a", 6)
    score = json.loads(path.read_text())
    score["metrics"] = {"\x1b]0;owned\x07\x9b31m": 1.0}
    score["baseline"]["kind"] = "\x1b[2J"
    path.write_text(json.dumps(score))
    capsys.readouterr()
    assert main(["eval", "--run_folder", str(folder.path)]) == 0
    captured = capsys.readouterr()
    assert not set("\x1b\x07\x9b") & set(captured.out + captured.err)
    assert os.path.exists(path)

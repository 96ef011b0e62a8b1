import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from t5mix.runs.config import binding
from t5mix.runs.preflight import checks
from t5mix.runs.records.record import alone_in, record_start, versions
from t5mix.runs.records.run_folder import RunFolder


@pytest.fixture
def started(toy, gin_file):
    bound = binding.bind([str(gin_file)])
    checked = checks.check_training(bound.run)
    command = ["t5mix", "train", "--gin_param", "Run.mixture = 'toy'"]
    record_start(bound, checked, command)
    record_start(bound, checked, [*command, "again"])
    return bound, checked.folder, command


def test_every_start_adds_one_line_that_can_be_typed_again(started):
    _, folder, command = started
    first, second = folder.command.read_text().splitlines()
    assert shlex.split(first, comments=True) == command
    assert shlex.split(second, comments=True) == [*command, "again"]


def test_a_line_that_a_kill_cut_short_and_bytes_that_are_no_text_spoil_no_other_line(started):
    bound, folder, command = started
    for path in (folder.command, folder.starts):
        path.write_bytes(path.read_bytes()[:-9])
    record_start(bound, checks.check_training(bound.run), [*command, "a\udcff"])
    assert folder.command.read_text().splitlines()[-1].startswith("t5mix train")
    starts = folder.starts.read_text().splitlines()
    assert json.loads(starts[0])["command"] == command and json.loads(starts[-1])["command"] == [*command, "a\udcff"]


def test_starts_tell_what_each_was_computed_by(started):
    _, folder, _ = started
    starts = [json.loads(line) for line in folder.starts.read_text().splitlines()]
    assert [start["step"] for start in starts] == [0, 0]
    assert starts[0]["machine"] == versions()["machine"] and starts[0]["machine"]["cores"] == os.cpu_count()
    assert sum(starts[0]["machine"]["devices"].values()) >= 1
    recorded = json.loads(folder.lineage.read_text())
    assert (recorded["seed"], recorded["decoding_seed"]) == (0, 0)


def test_the_recorded_settings_build_the_same_run(started):
    bound, folder, _ = started
    assert binding.bind([str(folder.operative_config)]).run == bound.run
    assert "# Macros:" in folder.config.read_text()


def test_versions_name_packages_python_and_the_commit(started):
    _, folder, _ = started
    recorded = json.loads(folder.versions.read_text())
    assert recorded == versions()
    assert {"tensorflow", "jax", "gin-config"} <= set(recorded["packages"])
    assert recorded["python"] == sys.version
    if (Path(checks.__file__).resolve().parents[3] / ".git").exists():
        assert len(recorded["git"]["commit"]) == 40


def test_the_commit_of_the_project_that_a_command_is_started_in_is_recorded(tmp_path, monkeypatch):
    def git(*arguments):
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        return subprocess.run(
            ["git", *who, *arguments], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout

    monkeypatch.chdir(tmp_path)
    assert versions()["project"] is None
    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "empty")
    commit = git("rev-parse", "HEAD").strip()
    (tmp_path / "inner").mkdir()
    monkeypatch.chdir(tmp_path / "inner")
    assert versions()["project"] == {"commit": commit, "dirty": False}
    (tmp_path / "tasks.py").touch()
    assert versions()["project"] == {"commit": commit, "dirty": True}
    # No watcher that the folder names is run, and its index is left to whoever works there.
    (tmp_path / "hook").write_text(f"#!/bin/sh\ntouch '{tmp_path}/ran'\n")
    (tmp_path / "hook").chmod(0o755)
    git("config", "core.fsmonitor", str(tmp_path / "hook"))
    assert versions()["project"] == {"commit": commit, "dirty": True}
    assert not (tmp_path / "ran").exists()


def test_a_project_in_a_folder_whose_name_is_no_utf_8_has_a_commit(tmp_path, monkeypatch):
    folder = os.fsencode(tmp_path) + b"/\xff"
    os.mkdir(folder)
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    monkeypatch.chdir(folder)
    assert versions()["project"] is None  # it has no commit yet
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", *who, "commit", "-q", "--allow-empty", "-m", "empty"], cwd=folder, check=True)
    assert versions()["project"]["dirty"] is False


def test_the_lineage_is_the_same_whenever_it_is_written(started, gin_file):
    bound, folder, command = started
    before = folder.lineage.read_bytes()
    record_start(bound, checks.check_training(bound.run), command)
    assert folder.lineage.read_bytes() == before


def test_a_second_process_is_kept_out(tmp_path):
    program = (
        "import sys; from pathlib import Path; from t5mix.runs.records.record import alone_in;"
        "from t5mix.runs.records.run_folder import RunFolder\n"
        "with alone_in(RunFolder(Path(sys.argv[1]))): print('in')"
    )
    root = Path(__file__).resolve().parents[3]

    def enter():
        return subprocess.run(
            [sys.executable, "-c", program, str(tmp_path)], cwd=root, capture_output=True, text=True, timeout=300
        )

    with alone_in(RunFolder(tmp_path)):
        assert "another process is at work in" in enter().stderr
    assert enter().stdout == "in\n"


def test_the_lock_follows_no_link_and_changes_no_file(tmp_path):
    (tmp_path / "precious").write_text("precious")
    run = RunFolder(tmp_path / "run")
    run.path.mkdir()
    run.lock.symlink_to(tmp_path / "precious")
    with pytest.raises(ValueError, match=r"\.lock' is a link that leads out of the run folder"), alone_in(run):
        pytest.fail("the folder was entered")
    run.lock.unlink()
    (run.path / "own").write_text("precious")
    run.lock.symlink_to(run.path / "own")
    with pytest.raises(OSError, match=r"symbolic links"), alone_in(run):
        pytest.fail("the folder was entered")
    run.lock.unlink()
    run.lock.write_text("somebody's")
    with alone_in(run):
        pass
    assert run.lock.read_text() == "somebody's" and (tmp_path / "precious").read_text() == "precious"


@pytest.mark.parametrize("name", ["[x]", "*?~%# ", "new\nline"])
def test_a_folder_of_any_name_is_locked(tmp_path, name):
    with alone_in(RunFolder(tmp_path / name)), pytest.raises(ValueError, match="another process is at work in"):
        with alone_in(RunFolder(tmp_path / name)):
            pytest.fail("two are in")


@pytest.mark.parametrize("again", [False, True])
def test_a_folder_that_is_deleted_meanwhile_is_an_error(tmp_path, again):
    run = RunFolder(tmp_path / "run")
    with pytest.raises(FileNotFoundError, match="was deleted or replaced while the run was at work in it"):
        with alone_in(run):
            shutil.rmtree(run.path)
            if again:
                run.path.mkdir()
                os.close(os.open(run.lock, os.O_CREAT))

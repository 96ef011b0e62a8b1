"""Checkpoints in folders of any name, damaged ones, full disks and folders that are gone."""

import contextlib
import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from t5mix.training import checkpoints
from t5mix.training.checkpoint_files import DamagedCheckpointError
from t5mix.training.checkpoints import Checkpoints
from tests.training import toy

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def engine():
    return toy.engine()


@pytest.fixture(scope="module")
def state(engine):
    return engine.initialize(0)


def equal(state, other) -> bool:
    return all(np.array_equal(np.asarray(value), np.asarray(other[name])) for name, value in state.items())


@pytest.mark.parametrize("name", ["plain", "[x]", "*?~%# []{}", "new\nline", "é中 'a' \"b\"", "n" * 255, "$HOME\\"])
@pytest.mark.parametrize("relative", [False, True])
def test_a_folder_of_any_name_is_written_and_read(engine, state, tmp_path, monkeypatch, name, relative):
    (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    folder = Path(name) / "checkpoints" if relative else tmp_path / name / "checkpoints"
    Checkpoints(folder).save(3, state, {"é": [1, None]})
    step, restored, extra = Checkpoints(folder).restore(None, engine)
    assert step == 3 and extra == {"é": [1, None]} and equal(state, restored)
    assert Checkpoints(folder).extra(3) == extra


def test_a_long_path_is_written_and_read(engine, state, tmp_path):
    folder = tmp_path.joinpath(*["d" * 200] * 18)
    folder.mkdir(parents=True)
    Checkpoints(folder / "checkpoints").save(3, state, {})
    assert equal(state, Checkpoints(folder / "checkpoints").restore(3, engine)[1])


def test_the_newest_few_stay_and_nothing_private_is_left(engine, state, tmp_path):
    checkpoints = Checkpoints(tmp_path, keep=2)
    (tmp_path / ".7.partial").mkdir()  # a killed process has left it
    for step in (1, 2, 3, 3):
        checkpoints.save(step, state, {})
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["2", "3"]


def test_every_kind_of_file_that_is_damaged_is_refused(engine, state, tmp_path):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(3, state, {"a": 1})
    files = [path for path in sorted((tmp_path / "3").rglob("*")) if path.is_file() and path.stat().st_size]
    assert len(files) > 5
    for path in files:
        before = path.read_bytes()
        after = bytearray(before)
        after[len(after) // 2] ^= 4
        path.write_bytes(after)
        with pytest.raises(DamagedCheckpointError, match=r"3' is damaged: "):
            checkpoints.restore(3, engine)
        path.write_bytes(before)
    assert equal(state, checkpoints.restore(3, engine)[1])


def test_damaged_newest_ones_are_set_aside(engine, state, tmp_path, capsys):
    checkpoints = Checkpoints(tmp_path)
    for step in (1, 2, 3):
        checkpoints.save(step, state, {})
    for step in (2, 3):
        shutil.rmtree(tmp_path / str(step) / "state")
    checkpoints.recover()
    assert checkpoints.steps() == [1] and (tmp_path / "3.damaged").is_dir()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and all(line.endswith("and training goes on from step 1") for line in lines)
    checkpoints.recover()
    assert checkpoints.steps() == [1] and capsys.readouterr().err == ""


@pytest.mark.parametrize("gone", ["manifest.json", "state"])  # an older t5mix wrote no manifest
def test_where_none_is_whole_nothing_is_renamed(state, tmp_path, gone):
    checkpoints = Checkpoints(tmp_path)
    for step in (1, 2):
        checkpoints.save(step, state, {})
        path = tmp_path / str(step) / gone
        path.unlink() if path.is_file() else shutil.rmtree(path)
    for refuse in (checkpoints.recover, checkpoints.recover):
        with pytest.raises(DamagedCheckpointError, match=r"no checkpoint in .* is whole: .* train in another folder, "):
            refuse()
    assert checkpoints.steps() == [1, 2] and len(list(tmp_path.iterdir())) == 2
    Checkpoints(tmp_path / "empty").recover()


def test_what_a_killed_process_was_writing_or_deleting_is_gone_where_training_goes_on(state, tmp_path):
    """No save may follow that would delete it: no step is left to do."""
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(3, state, {})
    for left in (".2.old.partial", ".4.ab12.partial"):
        (tmp_path / left / "state").mkdir(parents=True)
    checkpoints.recover()
    assert [entry.name for entry in tmp_path.iterdir()] == ["3"]


def test_a_folder_that_is_gone_is_not_made_again(state, tmp_path):
    checkpoints = Checkpoints(tmp_path / "run" / "checkpoints")
    with pytest.raises(OSError, match=r"checkpoint of step 3 cannot be written into .*checkpoints' \(No such file"):
        checkpoints.save(3, state, {})
    assert not (tmp_path / "run").exists()


_FULL = """
import resource, signal, sys
from t5mix.internal.lazy import silence
silence()
from t5mix.training.checkpoints import Checkpoints
from tests.training import toy

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a write past the limit then fails, as one to a full disk does
engine = toy.engine()
state = engine.initialize(0)
checkpoints = Checkpoints(sys.argv[1])
checkpoints.save(1, state, {})
for limit in (20_000, 5_000, 1_000, 10):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        checkpoints.save(2, state, {})
    except OSError as error:
        print(error)
"""


def test_a_file_that_cannot_be_written_leaves_the_checkpoint_before(engine, state, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", _FULL, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 4 and "ERROR:" not in done.stderr, done.stdout + done.stderr  # of absl or asyncio
    assert all(line.startswith("the checkpoint of step 2 cannot be written into") for line in lines)
    assert os.strerror(errno.EFBIG) in lines[-1]
    assert [entry.name for entry in tmp_path.iterdir()] == ["1"]
    assert equal(state, Checkpoints(tmp_path).restore(None, engine)[1])


def test_after_an_error_the_plain_path_of_a_folder_leads_to_no_other(tmp_path):
    """Threads of Orbax write on for a moment after an error."""
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    with contextlib.suppress(ValueError), checkpoints._plain_path(tmp_path / "first") as first:
        raise ValueError
    with checkpoints._plain_path(tmp_path / "second") as second:
        (first / "late").touch()
        assert not list(second.iterdir())
    assert (tmp_path / "first" / "late").exists()


def test_what_cannot_be_deleted_is_in_no_save_s_way(state, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "_PAUSE", 0.0)
    (tmp_path / ".3.partial").write_text("rmtree refuses a file, as it refuses a folder that is written into")
    (tmp_path / ".4.partial").mkdir()
    Checkpoints(tmp_path).save(3, state, {})
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [".3.partial", "3"]


def test_spared_ones_stay_however_old_they_are(state, tmp_path):
    checkpoints = Checkpoints(tmp_path / "c", keep=1, spared=lambda: {2})
    for step in (1, 2, 3, 4):
        checkpoints.save(step, state, {"n": step})
    assert checkpoints.steps() == [2, 4]

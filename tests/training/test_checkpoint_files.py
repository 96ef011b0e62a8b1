"""Every byte of a checkpoint is known by its checksums, whatever its folder is called."""

import functools
import os
import random
from pathlib import Path

import pytest

from t5mix.internal.terminal import Progress
from t5mix.training import checkpoint_files
from t5mix.training.checkpoint_files import DamagedCheckpointError, newest_whole, seal, verify


def make(folder: Path, step: int) -> Path:
    """Writes a checkpoint of a few files, one of them longer than a piece."""
    path = folder / str(step)
    (path / "deep" / "er").mkdir(parents=True)
    (path / "deep" / "er" / "a").write_bytes(random.Random(step).randbytes(3000))
    (path / "empty").touch()
    (path / "long").write_bytes(random.Random(step).randbytes(70_000))
    seal(path, {"step": step, "extra": {"stream": [1, "é"]}})
    return path


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint_files, "_PIECE", 1 << 14)


def test_what_was_written_is_whole(tmp_path: Path) -> None:
    path = make(tmp_path, 5)
    content = verify(path)
    assert content["extra"] == {"stream": [1, "é"]} and sorted(content["files"]) == ["deep/er/a", "empty", "long"]
    assert len(content["files"]["long"]["sha256"]) == 5
    assert newest_whole(tmp_path) == 5 and newest_whole(tmp_path / "none") is None


def test_reading_says_how_far_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Large checkpoints take long to be read, whoever asks: eval, predict, export and finetune."""
    path = tmp_path / "5"
    path.mkdir()
    monkeypatch.setattr(checkpoint_files, "_PIECE", 1 << 20)
    (path / "long").write_bytes(random.Random(5).randbytes(5 << 19))
    seal(path, {"step": 5})
    monkeypatch.setattr(checkpoint_files, "Progress", functools.partial(Progress, every=0))
    verify(path)
    lines = capsys.readouterr().err.splitlines()
    said = f"reading the checkpoint {str(path)!r}, MiB: "
    assert [line.partition(" of ")[0] for line in lines] == [f"{said}{each}" for each in (1, 2, 2)]
    assert all(" of 2, " in line and line.endswith("left") for line in lines)


def test_every_flipped_bit_is_found(tmp_path: Path) -> None:
    path = make(tmp_path, 5)
    rng = random.Random(1)
    files = [each for each in sorted(path.rglob("*")) if each.is_file() and each.stat().st_size]
    assert len(files) == 3
    for number in range(300):
        file = files[number % 3]
        before = file.read_bytes()
        after = bytearray(before)
        after[rng.randrange(len(after))] ^= 1 << rng.randrange(8)
        file.write_bytes(after)
        with pytest.raises(DamagedCheckpointError, match=r"5' is damaged: "):
            verify(path)
        file.write_bytes(before)
    verify(path)


@pytest.mark.parametrize("name", ["deep/er/a", "long", "empty", "manifest.json"])
def test_a_file_that_is_cut_missing_or_a_link_is_found(tmp_path: Path, name: str) -> None:
    path = make(tmp_path / "there", 5)
    file = path / name
    before = file.read_bytes()
    file.unlink()
    with pytest.raises(DamagedCheckpointError, match=r"is missing|has no manifest"):
        verify(path)
    (tmp_path / "copy").write_bytes(before)
    file.symlink_to(tmp_path / "copy")
    with pytest.raises(DamagedCheckpointError, match=r"is missing|has no manifest"):
        verify(path)
    file.unlink()
    for content in (before[:-1], before + b"x"):
        if content == before:
            continue
        file.write_bytes(content)
        with pytest.raises(DamagedCheckpointError, match="does not match its checksum"):
            verify(path)


def test_a_checkpoint_under_the_name_of_another_step_is_refused(tmp_path: Path) -> None:
    make(tmp_path, 5).rename(tmp_path / "7")
    with pytest.raises(DamagedCheckpointError, match=r"7' is damaged: its manifest\.json is that of step 5"):
        verify(tmp_path / "7")


def test_names_of_steps_are_plain_numbers(tmp_path: Path) -> None:
    for name in ("7", "0", "12", "007", "٣", ".8.partial", "9.damaged", "x", "²"):
        (tmp_path / name).mkdir()
    (tmp_path / "13").touch()
    assert checkpoint_files.steps_in(tmp_path) == [0, 7, 12]


def test_damaged_ones_are_said_in_one_line_and_the_last_whole_one_is_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for step in (2, 4, 6):
        make(tmp_path, step)
    os.truncate(tmp_path / "6" / "long", 100)
    (tmp_path / "4" / "manifest.json").write_text("{}")
    assert newest_whole(tmp_path) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "6' is damaged: long does not" in line and "4' is damaged: its manifest.json does not match" in line
    assert line.endswith("taking step 2, the last whole one")


@pytest.mark.parametrize("name", ["[x]", "*?", "~%# $HOME", "new\nline", "é中", "n" * 255, "-", "..."])
def test_the_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    make(tmp_path / name, 5)
    assert newest_whole(tmp_path / name) == 5

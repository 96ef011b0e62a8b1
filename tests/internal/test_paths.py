"""Where things are found."""

import os
from pathlib import Path

import pytest

from t5mix.internal import paths


def test_shipped_folders() -> None:
    root = Path(paths.__file__).parents[2]
    for kind in ("tasks", "mixtures", "gin"):
        if (root / kind).is_dir():
            assert paths.shipped(kind) in (root / kind, root / "t5mix" / "shipped" / kind)
    with pytest.raises(ValueError, match="tasks, mixtures, gin"):
        paths.shipped("task")


def test_the_wheels_folders_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "PACKAGE", tmp_path / "t5mix")
    with pytest.raises(FileNotFoundError, match=str(tmp_path / "tasks")):
        paths.shipped("tasks")
    (tmp_path / "tasks").mkdir()
    assert paths.shipped("tasks") == tmp_path / "tasks"
    wheel = tmp_path / "t5mix" / "shipped" / "tasks"
    wheel.mkdir(parents=True)
    assert paths.shipped("tasks") == wheel


def test_the_cache_folder_can_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("T5MIX_CACHE", "/somewhere")
    assert paths.cache_folder() == Path("/somewhere")
    monkeypatch.setenv("T5MIX_CACHE", "gs://bucket/caches")
    assert paths.cache_address() == "gs://bucket/caches"
    monkeypatch.delenv("T5MIX_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert paths.cache_folder() == Path("/caches/t5mix")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert paths.cache_folder() == Path.home() / ".cache" / "t5mix"


@pytest.mark.parametrize("name", ["glue_sst2_v002", "a:b.c#d-e", "validation", "x" * 100, "0"])
def test_a_plain_name_stays(name: str) -> None:
    assert paths.file_name(name) == name


ODD = ["", ".", "..", "../../etc", "/etc", "a/b", "a\\b", ".lock", "-rf", "a b", "train[:50%]", "é", "e\u0301", "-"]
ODD += ["中" * 300, "x" * 101, "x" * 300, "\x1b[2J", "\0", "\ud800", "a\n", "con|", "~"]


def test_other_names_become_plain_ones_of_their_own(tmp_path: Path) -> None:
    made = [paths.file_name(name) for name in ODD]
    assert len(set(made)) == len(ODD)
    for name, file in zip(ODD, made, strict=True):
        assert file.isascii() and "/" not in file and not file.startswith(".") and len(file) < 100, name
        (tmp_path / file).write_text("x")
        assert paths.file_name(file) == file, "what was made of a name is a plain name"
    assert len(os.listdir(tmp_path)) == len(ODD)

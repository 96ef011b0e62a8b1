"""Where things are found."""

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
    monkeypatch.delenv("T5MIX_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert paths.cache_folder() == Path("/caches/t5mix")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert paths.cache_folder() == Path.home() / ".cache" / "t5mix"

"""Numbers of rows that are kept from one start to the next."""

from pathlib import Path

import pytest

from t5mix.sources.corpora import counts


class Counting:
    """Counts 7 rows, and how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self) -> int:
        self.asked += 1
        return 7


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("T5MIX_CACHE", str(tmp_path / "caches"))
    return tmp_path / "caches"


def test_rows_are_counted_once_for_what_decides_them(folder: Path) -> None:
    count = Counting()
    for identity, packages, asked in (
        ("a", ["numpy"], 1),
        ("a", ["numpy"], 1),
        ("b", ["numpy"], 2),
        ("a", ["python"], 3),
        ("a", ["numpy"], 3),
    ):
        assert counts.kept(identity, packages, count) == 7
        assert count.asked == asked
    assert len(list((folder / "counts").iterdir())) == 3


@pytest.mark.parametrize("content", [b"", b"7", b'{"rows": 8}', b"\xff", b"[]"])
def test_what_is_damaged_is_counted_anew(folder: Path, content: bytes) -> None:
    count = Counting()
    counts.kept("a", [], count)
    (file,) = (folder / "counts").iterdir()
    file.write_bytes(content)
    assert counts.kept("a", [], count) == 7 and count.asked == 2
    assert counts.kept("a", [], count) == 7 and count.asked == 2


def test_where_nothing_can_be_kept_rows_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    for place in (f"{tmp_path}/file", "gs://bucket/caches"):
        monkeypatch.setenv("T5MIX_CACHE", place)
        count = Counting()
        assert [counts.kept("a", [], count) for _ in range(2)] == [7, 7] and count.asked == 2

"""An atomic write leaves the old file or the new one, and nothing beside it."""

from pathlib import Path

import pytest

from t5mix.files import write_atomically


def test_writes_text_as_it_is_and_makes_folders(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b.txt"
    write_atomically(path, "é\nx")
    write_atomically(path, "é\ny")
    assert path.read_bytes() == "é\ny".encode()
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_the_old_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "b.txt"
    write_atomically(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "new" * 10_000 + "\ud800")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]

"""An atomic write leaves the old file or the new one, and nothing beside it."""

import json
import math
from pathlib import Path

import pytest

from t5mix.internal.files import write_atomically, write_json


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


def test_json_has_null_for_what_is_no_finite_number(tmp_path: Path) -> None:
    content = {"a": [math.nan, 1, {"b": -math.inf}], "c": (0.5, True, None), "é": "x"}
    write_json(tmp_path / "a.json", content)
    text = (tmp_path / "a.json").read_text("utf-8")
    assert json.loads(text) == {"a": [None, 1, {"b": None}], "c": [0.5, True, None], "é": "x"}
    assert "é" in text and text.endswith("}\n")

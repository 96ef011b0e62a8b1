"""An atomic write leaves the old file or the new one, and nothing beside it."""

import json
import math
import os
import random
import re
from pathlib import Path

import pytest

from t5mix.internal.files import (
    checksummed,
    read_checksummed,
    read_json,
    read_text,
    write_atomically,
    write_json,
    write_whole,
)


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


@pytest.mark.parametrize("name", ["n" * 255, "[x]*?", "new\nline", "-", "~"])
def test_a_file_may_have_any_name(tmp_path: Path, name: str) -> None:
    write_whole(tmp_path / name, b"old")
    write_whole(tmp_path / name, b"new", durable=False)
    assert (tmp_path / name).read_bytes() == b"new" and len(list(tmp_path.iterdir())) == 1


def test_a_link_is_replaced_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "a.json").symlink_to(tmp_path / "precious")
    write_json(tmp_path / "a.json", {})
    assert (tmp_path / "precious").read_text() == "precious" and not (tmp_path / "a.json").is_symlink()


def test_the_file_and_its_folder_are_forced_to_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this order: the content, the new name, the folder that holds it; a power cut leaves one file or the other."""
    done: list[str] = []
    forced, renamed = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda file: (done.append(os.readlink(f"/proc/self/fd/{file}")), forced(file))[1])
    monkeypatch.setattr(os, "replace", lambda old, new: (done.append(f"to {new}"), renamed(old, new))[1])
    write_atomically(tmp_path / "a", "x")
    assert [re.sub(r"[0-9a-f]{16}", "HEX", each) for each in done] == [
        f"{tmp_path}/.HEX.partial",
        f"to {tmp_path}/a",
        str(tmp_path),
    ]


@pytest.mark.parametrize("content", [b"[]", b"1", b"{", b"", b"\xff", b"[" * 100_000, b'{"a": 1} x'])
def test_what_is_no_json_object_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(ValueError, match=rf"^{tmp_path}/a\.json: this is "):
        read_json(tmp_path / "a.json")


def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="pipe: this is no file"):
        read_text(tmp_path / "pipe")


def test_a_flipped_bit_of_checksummed_json_is_found() -> None:
    data = checksummed({"a": [1, 2.5, "é"], "b": None})
    assert read_checksummed(data) == {"a": [1, 2.5, "é"], "b": None}
    rng = random.Random(0)
    for place in range(len(data)):
        flipped = bytearray(data)
        flipped[place] ^= 1 << rng.randrange(8)
        with pytest.raises(ValueError, match="does not match its checksum"):
            read_checksummed(bytes(flipped))
    for cut in (b"", data[:-1], data + b" ", b"{}"):
        with pytest.raises(ValueError, match="does not match its checksum"):
            read_checksummed(cut)

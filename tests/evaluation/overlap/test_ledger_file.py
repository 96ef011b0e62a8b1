"""A ledger on disk."""

import json
from pathlib import Path

import pytest

from t5mix.evaluation.overlap.ledger import Entry, Ledger, Match
from t5mix.evaluation.overlap.ledger_file import read_found, write_ledger

ENTRY = Entry("a", "test", 2, "größer\nals\u2028“x”", "exact", float("nan"), True, 1, [Match("exact", "b", 7, "x")])
LEDGER = Ledger(13, 50, {("a", "test"): 3, ("b", "dev"): 5}, {"b": 9}, [ENTRY])


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "größe.jsonl"
    write_ledger(LEDGER, str(path))
    found = read_found(str(path))
    assert found.examples == {("a", "test"): 3, ("b", "dev"): 5}
    assert found.texts == {("a", "test"): {2: ENTRY.text}, ("b", "dev"): {}}
    head, line = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    assert json.loads(head)["trained_on"] == {"b": 9} and json.loads(line)["share"] is None


@pytest.mark.parametrize(
    ("line", "changed"),
    [
        (1, {"index": 3}),
        (1, {"index": -1}),
        (1, {"index": "2"}),
        (1, {"task": "c"}),
        (1, {"task": ["a"]}),
        (1, {"kind": "rumour"}),
        (1, {"text": None}),
        (0, {"splits": None}),
        (0, {"splits": [{"task": "a", "split": "test", "examples": True}]}),
    ],
)
def test_other_files_are_refused(tmp_path: Path, line: int, changed: dict) -> None:
    path = tmp_path / "ledger.jsonl"
    write_ledger(LEDGER, str(path))
    lines = [json.loads(each) for each in path.read_text(encoding="utf-8").removesuffix("\n").split("\n")]
    lines[line].update(changed)
    path.write_text("".join(json.dumps(each) + "\n" for each in lines))
    with pytest.raises(ValueError, match="is not a ledger that this t5mix wrote"):
        read_found(str(path))


@pytest.mark.parametrize("text", ["", "[]\n", "{}\n", "no JSON\n", "[" * 100_000, "\x00", '{"splits": []}\n\n'])
def test_what_is_no_ledger_at_all_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_text(text)
    with pytest.raises(ValueError, match="is not a ledger"):
        read_found(str(path))
    with pytest.raises(FileNotFoundError, match="t5mix overlap --output writes one"):
        read_found(str(tmp_path / "other.jsonl"))

"""Reports survive a round trip and read well."""

import io
import json
import math
import re
from pathlib import Path

import pytest

from t5mix.evaluation.report import ReportRow, beats, print_report, read_report, write_report

ROWS = [
    ReportRow("inflect", "accuracy", 12.0, 55.25, 71.0, "majority", 1.5, 812),
    ReportRow("valence", "pearson", 0.0, math.nan, None, "mean", math.nan, 40),
]


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "report.json"
    write_report(path, ROWS)
    content = json.loads(path.read_text())
    assert set(content) == {"rows"}
    assert {"task", "metric", "baseline", "multi_task", "fine_tuned"} <= set(content["rows"][0])
    assert content["rows"][1]["multi_task"] is None
    again = read_report(path)
    assert again[0] == ROWS[0]
    assert again[1].multi_task is None
    assert [p.name for p in path.parent.iterdir()] == ["report.json"]


def test_a_file_that_is_no_report_is_refused(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text('{"rows": [{"name": "x"}]}')
    with pytest.raises(ValueError, match="is not a t5mix report"):
        read_report(tmp_path / "report.json")


def test_the_table_names_every_task_in_a_log_file() -> None:
    out = io.StringIO()
    print_report(ROWS, out)
    text = out.getvalue()
    assert "inflect" in text and "majority 12.0" in text and "71.0" in text and "812" in text
    assert "\x1b" not in text and "[" not in text


def test_on_a_terminal_what_beats_the_baseline_is_bold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    out = io.StringIO()
    out.isatty = lambda: True  # type: ignore[method-assign]
    print_report(ROWS, out)
    assert re.search(r"\x1b\[1m *71\.0", out.getvalue())
    assert not re.search(r"\x1b\[1m[^\x1b]*12\.0", out.getvalue())


def test_beating_takes_two_standard_errors() -> None:
    row = ROWS[0]
    assert beats(row, 15.1)
    assert not beats(row, 15.0)
    assert not beats(row, None)

"""Reports hold every score and read well."""

import dataclasses
import io
import json
import math
import re
from pathlib import Path

import pytest

from t5mix.evaluation.evaluate_task import Score
from t5mix.evaluation.report import beats_baseline, print_report, write_report
from t5mix.evaluation.scoring.baselines import Baseline


def score(task: str, metric: str, value: float, baseline: Baseline, standard_error: float, examples: int) -> Score:
    return Score(task, "test", 7, None, examples, {metric: value}, baseline, standard_error, truncated_inputs=0)


MAJORITY, MEAN = Baseline("majority", 12.0), Baseline("mean", 0.0)
MULTI_TASK = [
    score("inflect", "accuracy", 55.25, MAJORITY, 1.75, 812),
    score("valence", "pearson", math.nan, MEAN, math.nan, 40),
]
FINE_TUNED = [score("inflect", "accuracy", 71.0, MAJORITY, 1.5, 812)]


def test_a_row_holds_both_scores_of_a_task_and_the_rest_of_the_last(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "report.json"
    write_report(path, MULTI_TASK, FINE_TUNED)
    assert json.loads(path.read_text()) == {
        "rows": [
            {
                "task": "inflect",
                "metric": "accuracy",
                "baseline": 12.0,
                "multi_task": 55.25,
                "fine_tuned": 71.0,
                "less_is_better": False,
                "baseline_kind": "majority",
                "standard_error": 1.5,
                "test_examples": 812,
                "split": "test",
                "step": 7,
                "version": "",
                "asks": "",
                "tuned_on": "",
            },
            {
                "task": "valence",
                "metric": "pearson",
                "baseline": 0.0,
                "multi_task": None,
                "fine_tuned": None,
                "less_is_better": False,
                "baseline_kind": "mean",
                "standard_error": None,
                "test_examples": 40,
                "split": "test",
                "step": 7,
                "version": "",
                "asks": "",
                "tuned_on": "",
            },
        ]
    }
    assert [p.name for p in path.parent.iterdir()] == ["report.json"]


def test_a_task_that_was_only_fine_tuned_has_a_row(tmp_path: Path) -> None:
    write_report(tmp_path / "report.json", [], FINE_TUNED)
    (row,) = json.loads((tmp_path / "report.json").read_text())["rows"]
    assert (row["multi_task"], row["fine_tuned"]) == (None, 71.0)


def test_a_task_that_two_models_were_fine_tuned_for_has_a_row_of_each(tmp_path: Path) -> None:
    of_mixture = dataclasses.replace(FINE_TUNED[0], metrics={"accuracy": 65.0}, tuned_on="words")
    write_report(tmp_path / "report.json", MULTI_TASK, [of_mixture, *FINE_TUNED])
    rows = json.loads((tmp_path / "report.json").read_text())["rows"]
    assert [(row["task"], row["tuned_on"], row["multi_task"], row["fine_tuned"]) for row in rows] == [
        ("inflect", "words", 55.25, 65.0),
        ("inflect", "", 55.25, 71.0),
        ("valence", "", None, None),
    ]
    out = io.StringIO()
    print_report(MULTI_TASK, [of_mixture, *FINE_TUNED], out)
    assert "inflect (fine-tuned on words)" in " ".join(out.getvalue().split()) and "71.0" in out.getvalue()


def test_the_table_names_every_task_in_a_log_file() -> None:
    out = io.StringIO()
    print_report(MULTI_TASK, FINE_TUNED, out)
    text = out.getvalue()
    assert "inflect" in text and "majority 12.0" in text and "71.0" in text and "812" in text
    assert "\x1b" not in text and "[" not in text


def test_on_a_terminal_what_beats_the_baseline_is_bold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    out = io.StringIO()
    out.isatty = lambda: True  # type: ignore[method-assign]
    print_report(MULTI_TASK, FINE_TUNED, out)
    assert re.search(r"\x1b\[1m *71\.0", out.getvalue())
    assert not re.search(r"\x1b\[1m[^\x1b]*12\.0", out.getvalue())


def test_beating_takes_two_standard_errors() -> None:
    assert beats_baseline(score("t", "accuracy", 15.1, MAJORITY, 1.5, 812))
    assert not beats_baseline(score("t", "accuracy", 15.0, MAJORITY, 1.5, 812))
    assert not beats_baseline(MULTI_TASK[1])
    assert not beats_baseline(score("t", "accuracy", 99.0, Baseline("none", math.nan), 1.5, 812))


def test_less_of_an_error_beats_the_baseline() -> None:
    better = Score("a", "test", 1, None, 9, {"wer": 3.0}, Baseline("copy", 9.0), 2.0, 0, less_is_better=True)
    assert beats_baseline(better) and not beats_baseline(dataclasses.replace(better, metrics={"wer": 6.0}))
    file = io.StringIO()
    print_report([better], file=file)
    assert "wer, less is better" in file.getvalue()


def test_a_split_without_labels_stands_there_without_a_score() -> None:
    nan = math.nan
    unknown = Score("a", "test", 1, None, 9, {}, Baseline("none", nan), nan, 0, no_score="every target is '<unk>'")
    file = io.StringIO()
    print_report([unknown], file=file)
    assert file.getvalue().split()[-9:] == ["a", "no", "score", "none", "-", "-", "-", "-", "9"]

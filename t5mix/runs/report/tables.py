"""What a report says in tables: scores, shares, and the record of the run."""

import html
import math
from collections.abc import Iterator, Sequence

from t5mix.evaluation.report import beats_baseline
from t5mix.runs.report import content
from t5mix.runs.report.content import Content, Scored, clean


def table(headings: Sequence[str], rows: Sequence[Sequence[tuple[str, str]]]) -> str:
    """Returns a table; a heading that begins with ">" is of numbers, and a cell is its class and its text."""
    numbers = [heading.startswith(">") for heading in headings]
    head = "".join(
        f"<th{' class=number' if number else ''}>{html.escape(heading.lstrip('>'))}</th>"
        for heading, number in zip(headings, numbers, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(
            f'<td class="{" ".join(filter(None, ("number" if number else "", kind)))}">{html.escape(clean(text))}</td>'
            for (kind, text), number in zip(row, numbers, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _plain(*texts: str) -> list[tuple[str, str]]:
    return [("", text) for text in texts]


def score_table(scored: Sequence[Scored]) -> str:
    """Returns the last score of each task, stage by stage; bold is clearly better than the baseline."""
    rows = []
    for each in content.newest_predictions(scored):
        score = each.score
        known = not score.no_score
        better = "better" if known and beats_baseline(score) else ""
        metric = score.metric if known else f"no score: {score.no_score}"
        limited = "" if score.limit is None else f", first {score.limit:,}"
        rows.append(
            [
                *_plain(score.task, each.stage, f"{score.split}{limited}"),
                *_plain(f"{metric}, less is better" if known and score.less_is_better else metric),
                (better, _number(score.value) if known else "-"),
                *_plain(_number(score.standard_error), f"{score.baseline.kind} {_number(score.baseline.score)}"),
                *_plain(f"{each.steps:,}", f"{score.num_examples:,}"),
            ]
        )
    headings = ("task", "stage", "split", "metric", ">score", ">± s.e.", ">baseline", ">steps", ">examples")
    note = '<p class="soft">Bold is better than the baseline by more than two standard errors.</p>'
    return f"{table(headings, rows)}{note}" if rows else ""


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2f}"


def share_table(found: Content) -> str:
    """Returns the shares of all tasks in numbers, folded."""
    rows = [
        _plain(
            share.task,
            "-" if math.isnan(share.intended) else f"{share.intended:.3%}",
            "-" if share.fed is None else f"{share.realized:.3%}",
            "-" if share.fed is None else f"{share.fed:,}",
        )
        for share in found.shares
    ]
    shown = table(("task", ">intended", ">realized", ">examples"), rows)
    return f"<details><summary>All {len(rows):,} tasks in numbers</summary>{shown}</details>"


def record(found: Content) -> str:
    """Returns what the run was started with, and by what it was computed."""
    rows = [_plain(name, text) for name, text in _said(found)]
    return (
        f"{table(('', ''), rows)}"
        f"<details><summary>Commands</summary><pre>{html.escape(found.commands)}</pre></details>"
        f"<details><summary>All settings</summary><pre>{html.escape(found.settings)}</pre></details>"
    )


def _said(found: Content) -> Iterator[tuple[str, str]]:
    yield "mixture", f"{found.lineage.get('mixture')}, declared at {found.lineage.get('declared_at')}"
    packages, machine = (found.versions.get(name) for name in ("packages", "machine"))
    if isinstance(packages, dict):
        yield "libraries", ", ".join(f"{name} {version}" for name, version in packages.items())
    for name, title in (("git", "git"), ("project", "git, where it was started")):
        git = found.versions.get(name)
        if isinstance(git, dict):
            yield title, f"{git.get('commit')}{', with changes' if git.get('dirty') else ''}"
    if isinstance(machine, dict):
        yield "machine", ", ".join(f"{name}: {value}" for name, value in machine.items() if value is not None)

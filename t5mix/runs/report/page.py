"""The page: one file of HTML with its own style, script and pictures, which asks no network for anything.

Texts of a run may be anybody's. Each is escaped where it is put in; and a content security policy, which names the
page's own style and script by their checksums, lets nothing else of it do anything. Figures are images, in which no
script runs.
"""

import base64
import hashlib
import html
from collections.abc import Mapping
from pathlib import Path

from t5mix.internal.files import write_whole
from t5mix.internal.terminal import Progress
from t5mix.runs.preflight.folders import check_new_file
from t5mix.runs.report import content, figures, tables
from t5mix.runs.report.content import Content, clean
from t5mix.runs.report.examples import pager
from t5mix.runs.report.figures import Drawn

EXAMPLES = 200  # of each task that are shown, unless told otherwise

_HERE = Path(__file__).parent
# Where each part stands, its title, and what is said below it.
_FIGURES = {
    "training": ("Training", "Speeds are means of the last minute, without the time in which the program is compiled."),
    "losses": (
        "Loss of each task",
        "In nats a target token, by all steps so far; blue in pre-training, orange in fine-tuning.",
    ),
    "shares": ("Shares of the mixture", "A ring is the share that the rates ask for, a dot what the log counts."),
    "scores": (
        "Scores over checkpoints",
        "By all steps of training so far. Blue is the multi-task checkpoint, orange the fine-tuned one; bars are 95 % "
        "intervals (1.96 standard errors), and the dashed line is the baseline.",
    ),
}


def check_report(run: str, output: str) -> None:
    """Refuses a report that cannot be made, before anything is read.

    Args:
        run: the run's folder.
        output: the file to be written.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: the file cannot be written.
        ImportError: matplotlib is missing.
    """
    content.check_folder(run)
    check_new_file("--output", output)
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise ImportError("t5mix report needs matplotlib: pip install 't5mix[plots]'") from None


def write_page(run: str, output: str, examples: int = EXAMPLES) -> None:
    """Writes the report of a run.

    Args:
        run: its folder.
        output: the file.
        examples: how many of each task are shown with their predictions, wrong ones first.

    Raises:
        FileNotFoundError: there is no such run.
        ValueError: what it holds is damaged.
    """
    with Progress(what="reading the run") as progress:
        found = content.read(run)
        progress.tell("drawing", 0, None)
        drawn = figures.all_of(found)
        progress.tell("writing", 0, None)
        write_whole(output, page(found, drawn, examples).encode("utf-8"))


def page(found: Content, drawn: Mapping[str, Drawn | None], examples: int = EXAMPLES) -> str:
    """Returns the HTML.

    Args:
        found: what the run holds.
        drawn: its figures.
        examples: see `write_page`.
    """
    style, script = (_HERE.joinpath(name).read_text("utf-8") for name in ("page.css", "page.js"))
    policy = (
        f"default-src 'none'; img-src data:; style-src {_sum(style)}; script-src {_sum(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    parts = {
        "scores-table": ("Scores", tables.score_table(found.scored)),
        **{name: (title, _figure(name, found, drawn[name], note)) for name, (title, note) in _FIGURES.items()},
        "examples": ("Examples", pager(found.scored, examples)),
        "record": ("Record", tables.record(found)),
    }
    sections = {name: (title, body) for name, (title, body) in parts.items() if body}
    links = "".join(f'<a href="#{name}">{html.escape(title)}</a>' for name, (title, _) in sections.items())
    bodies = "".join(
        f'<section id="{name}"><h2>{html.escape(title)}</h2>{body}</section>\n'
        for name, (title, body) in sections.items()
    )
    with_script = f"<script>{script}</script>" if "examples" in sections else ""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{html.escape(found.name)} - t5mix</title>
<style>{style}</style>
</head>
<body>
<header><h1>{html.escape(found.name)}</h1>{_head(found)}<nav>{links}</nav></header>
<main>
{bodies}</main>
<footer>Made by t5mix report from the files of the run folder; it loads nothing.</footer>
{with_script}
</body>
</html>
"""


def _sum(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _head(found: Content) -> str:
    """Returns what the run is, in a line and a few figures."""
    mixture, seed = found.lineage.get("mixture"), found.lineage.get("seed")
    first = next((log for log in found.logs if not log.is_fine_tuning), None)
    tasks = found.lineage.get("tasks")
    facts = {"mixture": mixture, "tasks": len(tasks) if isinstance(tasks, dict) else None, "seed": seed}
    if first:
        last, losses = first.lines[-1], first.curve("loss")
        facts["steps"] = f"{last['step']:,.0f}"
        facts["tokens"] = f"{last['tokens']:,.0f}" if "tokens" in last else None
        facts["last loss"] = f"{losses[-1][1]:.3f}" if losses else None
    facts["fine-tuned"] = sum(log.is_fine_tuning for log in found.logs) or None
    cells = "".join(
        f"<div><dt>{name}</dt><dd>{html.escape(clean(str(value)))}</dd></div>"
        for name, value in facts.items()
        if value is not None
    )
    return f'<dl class="facts">{cells}</dl>'


def _figure(name: str, found: Content, drawn: Drawn | None, note: str) -> str:
    if drawn is None:
        return ""
    if drawn.left_out:
        note += f" {drawn.left_out} more are not drawn."
    source = base64.b64encode(drawn.svg).decode()
    more = tables.share_table(found) if name == "shares" else ""
    return (
        f'<figure><img alt="{html.escape(_FIGURES[name][0])}: {html.escape(note)}" '
        f'src="data:image/svg+xml;base64,{source}"><figcaption>{html.escape(note)}</figcaption></figure>{more}'
    )

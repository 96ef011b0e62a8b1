"""A picture of a comparison: for each task the difference and its confidence interval, beside zero."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

from t5mix.internal.files import write_whole
from t5mix.runs.preflight.folders import check_new_file
from t5mix.runs.scores.comparison import Comparison, verdict

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from t5mix.evaluation.scoring.paired_difference import Difference

FORMATS = ("svg", "png", "pdf")

# Blue: better for sure; red: worse for sure; grey: cannot be told.
_COLORS = {"better": "#1f6fb4", "worse": "#c0392b", "": "#8a8a8a"}


def check_picture(path: str) -> None:
    """Refuses a picture that cannot be drawn, before anything is computed.

    Raises:
        ValueError: the file's ending is none of `FORMATS`, or it cannot be written.
        ImportError: matplotlib is missing.
    """
    check_new_file("--picture", path)
    if Path(path).suffix.lstrip(".") not in FORMATS:
        raise ValueError(f"--picture is {path!r}: name a file that ends with {', '.join('.' + f for f in FORMATS)}")
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise ImportError("--picture needs matplotlib: pip install 't5mix[plots]'") from None


def draw(comparison: Comparison, path: str) -> None:
    """Writes the picture, one panel for each run that is compared with the first."""
    from matplotlib.figure import Figure

    others = list(dict.fromkeys(row.run for row in comparison.rows))
    tasks = list(dict.fromkeys(row.task for row in comparison.rows))
    lines = len(tasks) + any(comparison.means.values())
    figure = Figure(figsize=(1.5 + 4.5 * len(others), 1.4 + 0.34 * lines), layout="constrained")
    panels = figure.subplots(1, len(others), sharey=True, squeeze=False)[0]
    for panel, other in zip(panels, others, strict=True):
        rows = {row.task: row for row in comparison.rows if row.run == other}
        panel.axvline(0, color="black", linewidth=0.8)
        for height, task in enumerate(tasks):
            if task in rows:
                row = rows[task]
                found = verdict(row.difference.value, row.corrected, comparison.confidence, row.less_is_better)
                _bar(panel, -height, row.difference, found)
        if other in comparison.means:
            mean = comparison.means[other]
            found = verdict(mean.value, mean.p_value, comparison.confidence)  # of gains: more is better
            _bar(panel, -len(tasks), mean, found, marker="D")
        panel.set_title(other, fontsize=9)
        panel.set_xlabel(f"difference from {comparison.reference}, {comparison.split}", fontsize=8)
        panel.tick_params(labelsize=8)
        panel.grid(axis="x", linewidth=0.3)
    names = [*tasks, *(["mean"] if comparison.means else [])]
    panels[0].set_yticks([-height for height in range(len(names))], names)
    write_figure(figure, path)


def write_figure(figure: "Figure", path: str) -> None:
    """Writes a figure in the format of the file's ending; the same figure makes the same bytes each time."""
    import matplotlib

    drawn = io.BytesIO()
    kind = Path(path).suffix.lstrip(".")
    with matplotlib.rc_context({"svg.hashsalt": "t5mix"}):  # the same names within the file each time
        figure.savefig(drawn, format=kind, metadata={"Date": None} if kind == "svg" else None, dpi=160)
    write_whole(path, drawn.getvalue())


def _bar(panel: object, height: int, difference: "Difference", found: str, marker: str = "o") -> None:
    reach = [[difference.value - difference.low], [difference.high - difference.value]]
    panel.errorbar([difference.value], [height], xerr=reach, fmt=marker, color=_COLORS[found], capsize=3, markersize=5)  # type: ignore[attr-defined]

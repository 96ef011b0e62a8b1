"""The figures of a report, each an SVG that is the same whenever it is drawn."""

import contextlib
import dataclasses
import io
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from t5mix.runs.report.content import Content, Log, Scored, Share, clean

# Panels of single tasks that are drawn at most, the first ones.
MOST_PANELS = 60
# Points of a curve that are drawn at most; where a log has more, each is a mean of neighbours.
_MOST_POINTS = 400

_BLUE, _ORANGE, _GREY, _INK = "#1f6fb4", "#d9730d", "#9aa0a6", "#202124"
_STYLE: dict[Any, Any] = {
    "axes.edgecolor": "#c4c7cc",
    "axes.grid": True,
    "axes.labelcolor": _INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 9,
    "axes.labelsize": 8,
    "font.family": "sans-serif",
    "font.size": 8,
    "grid.color": "#e8eaed",
    "grid.linewidth": 0.7,
    "lines.linewidth": 1.4,
    "svg.fonttype": "none",  # the reader's own fonts know more letters, and the page is smaller
    "svg.hashsalt": "t5mix",
    "text.parse_math": False,
    "xtick.color": "#5f6368",
    "ytick.color": "#5f6368",
}


@dataclasses.dataclass(frozen=True)
class Drawn:
    """A figure.

    Attributes:
        svg: its file.
        left_out: panels or lines that there was no room for.
    """

    svg: bytes
    left_out: int = 0


def training(log: Log) -> Drawn | None:
    """Draws loss, learning rate, norm of the gradient and throughput of a training."""
    wanted = {
        "loss": "loss, nats a target token",
        "learning_rate": "learning rate",
        "gradient_norm": "norm of the gradient",
        "tokens_per_second": "throughput, tokens a second",
    }
    curves = {title: curve for name, title in wanted.items() if (curve := log.curve(name))}
    if not curves:
        return None
    with _drawing():
        figure, panels = _grid(len(curves), columns=2, size=(4.6, 2.3))
        for panel, (title, curve) in zip(panels, curves.items(), strict=True):
            _line(panel, curve, _BLUE)
            panel.set_title(title)
            panel.set_xlabel("step")
            if title == "learning rate":
                panel.ticklabel_format(axis="y", style="sci", scilimits=(-2, 4))
        return Drawn(_svg(figure))


def losses(logs: Sequence[Log]) -> Drawn | None:
    """Draws the loss of each task, in pre-training and in fine-tuning, in a panel of its own."""
    curves: dict[str, list[tuple[list[tuple[float, float]], str]]] = {}
    for log in logs:
        if log.is_fine_tuning:
            curves.setdefault(log.name, []).append((log.curve("loss"), _ORANGE))
        else:
            for task in log.tasks():
                curves.setdefault(task, []).append((log.curve(f"loss/{task}"), _BLUE))
    if not curves:
        return None
    with _drawing():
        figure, panels = _grid(min(len(curves), MOST_PANELS), columns=3, size=(3.1, 1.9))
        for panel, (task, drawn) in zip(panels, curves.items(), strict=False):
            for curve, color in drawn:
                _line(panel, curve, color)
            panel.set_title(_short(task))
        return Drawn(_svg(figure), max(0, len(curves) - MOST_PANELS))


def shares(found: Sequence[Share]) -> Drawn | None:
    """Draws for each task the share that was intended and the one that was realized."""
    there = [share for share in found if share.intended > 0 or share.realized > 0]
    drawn = there[:MOST_PANELS]
    if not drawn:
        return None
    from matplotlib.ticker import FuncFormatter

    with _drawing():
        figure, [panel] = _grid(1, columns=1, size=(9.2, 0.8 + 0.24 * len(drawn)))
        heights = -np.arange(len(drawn))
        panel.scatter(
            [share.intended for share in drawn],
            heights,
            s=70,
            marker="o",
            facecolors="none",
            edgecolors=_INK,
            label="intended",
        )
        if any(share.fed is not None for share in drawn):
            panel.scatter([share.realized for share in drawn], heights, s=22, color=_BLUE, label="realized")
        panel.set_yticks(heights, [_short(share.task) for share in drawn])
        panel.set_ylim(-len(drawn) + 0.4, 0.6)
        smallest = min(min(filter(lambda value: value > 0, (s.intended, s.realized)), default=1.0) for s in drawn)
        if smallest < 0.02:
            panel.set_xscale("log")
        panel.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.3g} %"))
        panel.set_xlabel("share of examples")
        panel.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False)
        return Drawn(_svg(figure), len(there) - len(drawn))


def scores(scored: Sequence[Scored]) -> Drawn | None:
    """Draws the first metric of each task over checkpoints, with its 95 % interval, beside the baseline."""
    groups: dict[tuple[Any, ...], list[Scored]] = {}
    for each in scored:
        score = each.score
        if not score.no_score and math.isfinite(score.value):
            groups.setdefault((score.task, score.split, score.limit, each.tuned_on), []).append(each)
    if not groups:
        return None
    with _drawing():
        figure, panels = _grid(min(len(groups), MOST_PANELS), columns=3, size=(3.1, 2.1))
        for panel, group in zip(panels, groups.values(), strict=False):
            _score_panel(panel, group)
            panel.set_title(f"{_short(group[0].score.task)}\n{clean(group[-1].score.metric)}, {_asked(group[0])}")
        return Drawn(_svg(figure), max(0, len(groups) - MOST_PANELS))


def all_of(content: Content) -> Mapping[str, Drawn | None]:
    """Returns every figure by its name; None for one that the run has nothing to show in."""
    first = next((log for log in content.logs if not log.is_fine_tuning), None)
    return {
        "training": None if first is None else training(first),
        "losses": losses(content.logs),
        "shares": shares(content.shares),
        "scores": scores(content.scored),
    }


def _asked(each: Scored) -> str:
    """Says on what was scored, and by which model where that is not the task's own: one curve is of the same."""
    limited = "" if each.score.limit is None else f", first {each.score.limit:,}"
    other = f", {_short(each.stage)}" if each.tuned_on else ""
    return f"{_short(each.score.split)}{limited}{other}"


def _score_panel(panel: Any, group: Sequence[Scored]) -> None:
    from matplotlib.ticker import MaxNLocator

    for is_fine_tuned, color, marker in ((False, _BLUE, "o"), (True, _ORANGE, "D")):
        points = sorted((each for each in group if each.is_fine_tuned is is_fine_tuned), key=lambda each: each.steps)
        errors = [each.score.standard_error for each in points]
        panel.errorbar(
            [each.steps for each in points],
            [each.score.value for each in points],
            yerr=[1.96 * error if math.isfinite(error) else 0.0 for error in errors],
            color=color,
            marker=marker,
            markersize=4,
            capsize=3,
            linewidth=1.0,
        )
    baseline = group[-1].score.baseline.score
    if math.isfinite(baseline):
        panel.axhline(baseline, color=_GREY, linestyle="--", linewidth=1.0)
    panel.xaxis.set_major_locator(MaxNLocator(4, integer=True))


@contextlib.contextmanager
def _drawing() -> Iterator[None]:
    import matplotlib

    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # the reader's fonts draw it
        yield


def _grid(number: int, columns: int, size: tuple[float, float]) -> tuple[Any, list[Any]]:
    """Returns a figure and its panels, which are as large as `size` says, in inches."""
    from matplotlib.figure import Figure

    rows = -(-number // columns)
    figure = Figure(figsize=(size[0] * columns, size[1] * rows), layout="constrained")
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    for panel in panels[number:]:
        panel.remove()
    return figure, panels[:number]


def _line(panel: Any, curve: Sequence[tuple[float, float]], color: str) -> None:
    steps, values = thinned(curve)
    panel.plot(steps, values, color=color, marker="o" if len(steps) == 1 else "", markersize=4)


def thinned(curve: Sequence[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    """Returns steps and values of at most `_MOST_POINTS` points: means of neighbours, where there are more.

    Args:
        curve: (step, value) of each point.
    """
    points = np.array(curve, np.float64).reshape(-1, 2)
    parts = np.array_split(points, min(len(points), _MOST_POINTS)) if len(points) else [points]
    means = np.array([part.mean(axis=0) for part in parts if len(part)]).reshape(-1, 2)
    return means[:, 0], means[:, 1]


def _short(name: str, most: int = 34) -> str:
    """Returns a name that a panel has room for, with its beginning and its end."""
    name = clean(name)
    return name if len(name) <= most else f"{name[: most - 13]}…{name[-12:]}"


def _svg(figure: Any) -> bytes:
    drawn = io.BytesIO()
    figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None})
    return drawn.getvalue()

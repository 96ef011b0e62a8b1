"""A picture of a plan: each task's share of examples and of tokens, over steps."""

from t5mix.data.planning.feed_plan import FeedPlan
from t5mix.runs.scores.picture import write_figure

# Tasks that have a color and a name of their own, the greatest; the others are drawn together.
_NAMED = 19


def draw(plan: FeedPlan, path: str) -> None:
    """Writes the picture; `plan` has shares over steps."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 7), layout="constrained")
    panels = figure.subplots(2, 1, sharex=True)
    order = sorted(range(len(plan.tasks)), key=lambda task: (-plan.tasks[task].share, task))
    named, others = order[:_NAMED], order[_NAMED:]
    labels = [_label(plan.tasks[task].task) for task in named] + ([f"{len(others)} others"] if others else [])
    colors = [colormaps["tab20"](number) for number in range(len(labels))]
    edges = [plan.over_steps[0].start, *(part.stop for part in plan.over_steps)]
    for panel, what in zip(panels, ("examples", "tokens"), strict=True):
        shares = [getattr(part, what) for part in plan.over_steps]
        shares.append(shares[-1])  # a step reaches to the next edge
        heights = [[100 * each[task] for each in shares] for task in named]
        if others:
            heights.append([100 * sum(each[task] for task in others) for each in shares])
        panel.stackplot(edges, heights, labels=labels, colors=colors, step="post")
        for change in plan.changes[1:]:
            panel.axvline(change.step, color="black", linewidth=0.5, linestyle=":")
        panel.set_ylabel(f"share of {what}, %", fontsize=9)
        panel.set_ylim(0, 100)
        panel.set_xlim(edges[0], edges[-1])
        panel.tick_params(labelsize=8)
    panels[1].set_xlabel("step", fontsize=9)
    panels[0].set_title(_label(plan.name), fontsize=10)
    handles, texts = panels[0].get_legend_handles_labels()
    figure.legend(handles[::-1], texts[::-1], loc="outside right upper", fontsize=8)
    write_figure(figure, path)


def _label(name: str) -> str:
    """Returns a name as matplotlib shows it letter by letter: no mathematics, and no "_" that hides it."""
    shown = name.replace("$", r"\$")
    return f"\u200b{shown}" if shown.startswith("_") else shown

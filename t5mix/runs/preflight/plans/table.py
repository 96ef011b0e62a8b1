"""A plan as a table, with what deserves a line of its own."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from t5mix.data.planning.feed_plan import FeedPlan, TaskPlan

if TYPE_CHECKING:
    from rich.table import Table

HEADINGS = (
    "examples",
    "fed",
    "share",
    "tokens",
    "share",
    "of targets",
    "epochs",
    "repeats at",
    "truncated",
    "lost",
)


def plan_table(plan: FeedPlan) -> "Table":
    """Returns one line a task, and one of all together; what begins with "~" is an estimate.

    Behind what is fed stands its share of all examples, behind tokens their share of all tokens; `truncated` are the
    parts of the examples that lose tokens, feature by feature, and `lost` is the part of all tokens that they lose.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from t5mix.internal.terminal import visible

    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("task", no_wrap=True)
    for heading in HEADINGS:
        table.add_column(heading, justify="right")
    for task in plan.tasks:
        table.add_row(*(Text(visible(cell)) for cell in _cells(task)))
    if len(plan.tasks) > 1:
        table.add_section()
        table.add_row(*_total(plan))
    return table


def _cells(task: TaskPlan) -> list[str]:
    about = "" if task.measured else "~"
    repeats = "-" if task.first_repetition is None else f"{task.first_repetition:,}"
    return [
        task.task,
        f"{task.examples:,}",
        f"{task.fed:,}",
        _percent(task.share),
        f"{about}{sum(task.tokens.values()):,}",
        f"{about}{_percent(task.token_share)}",
        f"{about}{_percent(task.target_share)}",
        f"{task.epochs:.2f}",
        ("" if task.first_repetition_exact else "~") + repeats,
        about + ", ".join(_part(count, task.fed) for count in task.truncated.values()),
        f"{about}{_part(sum(task.lost.values()), sum(task.lost.values()) + sum(task.tokens.values()))}",
    ]


def _total(plan: FeedPlan) -> list[str]:
    about = "" if all(one.measured for one in plan.tasks) else "~"
    tokens, lost = sum(plan.tokens.values()), sum(sum(one.lost.values()) for one in plan.tasks)
    truncated = (sum(one.truncated[feature] for one in plan.tasks) for feature in plan.lengths)
    return [
        "all",
        f"{sum(one.examples for one in plan.tasks):,}",
        f"{plan.fed:,}",
        "",
        f"{about}{tokens:,}",
        "",
        "",
        f"{plan.fed / sum(one.examples for one in plan.tasks):.2f}",
        "",
        about + ", ".join(_part(count, plan.fed) for count in truncated),
        f"{about}{_part(lost, lost + tokens)}",
    ]


def _percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{100 * share:.2f}%"


def _part(number: int, of: int) -> str:
    return f"{100 * number / of:.1f}%" if of else "-"


def plan_lines(plan: FeedPlan) -> Iterator[str]:
    """Yields what a batch holds, and a line for each task that loses examples, is left out, or never comes up."""
    lengths = ", ".join(f"{name} {length:,}" for name, length in plan.lengths.items())
    filled = ", ".join(f"{name} {100 * share:.1f}%" for name, share in plan.fill.items())
    yield f"{plan.steps:,} steps of {plan.batch_size:,} rows of {lengths}"
    yield (
        f"a batch has {plan.examples_per_step:,.1f} examples and {plan.tokens_per_step:,.0f} tokens on average; "
        f"slots filled: {filled}"
    )
    for task in plan.tasks:
        if task.dropped:
            yield f"{task.task}: {task.dropped:,} examples find no room in their window nor after it, and are left out"
        if not task.fed:
            yield f"{task.task}: no example is fed in so few steps"
    for name, reason in plan.left_out.items():
        yield f"{name}: not fed, because {reason}"
    if plan.placed < plan.windows:
        yield (
            f"whether all examples find room was tried in the first {plan.placed:,} of {plan.windows:,} windows of "
            "steps; --exact tries all"
        )
    if not plan.exact and any(not (one.measured and one.first_repetition_exact) for one in plan.tasks):
        yield "what begins with ~ is an estimate; --exact looks at every example"

"""A plan as a table, with what deserves a line of its own."""

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from t5mix.data.planning.feed_plan import FeedPlan, TaskPlan
from t5mix.runs.preflight.plans.budget import Budget

if TYPE_CHECKING:
    from rich.table import Table

# Changes of shares that are told, and tasks of each; lines of one kind.
_CHANGES, _NAMES, _LINES = 8, 6, 10

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


def _limits(plan: FeedPlan) -> Iterator[str]:
    """Yields which limits of epochs are not reached, and by how much."""
    for task in plan.tasks:
        if task.max_epochs is not None and (rest := math.floor(task.max_epochs * task.examples + 1e-9) - task.fed) > 0:
            yield f"{task.task}: max_epochs {task.max_epochs:g} is not reached, {rest:,} more examples may be fed"


def _first(lines: Iterable[str]) -> Iterator[str]:
    """Yields the first lines of a kind, of which there may be one for each of a thousand tasks."""
    every = list(lines)
    yield from every[:_LINES]
    if len(every) > _LINES:
        yield f"and {len(every) - _LINES:,} more such tasks; --format json of t5mix plan has each"


def over_lines(plan: FeedPlan, max_epochs: float) -> Iterator[str]:
    """Yields which tasks are fed more often than so many times, and by how much."""
    for name, more in plan.over(max_epochs).items():
        (task,) = (one for one in plan.tasks if one.task == name)
        yield (
            f"{name}: {task.epochs:.2f} epochs are {task.epochs - max_epochs:.2f} more than {max_epochs:g}, "
            f"{more:,} examples; a smaller rate or max_epochs of the mixture keeps it below"
        )


def _changes(plan: FeedPlan) -> Iterator[str]:
    """Yields from which steps on shares are others."""
    changes = plan.changes[1:]
    shown = changes if len(changes) <= _CHANGES else [*changes[: _CHANGES - 1], changes[-1]]
    for change in shown:
        order = sorted(range(len(plan.tasks)), key=lambda task: (-change.shares[task], task))
        some = [(plan.tasks[task].task, change.shares[task]) for task in order if change.shares[task]]
        told = ", ".join(f"{name} {_percent(share)}" for name, share in some[:_NAMES])
        more = f" and {len(some) - _NAMES} more" if len(some) > _NAMES else ""
        yield f"from step {change.step:,}: {change.why}" + (f"; shares of examples: {told}{more}" if told else "")
    if len(shown) < len(changes):
        yield f"shares change {len(changes):,} times in all; --format json has each"


def plan_lines(plan: FeedPlan, unimax: Budget | None) -> Iterator[str]:
    """Yields what a batch holds, and a line for each task that loses examples, is left out, or never comes up.

    Args:
        plan: the plan.
        unimax: what it makes of the budget of UniMax, where rates are by that.
    """
    lengths = ", ".join(f"{name} {length:,}" for name, length in plan.lengths.items())
    filled = ", ".join(f"{name} {100 * share:.1f}%" for name, share in plan.fill.items())
    yield f"{plan.steps:,} steps of {plan.batch_size:,} rows of {lengths}"
    yield (
        f"a batch has {plan.examples_per_step:,.1f} examples and {plan.tokens_per_step:,.0f} tokens on average; "
        f"slots filled: {filled}"
    )
    if plan.steps < plan.asked:
        yield (
            f"{plan.asked:,} steps are asked for and the stream ends after {plan.steps:,}, {plan.asked - plan.steps:,} "
            "too few: every task that has a rate then has been fed max_epochs times; raise max_epochs, or plan for "
            "fewer steps"
        )
    yield from _changes(plan)
    yield from _first(_limits(plan))
    if unimax is not None:
        yield from unimax.lines()
        yield from _first(over_lines(plan, unimax.max_epochs))
    yield from _first(
        f"{task.task}: {task.dropped:,} examples find no room in their window nor after it, and are left out"
        for task in plan.tasks
        if task.dropped
    )
    yield from _first(f"{task.task}: no example is fed in so few steps" for task in plan.tasks if not task.fed)
    yield from _first(f"{name}: not fed, because {reason}" for name, reason in plan.left_out.items())
    if plan.placed < plan.windows:
        yield (
            f"whether all examples find room was tried in the first {plan.placed:,} of {plan.windows:,} windows of "
            "steps; --exact tries all"
        )
    if not plan.exact and any(not (one.measured and one.first_repetition_exact) for one in plan.tasks):
        yield "what begins with ~ is an estimate; --exact looks at every example"

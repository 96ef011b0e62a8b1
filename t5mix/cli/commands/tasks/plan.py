"""`t5mix plan`: what so many steps on a mixture feed, task by task, before a step is done."""

import argparse
from typing import TYPE_CHECKING, Any

from t5mix.cli import arguments, output
from t5mix.internal.terminal import Progress, emit

if TYPE_CHECKING:
    from t5mix.declarations.mixture import Mixture
    from t5mix.declarations.task import Task

EPILOG = """\
examples:
  t5mix plan offline_proportional --steps 1000
  t5mix plan offline_proportional --steps 1000 --length inputs=128 --length targets=32 --batch_size 64
  t5mix plan offline_proportional --steps 1000 --picture shares.svg
  t5mix plan offline_proportional --steps 1000 --format json

Examples, epochs, and what finds no room are those of the very stream that `t5mix train` reads with these lengths, batch
size and seed. Long plans of large tasks estimate some numbers, which then begin with "~", unless --exact is given. A
run's own plan is shown by `t5mix train --dry_run`.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this command."""
    parser.epilog = EPILOG
    parser.add_argument("name", help="a mixture or a task; t5mix list names them")
    parser.add_argument("--steps", type=arguments.positive, required=True, help="how many steps")
    add_shape_arguments(parser)
    parser.add_argument("--split", default="train", help="split to feed [train]")
    parser.add_argument("--seed", type=arguments.seed, default=0, help="of the run [0]")
    parser.add_argument("--no_packing", action="store_true", help="one example a row")
    parser.add_argument("--decoder_only", action="store_true", help="inputs and targets one behind the other in a row")
    parser.add_argument("--objective", metavar="NAME", help="of tasks that leave it open (Run.objective)")
    parser.add_argument(
        "--max_epochs", type=epochs, metavar="N", help="tell which tasks are fed more often, and by how much"
    )
    parser.add_argument("--exact", action="store_true", help="place and count every example, however many")
    parser.add_argument("--no_rate", action="store_true", help="do not measure how fast batches are made")
    parser.add_argument("--picture", metavar="FILE", help="draw shares over steps: .svg, .png or .pdf")
    parser.add_argument("--format", choices=("table", "json"), default="table")


def add_shape_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds `--length` and `--batch_size`."""
    parser.add_argument(
        "--length",
        action="append",
        default=[],
        type=feature_length,
        metavar="[FEATURE=]TOKENS",
        help="tokens of a row, of all features or of one; repeatable [512]",
    )
    parser.add_argument("--batch_size", type=arguments.positive, default=128, help="rows of a batch [128]")


def epochs(text: str) -> float:
    """Parses a number of epochs above 0, for argparse."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return number


def feature_length(text: str) -> tuple[str, int]:
    """Parses "inputs=128", or "128", which is of all features, for argparse."""
    name, _, number = text.rpartition("=")
    return name, arguments.length(number)


def run(args: argparse.Namespace) -> int:
    """Plans and prints."""
    from t5mix.runs.preflight.plans import opening, picture, table
    from t5mix.runs.preflight.plans.budget import Budget
    from t5mix.runs.scores.picture import check_picture

    if args.picture:
        check_picture(args.picture)
    with Progress(what=f"looking at {args.name}"):
        provider = _provider(args.name, args.objective)
        lengths = _lengths(provider, dict(args.length))
    stream = opening.open_stream(
        provider,
        lengths,
        args.batch_size,
        split=args.split,
        seed=args.seed,
        pack=not args.no_packing,
        decoder_only=args.decoder_only,
    )
    plan = opening.plan_stream(stream, args.steps, every=args.exact, over_steps=True)
    rate = None if args.no_rate else opening.tokens_per_second(stream)
    if args.picture:
        picture.draw(plan, args.picture)
    unimax = Budget.of(provider, plan)
    if args.format == "json":
        over = {} if args.max_epochs is None else {"examples_over_max_epochs": plan.over(args.max_epochs)}
        by_rule = {"unimax": unimax.as_json()} if unimax else {}
        output.print_json({**plan.as_json(), **over, **by_rule, "tokens_per_second_here": rate})
        return 0
    emit(table.plan_table(plan), *table.plan_lines(plan, unimax))
    if args.max_epochs is not None:
        lines = list(table.over_lines(plan, args.max_epochs))
        emit(*lines or [f"no task is fed more than {args.max_epochs:g} epochs"])
    if rate is not None:
        emit(f"this machine makes batches of {rate:,.0f} tokens a second, {rate / plan.tokens_per_step:,.1f} batches")
    return 0


def _provider(name: str, objective: str | None) -> "Task | Mixture":
    from t5mix.declarations.mixture import Mixture
    from t5mix.declarations.registry import get_mixture_or_task, get_subtasks
    from t5mix.preprocessors import objectives

    found = get_mixture_or_task(name)
    if objective is None:
        return found
    chosen = {task.name: objectives.with_objective(task, objectives.named(objective)) for task in get_subtasks(found)}
    if all(chosen[task.name] is task for task in get_subtasks(found)):
        raise ValueError(
            f"--objective is {objective!r}, but no task of {name!r} leaves its objective open; leave it out"
        )
    return found.with_tasks(chosen) if isinstance(found, Mixture) else chosen[found.name]


def _lengths(provider: "Task | Mixture", asked: dict[str, int]) -> dict[str, Any]:
    features = list(provider.output_features)
    for name in asked:
        if name and name not in features:
            raise ValueError(f"--length names {name!r}, which {provider.name!r} does not have; it has {features}")
    return {name: asked.get(name, asked.get("", 512)) for name in features}

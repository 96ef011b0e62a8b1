"""`t5mix transfer`: what each task of a mixture does for each other, by small runs."""

import argparse
import sys
from typing import TYPE_CHECKING

from t5mix.cli import arguments, output
from t5mix.internal.terminal import Progress, emit, put

if TYPE_CHECKING:
    from t5mix.runs.experiments.transfer import Transfer

EPILOG = f"""\
examples:
  t5mix transfer offline_proportional
  t5mix transfer offline_proportional --seeds 3 --steps 500 --picture transfer.svg
  t5mix transfer offline_proportional --pairs --run_folder runs/pairs

Each run is small: runs/transfer.gin says how, and other settings change it. Without --pairs there is a run on all
tasks, and one without each; with --pairs a run on each task alone, and one on each two. Started again, it goes on where
it was; more --seeds, or more --steps, add to what is there.

{arguments.GIN_EPILOG}"""

SHORTHANDS = {"steps": "Training.steps", "limit": "Evaluation.limit"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this command."""
    parser.epilog = EPILOG
    parser.add_argument("mixture", metavar="MIXTURE", help="the mixture whose tasks are compared")
    arguments.add_gin_arguments(parser)
    parser.add_argument("--run_folder", metavar="FOLDER", help="where the runs go [runs/transfer-MIXTURE]")
    parser.add_argument("--steps", type=arguments.positive, help="of each run (Training.steps)")
    parser.add_argument("--seeds", type=arguments.positive, default=1, metavar="N", help="runs of each kind [1]")
    parser.add_argument("--pairs", action="store_true", help="put tasks together two by two, and leave none out")
    parser.add_argument(
        "--meaning", choices=("renormalize", "mask"), default="renormalize", help="how a task is left out [renormalize]"
    )
    parser.add_argument("--limit", type=arguments.positive, help="test examples of each task (Evaluation.limit)")
    arguments.add_confidence(parser)
    parser.add_argument("--picture", metavar="FILE", help="draw the map: .svg, .png or .pdf")
    parser.add_argument("--format", choices=("table", "json"), default="table")


def run(args: argparse.Namespace) -> int:
    """Does the runs, compares them, prints and draws."""
    from t5mix.internal.files import without_nan
    from t5mix.internal.paths import file_name
    from t5mix.runs.experiments.transfer import check_transfer

    if args.picture:
        from t5mix.runs.scores.picture import check_picture

        check_picture(args.picture)
    with Progress(what="checking the runs"):
        study = check_transfer(
            args.mixture,
            args.run_folder or f"runs/transfer-{file_name(args.mixture)}",
            ["runs/transfer.gin", *args.gin_file],
            arguments.gin_params(args, SHORTHANDS),
            design="pairs" if args.pairs else "leave-one-out",
            meaning=args.meaning,
            seeds=args.seeds,
            include=args.include or (),
        )
    study.carry_out(["t5mix", *sys.argv[1:]])
    with Progress() as progress:
        done = iter(range(1_000_000))
        result = study.result(args.confidence, lambda name: progress.tell("comparing", next(done), None, name))
    if args.picture:
        result.draw(args.picture)
    if args.format == "json":
        output.print_json(without_nan(result.as_json()))
    else:
        _print(result)
    return 0


def _print(result: "Transfer") -> None:
    title = f"{result.mixture}, {result.design}: what each column does for each row, on {result.split}"
    emit(output.table(title, ("task", *(f">{source}" for source in result.sources)), result.rows()))
    put(
        f"* sure after the correction for {output.plural(len(result.effects), 'difference')}; gains are in the units "
        "of each task's first metric"
    )
    if len(result.seeds) == 1:
        put("one seed: errors are those of the test examples alone; --seeds 3 tells what the seed does, too")

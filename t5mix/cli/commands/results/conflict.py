"""`t5mix conflict`: which tasks' gradients agreed in a run, and which pulled apart."""

import argparse

from t5mix.cli import arguments, output
from t5mix.internal.terminal import emit, put

EPILOG = """\
examples:
  t5mix train --gin_file runs/offline.gin --gin_param "Training.conflict_every = 100"
  t5mix conflict runs/offline
  t5mix conflict runs/offline --since 1000 --picture conflict.svg

A cosine below 0 says that a step for one task is, at first, a step against the other.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this command."""
    parser.epilog = EPILOG
    parser.add_argument("run_folder", metavar="RUN", help="the folder of a run with Training.conflict_every")
    parser.add_argument("--since", type=arguments.count, default=0, metavar="STEP", help="leave out earlier steps")
    parser.add_argument("--picture", metavar="FILE", help="draw the cosines: .svg, .png or .pdf")
    parser.add_argument("--format", choices=("table", "json"), default="table")


def run(args: argparse.Namespace) -> int:
    """Prints and draws what was measured."""
    from t5mix.internal.files import without_nan
    from t5mix.runs.experiments.conflict import read_conflict

    if args.picture:
        from t5mix.runs.scores.picture import check_picture

        check_picture(args.picture)
    found = read_conflict(args.run_folder, args.since)
    if args.picture:
        found.draw(args.picture)
    if args.format == "json":
        output.print_json(without_nan(found.as_json()))
        return 0
    steps = f"{output.plural(len(found.steps), 'measurement')}, steps {found.steps[0]:,} to {found.steps[-1]:,}"
    norms = [(name, f"{norm:.4g}") for name, norm in found.norms.items()]
    put(f"gradients of {found.run}: {steps}")
    emit(output.table("", ("task", ">mean norm"), norms))
    if not found.pairs:
        put("no batch that was measured has two tasks")
        return 0
    rows = [
        (
            f"{pair.first}, {pair.second}",
            f"{pair.cosine:+.3f}",
            "-" if pair.standard_error != pair.standard_error else f"{pair.standard_error:.3f}",
            f"{pair.negative:.0%}",
            f"{pair.measurements:,}",
        )
        for pair in found.pairs
    ]
    headings = ("tasks", ">cosine", ">standard error", ">below 0", ">measurements")
    put("cosines between them, those that agree least first")
    emit(output.table("", headings, rows))
    return 0

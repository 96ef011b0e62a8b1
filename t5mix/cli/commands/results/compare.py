"""`t5mix compare`: runs beside one another, over the same test examples."""

import argparse
import os
from typing import TYPE_CHECKING, Any

from t5mix.cli import arguments, output
from t5mix.internal.terminal import emit, put

if TYPE_CHECKING:
    from t5mix.evaluation.scoring.paired_difference import Difference
    from t5mix.runs.scores.comparison import Comparison, Scored

EPILOG = """\
examples:
  t5mix compare runs/a runs/b
  t5mix compare runs/offline --split test
  t5mix compare runs/a runs/b runs/c --mixture_or_task offline_language --picture differences.svg
  t5mix compare --baselines runs/a runs/b

Each run must have been scored on the split, by the end of training or by `t5mix eval`. One run alone is compared with
itself: what it was before fine-tuning, and after. `sure` says which differences hold after the correction for the
number of comparisons; `could show` is the smallest difference that this test set would show four times in five.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this command."""
    parser.epilog = EPILOG
    parser.add_argument("runs", nargs="+", metavar="RUN", help="run folders; each is compared with the first")
    parser.add_argument(
        "--baselines",
        action="store_true",
        help="compare each run with the strongest baseline of each task (majority, mean, copy, lead sentence, empty), "
        "on the same examples, in place of the first run",
    )
    parser.add_argument("--split", default="test", help="the split that was scored [test]")
    parser.add_argument("--mixture_or_task", action="append", default=[], metavar="NAME", help="only these; repeatable")
    parser.add_argument("--stage", choices=("multi-task", "fine-tuned"), help="by default a task's last one")
    parser.add_argument("--limit", type=arguments.positive, help="of the evaluation, where it had one")
    arguments.add_confidence(parser)
    parser.add_argument("--picture", metavar="FILE", help="draw the differences: .svg, .png or .pdf")
    parser.add_argument("--format", choices=("table", "json"), default="table")


def run(args: argparse.Namespace) -> int:
    """Compares, prints and draws."""
    from t5mix.internal.files import without_nan
    from t5mix.internal.terminal import Progress
    from t5mix.runs.scores.comparison import compare

    tasks = [task.name for task in arguments.find_tasks(args.mixture_or_task)]
    if args.picture:
        from t5mix.runs.scores.picture import check_picture

        check_picture(args.picture)
    scored = _scored(args)
    with Progress() as progress:
        done = iter(range(1_000_000))
        comparison = compare(
            scored,
            args.split,
            tasks=tasks,
            confidence=args.confidence,
            baselines=args.baselines,
            tell=lambda task: progress.tell("comparing", next(done), None, task),
        )
    if args.picture:
        from t5mix.runs.scores.picture import draw

        draw(comparison, args.picture)
    if args.format == "json":
        output.print_json(without_nan(comparison.as_json()))
    else:
        show(comparison)
    return 0


def _scored(args: argparse.Namespace) -> "list[Scored]":
    """Returns what each run scored; one run alone stands for its two stages."""
    from t5mix.runs.scores.comparison import STAGES, find_scores

    places = [os.path.realpath(path) for path in args.runs]
    repeated = [path for path, place in zip(args.runs, places, strict=True) if places.count(place) > 1]
    if repeated:
        raise ValueError(f"{repeated[0]} is named twice; to compare its stages, name it alone")
    if len(args.runs) > 1 or args.baselines:
        return [find_scores(path, args.split, args.stage, args.limit) for path in args.runs]
    if args.stage:
        raise ValueError(f"--stage {args.stage} leaves nothing to compare {args.runs[0]} with: name another run")
    return [find_scores(args.runs[0], args.split, stage, args.limit) for stage in STAGES]


def show(comparison: "Comparison") -> None:
    """Prints a comparison: a table for each run, and what is not compared."""
    for other in dict.fromkeys(row.run for row in comparison.rows):
        rows = [row for row in comparison.rows if row.run == other]
        cells = [
            (
                row.task,
                f"{row.metric}, less is better" if row.less_is_better else row.metric,
                f"{row.examples:,}",
                f"{row.baseline} {row.first:.1f}".lstrip(),
                f"{row.second:.1f}",
                *_cells(row.difference, row.corrected, comparison.confidence, row.less_is_better),
            )
            for row in rows
        ]
        if other in comparison.means:
            mean = comparison.means[other]
            cells.append(("mean of the tasks", "", "", "", "", *_cells(mean, mean.p_value, comparison.confidence)))
        first = "baseline" if rows[0].baseline else "first"
        title = f"{other} (second) beside {comparison.reference} ({first}), on {comparison.split}"
        interval = f"{comparison.confidence:.0%} interval"
        headings = ("task", "metric", ">examples", f">{first}", ">second", ">difference", f">{interval}", ">p", "sure")
        emit(output.table(title, (*headings, ">could show"), cells))
    for name, tasks in comparison.left_out.items():
        if lacking := [task for task in tasks if task not in comparison.no_score]:
            put(f"not compared, since not all runs scored it: {', '.join(lacking)} of {name}")
    for reason in dict.fromkeys(comparison.no_score.values()):
        names = [task for task, why in comparison.no_score.items() if why == reason]
        put(f"not compared, since there is no score: {', '.join(names)} ({reason})")


def _cells(difference: "Difference", p_value: float, confidence: float, less: bool = False) -> tuple[Any, ...]:
    from t5mix.runs.scores.comparison import verdict

    if difference.standard_error != difference.standard_error:
        return f"{difference.value:+.2f}", "-", "-", "", "-"
    sure = verdict(difference.value, p_value, confidence, less)
    interval = f"{difference.low:+.2f} to {difference.high:+.2f}"
    # Without any spread, as where both give one answer to all, nothing tells what the test set could show.
    smallest = f"{difference.smallest:.2f}" if difference.standard_error else "-"
    return f"{difference.value:+.2f}", interval, f"{p_value:.3f}", sure, smallest

"""`t5mix check`: whether tasks do what they declare, on real examples."""

import argparse
import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from t5mix.cli import arguments, output
from t5mix.evaluation.checks import CHECKS, Finding, Limits, Report
from t5mix.internal.terminal import Progress, emit

if TYPE_CHECKING:
    from t5mix.declarations.task import Task

EPILOG = (
    """\
checks:
"""
    + "\n".join(f"  {name:<11}{meaning}" for name, meaning in CHECKS.items())
    + """

Labels are target texts where they are few. A metric's best is 1 or 100, or what its function says in an attribute
`best`, a number or a dict of numbers by name; where less is better (see metrics.lower_is_better) it is 0 or 1.
Published data sets hold a few examples in two splits; such are counted, and fail above --overlap_limit, as a test split
read from the training data does. Of two splits that are both held out (named validation, valid, val, dev, test or eval)
they are a note, unless --held_out_overlap_limit is given.

exit status: 0 every check passed, 1 a check failed, 2 wrong usage

examples:
  t5mix check offline_questions
  t5mix check offline_supervised --examples 100 --lengths inputs=128,targets=64
  t5mix check 'glue_*' --truncation_limit 0.05 --format json
  t5mix check my_task --include my_task.toml
"""
)

_MARKS = {"pass": "ok", "note": "note", "fail": "FAIL", "skip": "-"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this command."""
    parser.epilog = EPILOG
    parser.add_argument("name", nargs="+", help="a task; a mixture, for each of its tasks; or tasks, as 'glue_*'")
    parser.add_argument(
        "--split",
        action="append",
        default=[],
        help="only this split, of the tasks that have it; repeatable; all by default",
    )
    parser.add_argument(
        "--examples", type=arguments.positive, default=300, help="how many of each split, the first (default: 300)"
    )
    parser.add_argument(
        "--lengths",
        type=_lengths,
        default=_lengths("inputs=512,targets=512"),
        metavar="NAME=N,...",
        help="tokens of each feature at most, EOS included (default: inputs=512,targets=512)",
    )
    parser.add_argument(
        "--truncation_limit", type=_share, metavar="SHARE", help="fail where more examples are longer; any by default"
    )
    parser.add_argument(
        "--unknown_limit",
        type=_share,
        default=0.05,
        metavar="SHARE",
        help="fail where the vocabulary takes more: of a feature's letters, of different inputs, of a metric's best "
        "(default: 0.05)",
    )
    parser.add_argument(
        "--overlap_limit",
        type=_share,
        default=0.05,
        metavar="SHARE",
        help="fail where more of a split's examples are in another too (default: 0.05)",
    )
    parser.add_argument(
        "--held_out_overlap_limit",
        type=_share,
        metavar="SHARE",
        help="the same of two splits that are both held out, such as validation and test; any by default",
    )
    parser.add_argument(
        "--overlap_examples",
        type=arguments.positive,
        default=20_000,
        metavar="N",
        help="how many of each split are compared with the others, the first (default: 20000)",
    )
    parser.add_argument("--format", choices=("table", "json"), default="table")


def run(args: argparse.Namespace) -> int:
    """Checks the tasks and prints what was found."""
    from t5mix.evaluation.checks.check_task import check_task

    tasks = arguments.find_tasks(args.name)
    _check_usage(tasks, args)
    limits = Limits(
        lengths=args.lengths,
        examples=args.examples,
        splits=tuple(args.split),
        truncation=args.truncation_limit,
        unknown=args.unknown_limit,
        overlap=args.overlap_limit,
        held_out_overlap=args.held_out_overlap_limit,
        overlap_examples=args.overlap_examples,
    )
    reports = []
    with Progress() as progress:
        for number, task in enumerate(tasks):
            progress.tell("check", number, len(tasks))
            reports.append(check_task(task, limits))
    if args.format == "json":
        output.print_json({"passed": all(each.passed for each in reports), "tasks": [_described(r) for r in reports]})
    elif len(reports) == 1:
        _print_one(reports[0])
    else:
        _print_many(reports)
    return 0 if all(report.passed for report in reports) else 1


def _check_usage(tasks: "Sequence[Task]", args: argparse.Namespace) -> None:
    features = {name for task in tasks for name in task.output_features}
    given = set(args.lengths) - {"inputs", "targets"}
    if given - features:
        raise ValueError(
            f"--lengths names {', '.join(sorted(given - features))}, which no task has; "
            f"their features: {', '.join(sorted(features))}"
        )
    known = {split for task in tasks for split in _splits(task)} if args.split else set()
    for split in args.split:
        if known and split not in known:
            raise ValueError(f"--split: no task has a split {split!r}; their splits: {', '.join(sorted(known))}")


def _splits(task: "Task") -> tuple[str, ...]:
    """Returns the splits of a task, or none where its source cannot say, which is a failed check."""
    try:
        return tuple(task.source.splits)
    except ValueError:
        return ()


def _lengths(text: str) -> dict[str, int]:
    lengths: dict[str, int] = {}
    for part in text.split(","):
        name, equals, number = part.strip().partition("=")
        if not name or not equals:
            raise argparse.ArgumentTypeError(f"{part!r} is no NAME=N, such as inputs=512")
        lengths[name] = arguments.length(number)
    return lengths


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no share, 0 to 1")
    return share


def _described(report: Report) -> dict[str, Any]:
    return {
        "name": report.task,
        "declared_at": report.declared_at,
        "checked": report.checked,
        "passed": report.passed,
        "examples": dict(report.examples),
        "findings": [dataclasses.asdict(finding) for finding in report.findings],
    }


def _print_one(report: Report) -> None:
    rows = [(each.check, _MARKS[each.result], each.message) for each in report.findings]
    emit(output.table(f"task {report.task}", ("check", "", "found"), rows))
    emit(_sum([report]))


def _print_many(reports: Sequence[Report]) -> None:
    rows = []
    for report in reports:
        found = {finding.check: _MARKS[finding.result] for finding in report.findings}
        rows.append((report.task, *(found.get(check, "") for check in CHECKS)))
    emit(output.table(output.plural(len(reports), "task"), ("task", *CHECKS), rows))
    for result in ("note", "fail"):
        for report in reports:
            for finding in report.findings:
                if finding.result == result:
                    emit(_line(report, finding))
    emit(_sum(reports))


def _line(report: Report, finding: Finding) -> str:
    return f"{_MARKS[finding.result]}: {report.task}: {finding.check}: {finding.message}"


def _sum(reports: Sequence[Report]) -> str:
    failed = [report.task for report in reports if not report.passed]
    without = [report.task for report in reports if not report.checked]
    parts = [f"{output.plural(len(reports) - len(failed) - len(without), 'task')} passed"]
    if failed:
        parts.append(f"{len(failed)} failed: {', '.join(failed)}")
    if without:
        parts.append(f"{len(without)} without the split: {', '.join(without)}")
    return "; ".join(parts)

"""`t5mix overlap`: evaluation examples that stand in a mixture's training examples."""

import argparse
import collections
from typing import TYPE_CHECKING, Any

from t5mix.cli import arguments, output
from t5mix.internal.terminal import Progress, emit, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from t5mix.declarations.task import Task
    from t5mix.evaluation.overlap.index import EvaluationExamples
    from t5mix.evaluation.overlap.ledger import Ledger

# Training examples that are named for each evaluation example where a run is asked which steps fed them.
_NAMED = 1000

EPILOG = """\
examples:
  t5mix overlap offline_proportional
  t5mix overlap offline_proportional --against offline_language --split test
  t5mix overlap offline_proportional --output ledger.jsonl
  t5mix overlap offline_proportional --run runs/offline --output ledger.jsonl

Each evaluation example is held against each training example of each task. `exact` ones are there letter by letter;
`normalized` ones with other case, punctuation or blanks; of `run` ones a training example holds 13 words that follow
one another (--words), or 50 characters of an example that has fewer words (--characters). An example counts once, by
the strongest. `same target`: how many of the exact and normalized ones are trained on with the target that is asked
for.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this command."""
    parser.epilog = EPILOG
    parser.add_argument("names", nargs="+", metavar="NAME", help="mixtures and tasks, whose training examples are read")
    parser.add_argument(
        "--against",
        nargs="+",
        default=[],
        metavar="NAME",
        help="tasks or mixtures whose evaluation examples are looked for [theirs]",
    )
    parser.add_argument("--split", action="append", default=[], help="only this split of them; repeatable")
    parser.add_argument("--words", type=arguments.positive, default=13, help="words of a run [13]")
    parser.add_argument("--characters", type=arguments.positive, default=50, help="characters of a run [50]")
    parser.add_argument(
        "--run",
        dest="run_folder",  # args.run is this command
        metavar="FOLDER",
        help="a run folder, or FOLDER/finetune/TASK: tell the step that first fed each training example that is found",
    )
    parser.add_argument(
        "--output", metavar="FILE", help="write the ledger: a line of JSON for each example that is found"
    )
    parser.add_argument("--format", choices=("table", "json"), default="table")


def run(args: argparse.Namespace) -> int:
    """Reads, looks up and prints."""
    from t5mix.evaluation.overlap.ledger import NAMED, make_ledger
    from t5mix.evaluation.overlap.ledger_file import write_ledger
    from t5mix.runs.preflight.folders import check_new_file

    training = [task for task in arguments.find_tasks(args.names) if "train" in task.splits]
    if not training:
        raise ValueError(f"no task of {', '.join(args.names)} has a split 'train'")
    asked = [task for task in arguments.find_tasks(args.against or args.names) if task.metric_objs]
    chosen = [(task, split) for task in asked for split in task.splits if _is_chosen(split, args.split)]
    if not chosen:
        raise ValueError(f"no task of {', '.join(args.against or args.names)} has metrics and such a split")
    if args.output:
        check_new_file("--output", args.output)
    fed = None
    if args.run_folder:
        from t5mix.runs.records.stream_of_run import stream_of_run

        fed = stream_of_run(args.run_folder, args.include or ())
    with Progress() as progress:
        ledger = make_ledger(
            training,
            _read(chosen, progress),
            words=args.words,
            characters=args.characters,
            named=_NAMED if fed else NAMED,
            tell=lambda task, done, total: progress.tell(f"looking up training examples of {task}", done, total),
        )
        if fed:
            from t5mix.evaluation.overlap.first_steps import with_first_steps

            ledger, unknown = with_first_steps(ledger, training, fed.stream, fed.steps, progress.tell)
            if unknown:
                say(f"which step fed an example cannot be told of {', '.join(unknown)}: no cache holds what is fed")
    if args.output:
        write_ledger(ledger, args.output)
    if args.format == "json":
        steps = {"steps": fed.steps} if fed else {}
        rows = [row if fed else _without_steps(row) for row in _rows(ledger)]
        output.print_json({"words": ledger.words, "characters": ledger.characters, **steps, "splits": rows})
    else:
        _print(ledger, fed.steps if fed else None)
    return 0


def _read(chosen: "Sequence[tuple[Task, str]]", progress: Progress) -> "list[EvaluationExamples]":
    """Reads evaluation examples; names splits that have none, and leaves them out.

    Raises:
        ValueError: no split has an example.
    """
    from t5mix.evaluation.overlap.texts import evaluation_examples

    splits = []
    for number, (task, split) in enumerate(chosen):
        progress.tell("reading evaluation examples", number, len(chosen), f"of {task.name}, {split}")
        splits.append(evaluation_examples(task, split))
    empty = ", ".join(f"{each.task}, {each.split}" for each in splits if not each.texts)
    full = [each for each in splits if each.texts]
    if not full:
        raise ValueError(f"no evaluation example to look for: there is none in {empty}; name others with --against")
    if empty:
        say(f"left out, since these have no example: {empty}")
    return full


def _is_chosen(split: str, chosen: list[str]) -> bool:
    return split in chosen if chosen else split != "train"


def _rows(ledger: "Ledger") -> list[dict[str, Any]]:
    rows = []
    for (task, split), examples in ledger.splits.items():
        entries = ledger.of(task, split)
        kinds = collections.Counter(entry.kind for entry in entries)
        holders = collections.Counter({match.task: 0 for entry in entries for match in entry.matches})
        for entry in entries:
            holders.update({match.task for match in entry.matches})
        rows.append(
            {
                "task": task,
                "split": split,
                "examples": examples,
                "exact": kinds["exact"],
                "normalized": kinds["normalized"],
                "run": kinds["run"],
                "same_target": sum(entry.same_target for entry in entries),
                "clean": examples - len(entries),
                "training_tasks": dict(holders.most_common()),
                "fed": sum(entry.first_step is not None for entry in entries),
                "first_step": min((e.first_step for e in entries if e.first_step is not None), default=None),
            }
        )
    return rows


def _without_steps(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in ("fed", "first_step")}


def _print(ledger: "Ledger", steps: int | None) -> None:
    cells = [
        (
            row["task"],
            row["split"],
            *(f"{row[name]:,}" for name in ("examples", "exact", "normalized", "run", "same_target")),
            f"{100 * row['clean'] / row['examples']:.1f}%",
            *(() if steps is None else (f"{row['fed']:,}", output.count(row["first_step"]) if row["fed"] else "-")),
            ", ".join(f"{name} {count:,}" for name, count in list(row["training_tasks"].items())[:3]) or "-",
        )
        for row in _rows(ledger)
    ]
    examples = sum(ledger.trained_on.values())
    title = f"evaluation examples in {examples:,} training examples of {output.plural(len(ledger.trained_on), 'task')}"
    of_run = () if steps is None else (f">fed in {steps:,} steps", ">first at")
    kinds = (">exact", ">normalized", ">run", ">same target", ">clean")
    headings = ("task", "split", ">examples", *kinds, *of_run, "found in")
    emit(output.table(title, headings, cells))

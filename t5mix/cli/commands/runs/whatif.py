"""`t5mix whatif`: a run again, without a task or with other rates, beside the run as it was."""

import argparse
import math
import sys
from typing import TYPE_CHECKING

from t5mix.cli import arguments, output
from t5mix.internal.terminal import Progress, put, say

if TYPE_CHECKING:
    from t5mix.runs.experiments.replay import Replay
    from t5mix.runs.experiments.what_if import Change, WhatIf

EPILOG = """\
examples:
  t5mix whatif runs/offline --without offline_sentiment
  t5mix whatif runs/offline --without offline_sentiment --meaning mask --from_step 1000
  t5mix whatif runs/offline --rates offline_language=0.5 offline_questions=2 --run_folder runs/other_rates
  t5mix whatif runs/offline

renormalize: the task's draws go to the others, whose own order stays. mask: the same batches, and the task's loss is 0.
Without a change the run is repeated, and it is said whether it is the same, bit for bit. Each answer is a run folder of
its own; started again, the command goes on where it was. What is compared is what the run itself was scored on, or, by
--split, another split that it was scored on by t5mix eval.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this command."""
    parser.epilog = EPILOG
    parser.add_argument("original", metavar="RUN", help="the folder of a run that has ended")
    parser.add_argument("--without", nargs="+", default=[], metavar="TASK", help="tasks to leave out")
    parser.add_argument(
        "--meaning",
        choices=("renormalize", "mask"),
        default="renormalize",
        help="what --without means [renormalize]",
    )
    parser.add_argument(
        "--rates", nargs="+", default=[], type=_rate, metavar="TASK=RATE", help="in the unit of the mixture's own rates"
    )
    parser.add_argument("--from_step", type=arguments.positive, metavar="STEP", help="begin at this checkpoint of RUN")
    parser.add_argument("--run_folder", metavar="FOLDER", help="by default beside RUN, named by the change")
    parser.add_argument("--split", metavar="SPLIT", help="whose scores are compared [the first that RUN was scored on]")
    parser.add_argument("--no_finetune", action="store_true", help="stop after pre-training, where RUN fine-tunes")
    arguments.add_confidence(parser)
    parser.add_argument("--format", choices=("table", "json"), default="table")


def run(args: argparse.Namespace) -> int:
    """Makes the new run and compares it with the original."""
    from t5mix.runs.experiments.replay import compare_bits
    from t5mix.runs.experiments.what_if import check_what_if

    what_if = check_what_if(
        args.original,
        _change(args),
        args.run_folder,
        args.include or (),
        fine_tuning=not args.no_finetune,
        split=args.split,
    )
    what_if.carry_out(["t5mix", *sys.argv[1:]])
    say(f"the new run is {what_if.checked.folder.path}")
    replay = compare_bits(what_if.original, what_if.checked) if what_if.change.is_replay else None
    _print(what_if, replay, args)
    return 0 if replay is None or replay.equal else 1


def _change(args: argparse.Namespace) -> "Change":
    from t5mix.runs.experiments.what_if import Change

    rates = dict(args.rates)
    repeated = sorted({name for name in args.without if args.without.count(name) > 1 or name in rates})
    repeated += sorted({name for name, _ in args.rates if [each for each, _ in args.rates].count(name) > 1})
    if repeated:
        raise ValueError(f"{repeated[0]} is named twice: give it once, after --without or after --rates")
    left_out = Change.without(args.without, args.meaning, args.from_step)
    return Change(left_out.masked, {**left_out.rates, **rates}, args.from_step)


def _print(what_if: "WhatIf", replay: "Replay | None", args: argparse.Namespace) -> None:
    from t5mix.cli.commands.results.compare import show
    from t5mix.internal.files import without_nan

    comparison = None
    if what_if.is_scored:
        with Progress() as progress:
            done = iter(range(1_000_000))
            comparison = what_if.compared(
                args.confidence, lambda task: progress.tell("comparing", next(done), None, task)
            )
    if args.format == "json":
        content = {
            "run_folder": str(what_if.checked.folder.path),
            "made_from": what_if.made_from(),
            "replay": None if replay is None else replay.as_json(),
            "comparison": None if comparison is None else comparison.as_json(),
        }
        output.print_json(without_nan(content))
        return
    if replay is not None:
        _show_replay(replay)
    if comparison is None:
        put("no task has a score, so there is nothing to compare but the losses in metrics.jsonl")
    elif replay is None or not replay.equal:
        show(comparison)


def _show_replay(replay: "Replay") -> None:
    compared = (
        f"{output.plural(replay.lines, 'line')} of metrics, {output.plural(replay.arrays, 'array')} of last "
        f"checkpoints, answers to {output.plural(replay.answers, 'task')}"
    )
    if replay.equal:
        put(f"equal, bit for bit: {compared}")
        return
    put(f"not equal, of {compared}:")
    for difference in replay.differences:
        put(f"  {difference}")


def _rate(text: str) -> tuple[str, float]:
    name, equals, number = text.rpartition("=")
    try:
        rate = float(number)
    except ValueError:
        rate = math.nan
    if not name or not equals or not 0 <= rate < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no rate of a task, such as glue_cola_v002=0.5")
    return name, rate

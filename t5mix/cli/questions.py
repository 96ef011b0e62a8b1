"""Arguments of commands that ask a checkpoint: where inputs come from and outputs go."""

import argparse
import dataclasses
from typing import TYPE_CHECKING

from t5mix.cli import arguments
from t5mix.internal.processes import agreement

if TYPE_CHECKING:
    from t5mix.runs.answers.questions import Question
    from t5mix.runs.preflight.checks import Checked

# Also in runs/answers/questions.py, which loads NumPy.
_FORMATS = ("lines", "tsv", "csv", "jsonl", "json", "parquet")


def add_arguments(parser: argparse.ArgumentParser, *, targets: bool) -> None:
    """Adds `--checkpoint`, `--input_file`, `--task` and their like.

    Args:
        parser: of a command.
        targets: whether rows have targets besides.
    """
    parser.add_argument(
        "--checkpoint",
        metavar="PATH",
        required=True,
        help="a run folder (its newest checkpoint), FOLDER/finetune/TASK, or .../checkpoints/STEP; or a model of "
        "others, as `t5mix finetune --checkpoint` takes it",
    )
    arguments.add_trained(parser)
    parser.add_argument(
        "--input_file",
        default="-",
        metavar="FILE",
        help="inputs: lines, or a table; text may be compressed by gzip, bzip2 or xz; - is standard input",
    )
    parser.add_argument(
        "--input_format",
        choices=_FORMATS,
        help="by default as the file's ending says: .tsv, .csv, .jsonl, .json, .parquet (also before .gz), or lines",
    )
    parser.add_argument("--column", default="inputs", metavar="NAME", help="of tables, where inputs stand [inputs]")
    parser.add_argument(
        "--target_column",
        default="targets" if targets else None,
        metavar="NAME",
        help=f"of tables, where targets stand{' [targets]' if targets else ', to be copied into the output'}",
    )
    parser.add_argument("--task", metavar="NAME", help="ask a task's examples, in place of a file")
    parser.add_argument("--split", help="with --task: which examples [test]")
    parser.add_argument("--limit", type=arguments.positive, help="inputs at most, the first ones")
    parser.add_argument("--output_file", default="-", metavar="FILE", help="one output a line; - is standard output")
    parser.add_argument(
        "--output_format",
        choices=("lines", "jsonl"),
        help="jsonl: each line an object with inputs, target and output; by default what the file's ending tells",
    )
    parser.add_argument("--prefix", default="", help="text put before every input, such as 'sentiment: '")


def output_format(args: argparse.Namespace) -> str:
    """Returns the format of the output, as said or as the file's ending tells."""
    return args.output_format or ("jsonl" if args.output_file.lower().endswith(".jsonl") else "lines")


def check(args: argparse.Namespace) -> None:
    """Refuses arguments that exclude each other, before anything is read.

    Raises:
        ValueError: naming them.
    """
    from t5mix.runs.answers.writing import check_output

    if args.task is None and args.split is not None:
        raise ValueError(f"--split {args.split} is for --task: name the task, too")
    if args.task is not None:
        others = {"--input_file": args.input_file != "-", "--input_format": args.input_format, "--prefix": args.prefix}
        others |= {"--column": args.column != "inputs", "--target_column": args.target_column not in (None, "targets")}
        useless = [name for name, given in others.items() if given]
        if useless:
            raise ValueError(f"--task {args.task} says what is asked: leave out {', '.join(useless)}")
    check_output(args.output_file)


def read(args: argparse.Namespace, checked: "Checked") -> "list[Question]":
    """Returns what is asked."""
    from t5mix.runs.answers import questions
    from t5mix.runs.preflight.tasks import check_same_vocabularies

    if args.task is None:

        def asked() -> list[questions.Question]:
            return questions.of_file(
                args.input_file,
                args.input_format,
                column=args.column,
                target_column=args.target_column,
                limit=args.limit,
            )

        if args.input_file != "-":
            return asked()
        # Of several processes the first one's standard input is meant.
        said = agreement.first_says(lambda: [dataclasses.asdict(one) for one in asked()])
        return [questions.Question(**one) for one in said]
    named = arguments.find_tasks([args.task])
    if len(named) != 1:
        raise ValueError(f"--task {args.task} means {len(named)} tasks: name one, such as {named[0].name}")
    check_same_vocabularies(named[0], checked.provider, "--task")
    lengths = dict(checked.run.sequence_length)
    # Of several processes the first makes the token cache.
    return agreement.first_alone(lambda: questions.of_task(named[0], args.split or "test", lengths, args.limit))

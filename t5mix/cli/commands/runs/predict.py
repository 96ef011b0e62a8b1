"""`t5mix predict`: one line of text in, one line of text out."""

import argparse

from t5mix.cli import arguments
from t5mix.internal.processes import agreement

EPILOG = f"""\
examples:
  t5mix predict --checkpoint runs/offline --input_file questions.txt --output_file answers.txt
  t5mix predict --checkpoint runs/offline --input_file questions.txt --beams 4 --best 4
  t5mix predict --checkpoint runs/offline --input_file questions.txt --temperature 0.7 --top_p 0.9
  t5mix predict --checkpoint runs/offline --input_file questions.txt --choice yes --choice no
  echo "sentiment: a lovely day" | t5mix predict --checkpoint runs/offline/finetune/offline_sentiment

A line is what the model reads, with the task's prefix; `t5mix show TASK` shows examples.
With --best N, or --scores, a line is JSON, the best answer first: {{"answers": [{{"text": .., "score": ..}}, ..]}}
The settings are those that the run folder records; gin settings override them.

{arguments.GIN_EPILOG}"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this command."""
    parser.epilog = EPILOG
    arguments.add_gin_arguments(parser)
    arguments.add_processes(parser)
    parser.add_argument(
        "--checkpoint",
        metavar="PATH",
        required=True,
        help="a run folder (its newest checkpoint), FOLDER/finetune/TASK, or .../checkpoints/STEP",
    )
    arguments.add_trained(parser)
    parser.add_argument(
        "--input_file",
        default="-",
        metavar="FILE",
        help="one input a line; plain, or compressed by gzip, bzip2 or xz; - is standard input",
    )
    parser.add_argument("--output_file", default="-", metavar="FILE", help="one output a line; - is standard output")
    parser.add_argument("--prefix", default="", help="text put before every line, such as 'sentiment: '")
    parser.add_argument(
        "--choice", action="append", default=[], metavar="TEXT", help="an answer that there is; the likeliest is given"
    )
    parser.add_argument("--scores", action="store_true", help="write JSON, with the score of each answer")
    arguments.add_decoding_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Predicts the answer of each line."""
    with arguments.several_processes(args):
        return _run(args)


def _run(args: argparse.Namespace) -> int:
    from t5mix.runs import predict
    from t5mix.runs.preflight import checks

    _check_choices(args)
    params = arguments.gin_params(args, arguments.DECODING)
    checked = checks.check_recorded(args.checkpoint, args.gin_file, params, args.include or (), args.trained)
    predict.check_output(args.output_file)
    lines = agreement.first_says(lambda: predict.read_lines(args.input_file))  # standard input may be one's alone
    predict.predict_lines(checked, lines, args.output_file, prefix=args.prefix, scores=args.scores, choices=args.choice)
    return 0


def _check_choices(args: argparse.Namespace) -> None:
    """Refuses settings of decoding beside `--choice`: choices are scored, and nothing is decoded."""
    if not args.choice:
        return
    flags = [f"--{name}" for name in arguments.DECODING if getattr(args, name) is not None]
    params = [f"--gin_param {each!r}" for each in args.gin_param if "Decoding." in each.partition("=")[0]]
    if flags or params:
        raise ValueError(
            f"--choice scores the answers that there are, and nothing is decoded: leave out {', '.join(flags + params)}"
            "; for the score of each choice, add --scores"
        )

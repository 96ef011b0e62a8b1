"""`t5mix score`: how likely a checkpoint finds given targets."""

import argparse

from t5mix.cli import arguments, questions

EPILOG = f"""\
examples:
  t5mix score --checkpoint runs/offline --input_file pairs.tsv --output_file scores.txt
  t5mix score --checkpoint runs/offline --input_file pairs.jsonl --column question --target_column answer
  t5mix score --checkpoint runs/offline --task offline_translate_ende --split test --output_file scores.jsonl

The score of a target is its log-likelihood given the inputs, in nats, its EOS included. Outputs are in the order of the
inputs. Until all are there they stand in OUTPUT.unfinished, and the same command goes on from there. For the likeliest
of a few answers, see `t5mix predict --choice`.

{arguments.GIN_EPILOG}"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this command."""
    parser.epilog = EPILOG
    arguments.add_gin_arguments(parser)
    arguments.add_processes(parser)
    questions.add_arguments(parser, targets=True)


def run(args: argparse.Namespace) -> int:
    """Scores the target of each input."""
    with arguments.several_processes(args):
        return _run(args)


def _run(args: argparse.Namespace) -> int:
    from t5mix.runs.answers.score import score
    from t5mix.runs.preflight import checks

    questions.check(args)
    given = (args.checkpoint, args.gin_file, args.gin_param, args.include or (), args.trained)
    checked = checks.check_recorded(*given, task=args.task)
    asked = questions.read(args, checked)
    score(checked, asked, args.output_file, prefix=args.prefix, format=questions.output_format(args))
    return 0

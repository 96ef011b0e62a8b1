"""`t5mix predict`: what a checkpoint answers to each input."""

import argparse

from t5mix.cli import arguments, questions

EPILOG = f"""\
examples:
  t5mix predict --checkpoint runs/offline --input_file questions.txt --output_file answers.txt
  t5mix predict --checkpoint runs/offline --input_file questions.tsv --column question --output_file answers.jsonl
  t5mix predict --checkpoint runs/offline --task offline_sentiment --split test --output_file answers.jsonl
  t5mix predict --checkpoint runs/offline --input_file questions.txt --beams 4 --best 4
  t5mix predict --checkpoint runs/offline --input_file questions.txt --temperature 0.7 --top_p 0.9
  t5mix predict --checkpoint runs/offline --input_file questions.txt --choice yes --choice no
  t5mix predict --checkpoint runs/a --ensemble runs/b --ensemble runs/c --input_file questions.txt
  echo "sentiment: a lovely day" | t5mix predict --checkpoint runs/offline/finetune/offline_sentiment

An input is what the model reads, with the task's prefix; `t5mix show TASK` shows examples.
With --best N, or --scores, a line is JSON, the best answer first: {{"answers": [{{"text": .., "score": ..}}, ..]}}
Outputs are in the order of the inputs. Until all are there they stand in OUTPUT.unfinished, and the same command goes
on from there. The settings are those that the run folder records; gin settings override them.

{arguments.GIN_EPILOG}"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this command."""
    parser.epilog = EPILOG
    arguments.add_gin_arguments(parser)
    arguments.add_processes(parser)
    questions.add_arguments(parser, targets=False)
    parser.add_argument(
        "--choice", action="append", default=[], metavar="TEXT", help="an answer that there is; the likeliest is given"
    )
    parser.add_argument("--scores", action="store_true", help="write JSON, with the score of each answer")
    arguments.add_ensemble_arguments(parser)
    arguments.add_decoding_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Predicts the answer to each input."""
    with arguments.several_processes(args):
        return _run(args)


def _run(args: argparse.Namespace) -> int:
    from t5mix.runs.answers.predict import predict
    from t5mix.runs.preflight import checks

    _check_choices(args)
    questions.check(args)
    params = arguments.gin_params(args, arguments.DECODING)
    given = (args.checkpoint, args.gin_file, params, args.include or (), args.trained)
    checked = checks.check_recorded(*given, task=args.task)
    others = arguments.ensemble(args, checked, params)
    predict(
        checked,
        questions.read(args, checked),
        args.output_file,
        prefix=args.prefix,
        format=questions.output_format(args),
        scores=args.scores,
        choices=args.choice,
        others=others,
        combine=args.combine or "mean",
    )
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

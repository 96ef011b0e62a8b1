"""`t5mix eval`: scores of checkpoints, task by task, beside baselines."""

import argparse

from t5mix.cli import arguments

EPILOG = f"""\
examples:
  t5mix eval --run_folder runs/offline --split test
  t5mix eval --run_folder runs/offline --checkpoints all
  t5mix eval --run_folder runs/offline --checkpoints 1000,2000 --mixture_or_task offline_language
  t5mix eval --run_folder runs/offline/finetune/offline_language
  t5mix eval --run_folder runs/offline --ledger ledger.jsonl

The settings are those that the run folder records; gin settings override them.

{arguments.GIN_EPILOG}"""

SHORTHANDS = {
    "mixture_or_task": "Run.mixture",
    "split": "Evaluation.split",
    "limit": "Evaluation.limit",
    **arguments.DECODING,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this command."""
    parser.epilog = EPILOG
    arguments.add_gin_arguments(parser)
    arguments.add_processes(parser)
    parser.add_argument(
        "--run_folder",
        metavar="FOLDER",
        required=True,
        help="a run folder, or FOLDER/finetune/TASK within one",
    )
    parser.add_argument("--mixture_or_task", metavar="NAME", help="what to score; by default what was trained on")
    parser.add_argument("--split", help="split to score (Evaluation.split)")
    parser.add_argument("--limit", type=arguments.positive, help="examples of each task at most (Evaluation.limit)")
    parser.add_argument(
        "--checkpoints",
        default="latest",
        metavar="WHICH",
        help="latest (the default), all, best (all are scored, the best of each task is shown), or "
        "steps, such as 1000,2000",
    )
    parser.add_argument(
        "--ledger",
        metavar="FILE",
        help="from t5mix overlap --output: show scores on clean examples, too [the run folder's ledger.jsonl]",
    )
    arguments.add_decoding_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Scores checkpoints."""
    with arguments.several_processes(args):
        return _run(args)


def _run(args: argparse.Namespace) -> int:
    from t5mix.runs.preflight import checks

    params = arguments.gin_params(args, SHORTHANDS)
    checked = checks.check_recorded(args.run_folder, args.gin_file, params, args.include or ())
    steps, tasks = checks.check_scoring(checked, args.checkpoints)
    from t5mix.evaluation.overlap.clean import check_examples
    from t5mix.runs.evaluate import evaluate_checkpoints, print_scores
    from t5mix.runs.scores.clean_scores import clean_scores, find_ledger

    assert checked.checkpoint is not None
    found = find_ledger(args.ledger, checked.checkpoint.run.path)
    if found is not None:  # before the long part
        run, scored = checked.run, checked.run.evaluation
        for task in tasks:
            check_examples(task, scored.split, run.sequence_length, scored.limit, found)
    scores = evaluate_checkpoints(checked, steps, tasks)
    clean = None if found is None else clean_scores(scores, tasks, checked.checkpoint.trained, found)
    print_scores(scores, best=args.checkpoints == "best", fine_tuned=checked.checkpoint.is_fine_tuned, clean=clean)
    return 0

"""`t5mix average`: the mean of a run's checkpoints."""

import argparse

from t5mix.cli import arguments

EPILOG = f"""\
examples:
  t5mix average runs/offline --last 3 --output runs/averaged
  t5mix average runs/offline --checkpoints 1000,2000 --output runs/averaged
  t5mix average runs/offline/finetune/offline_sentiment --last 5 --output runs/averaged

The mean is in a new run folder, as the checkpoint of the last of the steps. eval, predict, export, finetune and the
rest take that folder, or FOLDER/finetune/TASK in it. A run keeps the newest Training.keep checkpoints.

{arguments.GIN_EPILOG}"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this command."""
    parser.epilog = EPILOG
    arguments.add_gin_arguments(parser)
    parser.add_argument("training", metavar="RUN", help="a run folder, or FOLDER/finetune/TASK within one")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--last", type=arguments.positive, metavar="N", help="the newest so many checkpoints")
    which.add_argument("--checkpoints", metavar="WHICH", help="all, or steps, such as 1000,2000")
    parser.add_argument("--output", metavar="FOLDER", required=True, help="a new folder, which appears when complete")


def run(args: argparse.Namespace) -> int:
    """Averages checkpoints."""
    from t5mix.mesh.interop.safe_files import check_new_folder
    from t5mix.runs.preflight import checks, folders
    from t5mix.runs.records.run_folder import check_local, find_checkpoint

    check_local("--output", args.output)
    folders.check_writable(f"--output {args.output!r}", check_new_folder(args.output).parent, "choose another folder")
    if args.checkpoints in ("latest", "best"):
        raise ValueError(f"--checkpoints {args.checkpoints} is one: give --last N, all, or steps such as 1000,2000")
    find_checkpoint(args.training, to_read=False)  # of a run of t5mix alone
    checked = checks.check_recorded(args.training, args.gin_file, args.gin_param, args.include or ())
    assert checked.checkpoint is not None
    steps = checks.chosen_steps(args.checkpoints or "all", checked.checkpoint)
    if args.last is not None:
        if args.last > len(steps):
            there = ", ".join(map(str, steps))
            raise ValueError(
                f"--last {args.last}: {args.training!r} has {len(steps)} whole checkpoints, of steps {there}; a run "
                "keeps more where Training.keep or Finetuning.keep says so"
            )
        steps = steps[-args.last :]
    if len(steps) < 2:
        raise ValueError(f"a mean needs two checkpoints, and this is that of step {steps[0]}: name more")
    from t5mix.runs.experiments.average import average

    average(checked, steps, args.output)
    return 0

"""`t5mix train`: multi-task pre-training, then fine-tuning on each task where the run says so."""

import argparse
import sys

from t5mix.cli import arguments
from t5mix.internal.terminal import Progress

EPILOG = f"""\
examples:
  t5mix train --gin_file runs/offline.gin
  t5mix train --gin_file runs/pretrain.gin --gin_file models/mini.gin --mixture_or_task offline_proportional \\
      --run_folder runs/mine --gin_param "MeshConfig.shape = 'batch:2'"
  t5mix train --gin_file runs/leave_one_out.gin --gin_file models/mini.gin \\
      --mixture_or_task offline_leave_one_out_questions --tasks offline_questions --run_folder runs/left_out
  t5mix train --gin_file runs/offline.gin --dry_run

{arguments.GIN_EPILOG}
Started again on the same folder, a run goes on from its last checkpoint, and skips what is finished."""

SHORTHANDS = {
    "run_folder": "Run.folder",
    "mixture_or_task": "Run.mixture",
    "steps": "Training.steps",
    "tasks": "Finetuning.tasks",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this command."""
    parser.epilog = EPILOG
    arguments.add_gin_arguments(parser)
    arguments.add_processes(parser)
    arguments.add_copy(parser)
    parser.add_argument("--run_folder", metavar="FOLDER", help="where to write (Run.folder)")
    parser.add_argument("--mixture_or_task", metavar="NAME", help="what to train on (Run.mixture)")
    parser.add_argument(
        "--tasks",
        type=arguments.names,
        metavar="NAME,NAME,...",
        help="which tasks are fine-tuned on afterwards, where the run fine-tunes (Finetuning.tasks)",
    )
    parser.add_argument("--steps", type=arguments.positive, help="pre-training steps in total (Training.steps)")
    parser.add_argument(
        "--dry_run",
        action="store_true",
        help="show tasks, rates, lengths, parameters and mesh, and stop",
    )


def run(args: argparse.Namespace) -> int:
    """Trains, or shows what would be trained."""
    with arguments.several_processes(args):
        return _run(args)


def _run(args: argparse.Namespace) -> int:
    from t5mix.runs.config import binding
    from t5mix.runs.preflight import checks, tasks
    from t5mix.runs.records.run_copy import prepared

    with Progress(what="checking the run"):
        bound = binding.bind(
            args.gin_file,
            arguments.gin_params(args, SHORTHANDS),
            include=args.include or (),
            vocab_size=tasks.model_vocab_size,
        )
        if args.tasks and bound.run.finetune is None:
            raise ValueError(
                f"--tasks {','.join(args.tasks)} are for fine-tuning, and Run.finetune is None: bind it to "
                "@Finetuning(), or leave out --tasks"
            )
    copy = prepared(bound.run.folder, None if args.dry_run else args.copy_to)
    with Progress(what="checking the run"):
        checked = checks.check_training(bound.run)
    if args.dry_run:
        from t5mix.runs.preflight.dry_run import show_plan

        show_plan(checked)
        return 0
    from t5mix.runs.pretrain import train_and_finetune

    return train_and_finetune(bound, checked, command=["t5mix", *sys.argv[1:]], copy=copy)

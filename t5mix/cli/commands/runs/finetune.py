"""`t5mix finetune`: fine-tuning on each task, always from the same checkpoint."""

import argparse
import sys

from t5mix.cli import arguments
from t5mix.internal.terminal import Progress

EPILOG = f"""\
examples:
  t5mix finetune --gin_file runs/pretrained/operative_config.gin --gin_file runs/finetune.gin \\
      --checkpoint runs/pretrained --run_folder runs/finetuned
  t5mix finetune --gin_file runs/pretrained/operative_config.gin --gin_file runs/finetune.gin \\
      --checkpoint runs/pretrained --run_folder runs/two --tasks glue_cola_v002,wsc_dpr_simple_proportional
  t5mix finetune --gin_file runs/pretrained/operative_config.gin --gin_file runs/from_scratch.gin \\
      --run_folder runs/from_scratch

{arguments.GIN_EPILOG}
Started again on the same folder, it goes on from its last checkpoint, and skips the tasks that are finished."""

SHORTHANDS = {
    "run_folder": "Run.folder",
    "mixture_or_task": "Run.mixture",
    "checkpoint": "Finetuning.checkpoint",
    "trained": "Finetuning.trained_before",
    "from_scratch": "Finetuning.from_scratch",
    "steps": "Finetuning.steps",
    "tasks": "Finetuning.tasks",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this command."""
    parser.epilog = EPILOG
    arguments.add_gin_arguments(parser)
    arguments.add_processes(parser)
    arguments.add_copy(parser)
    parser.add_argument("--run_folder", metavar="FOLDER", help="where to write (Run.folder)")
    parser.add_argument(
        "--mixture_or_task",
        metavar="NAME",
        help="a task, or a mixture whose tasks with metrics are fine-tuned one by one (Run.mixture)",
    )
    parser.add_argument(
        "--checkpoint",
        metavar="PATH",
        help="a run folder (its newest checkpoint), FOLDER/checkpoints/STEP, or a T5 of others, whose sizes need no "
        "settings: a Hugging Face folder or OWNER/MODEL of its Hub, a T5 or t5x checkpoint (Finetuning.checkpoint)",
    )
    parser.add_argument(
        "--trained",
        metavar="FOLDER",
        help="what was trained on the checkpoint before and lies alone (t5mix export --format trained), to go on from "
        "(Finetuning.trained_before)",
    )
    parser.add_argument(
        "--from_scratch",
        action="store_true",
        default=None,
        help="begin with new weights, not with a checkpoint: what a pre-training was worth (Finetuning.from_scratch)",
    )
    parser.add_argument(
        "--tasks",
        type=arguments.names,
        metavar="NAME,NAME,...",
        help="which tasks are fine-tuned on, in this order; by default those of the mixture with metrics; a mixture "
        "that is named here is trained on as one (Finetuning.tasks)",
    )
    parser.add_argument("--steps", type=arguments.positive, help="steps on each task (Finetuning.steps)")


def run(args: argparse.Namespace) -> int:
    """Fine-tunes on each task."""
    with arguments.several_processes(args):
        return _run(args)


def _run(args: argparse.Namespace) -> int:
    from t5mix.runs.config import binding
    from t5mix.runs.preflight import checks, foreign_checkpoints, tasks
    from t5mix.runs.records.run_copy import prepared

    if args.from_scratch and args.checkpoint is not None:
        raise ValueError(
            f"--from_scratch begins with new weights, and not with --checkpoint {args.checkpoint}: give one"
        )
    # Either of them wins over what a file says of the other.
    begin = ["Finetuning.checkpoint = None"] if args.from_scratch else []
    begin += ["Finetuning.from_scratch = False"] if args.checkpoint is not None else []
    params = [*arguments.gin_params(args, SHORTHANDS), *begin]
    with Progress(what="checking the run"):
        bound = binding.bind(
            args.gin_file,
            foreign_checkpoints.with_settings(args.gin_file, params),
            include=args.include or (),
            vocab_size=tasks.model_vocab_size,
        )
    copy = prepared(bound.run.folder, args.copy_to)
    with Progress(what="checking the run"):
        checked = checks.check_finetuning(bound.run)
    from t5mix.runs.finetune import finetune_only

    return finetune_only(bound, checked, command=["t5mix", *sys.argv[1:]], copy=copy)

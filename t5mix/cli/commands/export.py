"""`t5mix export`: a checkpoint for other programs."""

import argparse

from t5mix.cli import arguments

FORMATS = ("hf", "savedmodel", "stablehlo", "trained")
PROGRAMS = ("greedy_decode", "score", "logits", "train_step")

EPILOG = f"""\
examples:
  t5mix export --checkpoint runs/offline --format hf --output exported/offline
  t5mix export --checkpoint runs/offline/finetune/offline_sentiment --format savedmodel --output exported/sentiment
  t5mix export --checkpoint runs/offline --format stablehlo --program score --output exported/score

formats:
  hf           config, safetensors, tokenizer, generation settings and model card; transformers and CTranslate2's
               converter read it
  savedmodel   TensorFlow, with the tokenizer inside: texts in, texts out, by greedy decoding
  stablehlo    a program and its weights, for JAX alone
  trained      of FOLDER/finetune/TASK, the weights that fine-tuning changed, alone: LoRA, adapters, a prompt; LoRA is
               added up in every other format

The settings are those that the run folder records; gin settings override them.

{arguments.GIN_EPILOG}"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this command."""
    parser.epilog = EPILOG
    arguments.add_gin_arguments(parser)
    parser.add_argument(
        "--checkpoint",
        metavar="PATH",
        required=True,
        help="a run folder (its newest checkpoint), FOLDER/finetune/TASK, or .../checkpoints/STEP",
    )
    arguments.add_trained(parser)
    parser.add_argument("--format", choices=FORMATS, required=True, help="for whom")
    parser.add_argument("--output", metavar="FOLDER", required=True, help="a new folder, which appears when complete")
    parser.add_argument(
        "--dtype", choices=("float32", "bfloat16"), default="float32", help="of the weights, with --format hf"
    )
    parser.add_argument(
        "--batch_size", type=arguments.positive, default=8, help="rows of a batch of savedmodel and stablehlo"
    )
    parser.add_argument("--program", choices=PROGRAMS, default="greedy_decode", help="with --format stablehlo")


def run(args: argparse.Namespace) -> int:
    """Writes a checkpoint for other programs; returns the exit code."""
    from t5mix.mesh.interop.safe_files import check_new_folder
    from t5mix.runs.preflight import checks, folders
    from t5mix.runs.run_folder import check_local

    check_local("--output", args.output)
    folders.check_writable(f"--output {args.output!r}", check_new_folder(args.output).parent, "choose another folder")
    checked = checks.check_recorded(args.checkpoint, args.gin_file, args.gin_param, args.include or (), args.trained)
    from t5mix.runs import export

    if args.format == "hf":
        export.to_hugging_face(checked, args.output, dtype=args.dtype)
    elif args.format == "trained":
        export.to_trained_alone(checked, args.output)
    elif args.format == "savedmodel":
        export.to_saved_model(checked, args.output, batch_size=args.batch_size)
    else:
        export.to_stablehlo(checked, args.output, args.program, batch_size=args.batch_size)
    return 0

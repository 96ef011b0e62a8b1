"""`t5mix export`: a checkpoint for other programs."""

import argparse

from t5mix.cli import arguments

FORMATS = ("hf", "savedmodel", "stablehlo", "trained")
PROGRAMS = ("greedy_decode", "decode", "score", "logits", "train_step")

# Options that only some formats take.
_OPTIONS = {
    "trained": ("hf", "savedmodel", "stablehlo"),
    "dtype": ("hf",),
    "batch_size": ("savedmodel", "stablehlo"),
    "program": ("stablehlo",),
    **dict.fromkeys(arguments.DECODING, ("hf", "savedmodel", "stablehlo")),
}

EPILOG = f"""\
examples:
  t5mix export --checkpoint runs/offline --format hf --output exported/offline
  t5mix export --checkpoint runs/offline/finetune/offline_sentiment --format savedmodel --output exported/sentiment
  t5mix export --checkpoint runs/offline --format stablehlo --program score --output exported/score
  t5mix export --checkpoint runs/offline --format savedmodel --beams 4 --output exported/beams
  t5mix export --checkpoint google/flan-t5-small --trained lora --format hf --output exported/flan

formats:
  hf           config, safetensors, tokenizer, generation settings and model card; transformers and CTranslate2's
               converter read it
  savedmodel   TensorFlow, with the tokenizer inside: texts in, texts out, decoded as the run's settings say
  stablehlo    a program and its weights, for JAX alone: greedy_decode, decode (as the run's settings say), score, ..
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
        help="a run folder (its newest checkpoint), FOLDER/finetune/TASK, or .../checkpoints/STEP; or a model of "
        "others, as `t5mix finetune --checkpoint` takes it",
    )
    arguments.add_trained(parser)
    parser.add_argument("--format", choices=FORMATS, required=True, help="for whom")
    parser.add_argument("--output", metavar="FOLDER", required=True, help="a new folder, which appears when complete")
    parser.add_argument(
        "--dtype", choices=("float32", "bfloat16"), help="of the weights, with --format hf; float32 by default"
    )
    parser.add_argument(
        "--batch_size", type=arguments.positive, help="rows of a batch of savedmodel and stablehlo; 8 by default"
    )
    parser.add_argument("--program", choices=PROGRAMS, help=f"with --format stablehlo; {PROGRAMS[0]} by default")
    arguments.add_decoding_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Writes a checkpoint for other programs; returns the exit code."""
    from t5mix.mesh.interop.safe_files import check_new_folder
    from t5mix.runs.preflight import checks, folders
    from t5mix.runs.records.run_folder import check_local

    _check_options(args)
    check_local("--output", args.output)
    folders.check_writable(f"--output {args.output!r}", check_new_folder(args.output).parent, "choose another folder")
    params = arguments.gin_params(args, arguments.DECODING)
    checked = checks.check_recorded(args.checkpoint, args.gin_file, params, args.include or (), args.trained)
    from t5mix.runs import export

    if args.format == "hf":
        export.to_hugging_face(checked, args.output, dtype=args.dtype or "float32")
    elif args.format == "trained":
        export.to_trained_alone(checked, args.output)
    elif args.format == "savedmodel":
        export.to_saved_model(checked, args.output, batch_size=args.batch_size or 8)
    else:
        export.to_stablehlo(checked, args.output, args.program or PROGRAMS[0], batch_size=args.batch_size or 8)
    return 0


def _check_options(args: argparse.Namespace) -> None:
    """Refuses an option that the format has no use for, and would leave out of account.

    Raises:
        ValueError: naming it, and the formats that it is for.
    """
    for name, formats in _OPTIONS.items():
        if getattr(args, name) is not None and args.format not in formats:
            raise ValueError(
                f"--{name} is for --format {' and '.join(formats)}, and this is --format {args.format}: leave one out"
            )
    decoding = [f"--{name}" for name in arguments.DECODING if getattr(args, name) is not None]
    program = args.program or PROGRAMS[0]
    if decoding and args.format == "stablehlo" and program != "decode":
        raise ValueError(f"{', '.join(decoding)} is for --program decode, and this is {program}: leave one out")

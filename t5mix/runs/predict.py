"""`t5mix predict`: one line of text in, one line of text out."""

import sys
from collections.abc import Sequence
from pathlib import Path

from t5mix.evaluation.prediction import Predict
from t5mix.features import Feature
from t5mix.files import write_atomically
from t5mix.runs import binding
from t5mix.runs.check import EOS_ID, Provider, check_checkpoint, check_mesh, load_provider
from t5mix.runs.folders import find_checkpoint
from t5mix.runs.parts import Parts


def predict_lines(
    checkpoint: str,
    input_file: str,
    output_file: str,
    *,
    prefix: str = "",
    gin_files: Sequence[str] = (),
    gin_params: Sequence[str] = (),
    packs: Sequence[str] = (),
) -> int:
    r"""Answers every line of a file.

    A line break within an answer is written as `\n`, so that line n of the output answers line n of
    the input.

    Args:
        checkpoint: a run folder, `FOLDER/finetune/TASK`, or `.../checkpoints/STEP`.
        input_file: one input a line, as the model reads it; "-" is standard input.
        output_file: where answers go; "-" is standard output.  A file appears whole or not at all.
        prefix: put before every line.
        gin_files: settings that override the recorded ones.
        gin_params: single settings that override the rest.
        packs: files and folders of declarations.

    Raises:
        FileNotFoundError: no such checkpoint or input file.
        ValueError: the checkpoint is of another vocabulary, or the mesh does not fit.
    """
    found = find_checkpoint(checkpoint)
    files = [str(found.run.operative_config), *gin_files]
    run = binding.bind(files, gin_params, packs=packs).run
    lines = _read_lines(input_file)
    provider = load_provider(run)
    check_checkpoint(run, provider, found)
    check_mesh(run)
    inputs = [prefix + line for line in lines]
    ids = encode(inputs, provider.output_features["inputs"], run.sequence_length["inputs"])
    if not ids:
        _write_lines(output_file, [])
        return 0
    parts = Parts(run, provider)
    answers = decode(parts.predictor(parts.restore(found)), ids, provider)
    _write_lines(output_file, answers)
    return 0


def encode(texts: Sequence[str], feature: Feature, length: int) -> list[list[int]]:
    """Ids of each text, with EOS; those that are too long are cut, and counted on standard error."""
    ids = [[*feature.vocabulary.encode(text), EOS_ID] for text in texts]
    overflowing = [number for number, sequence in enumerate(ids, 1) if len(sequence) > length]
    if overflowing:
        print(
            f"{len(overflowing)} of {len(ids)} inputs are longer than {length} tokens and were truncated, "
            f"the first of them in line {overflowing[0]}",
            file=sys.stderr,
        )
    return [s if len(s) <= length else [*s[: length - 1], EOS_ID] for s in ids]


def decode(predict: Predict, ids: Sequence[Sequence[int]], provider: Provider) -> list[str]:
    """The model's answers, as text without line breaks."""
    vocabulary = provider.output_features["targets"].vocabulary
    return [vocabulary.decode(output).replace("\n", "\\n") for output in predict(ids)]


def _read_lines(path: str) -> list[str]:
    if path == "-":
        text = sys.stdin.read()
    elif Path(path).is_file():
        text = Path(path).read_text("utf-8")
    else:
        raise FileNotFoundError(f"--input_file {path!r}: there is no such file")
    # Not splitlines(): U+2028 and its like end no line of a file.
    return text.removesuffix("\n").split("\n") if text else []


def _write_lines(path: str, lines: Sequence[str]) -> None:
    text = "".join(f"{line}\n" for line in lines)
    if path == "-":
        sys.stdout.write(text)
        sys.stdout.flush()
    else:
        write_atomically(Path(path), text)

"""`t5mix predict`: one line of text in, one line of text out."""

import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from t5mix.evaluation.decoding import AnswerAll, Predict, ScoreTargets, first_answers
from t5mix.internal import text_files
from t5mix.internal.files import write_atomically
from t5mix.internal.processes import agreement
from t5mix.internal.terminal import put_data, say
from t5mix.runs.preflight.checks import Checked
from t5mix.runs.preflight.folders import check_new_file
from t5mix.runs.preflight.tasks import EOS_ID, Provider, check_answers
from t5mix.vocabularies.features import Feature


def predict_lines(
    checked: Checked,
    lines: Sequence[str],
    output_file: str,
    *,
    prefix: str = "",
    scores: bool = False,
    choices: Sequence[str] = (),
) -> None:
    r"""Answers every line.

    A line break within an answer is written as `\n`, so that line n of the output answers line n of
    the input. With scores, or where `Decoding.best` is above 1, a line is JSON.

    Args:
        checked: the settings, and the checkpoint that answers.
        lines: inputs, as the model reads them.
        output_file: where answers go; "-" is standard output. A file appears whole or not at all.
        prefix: put before every line.
        scores: whether the score of each answer is written.
        choices: the answers that there are; the likeliest is given. Without them, answers are decoded.

    Raises:
        ValueError: a choice is longer than the model's answers.
    """
    run, provider = checked.run, checked.provider
    assert checked.checkpoint is not None
    check_answers(run)
    inputs = [prefix + line for line in lines]
    ids = encode(inputs, provider.output_features["inputs"], run.sequence_length["inputs"])
    chosen = encode_choices(choices, provider.output_features["targets"], run.sequence_length["targets"])
    answers: list[str] = []
    if ids:
        from t5mix.runs.components import Components

        components = Components(run, provider)
        state = components.restore(checked.checkpoint)
        answerer = components.answerer(state)
        if choices:
            answers = choose(components.target_scorer(state), ids, choices, chosen, scores=scores)
        elif scores or run.decoding.best > 1:
            answers = decode_with_scores(answerer, ids, provider)
        else:
            answers = decode(first_answers(answerer), ids, provider)
    if agreement.is_first():
        write_lines(output_file, answers)


def encode(texts: Sequence[str], feature: Feature, length: int) -> list[list[int]]:
    """Returns the ids of each text, with the feature's EOS; cuts those that are too long, and says how many."""
    end = [EOS_ID] if feature.add_eos else []
    ids = [[*feature.vocabulary.encode(text), *end] for text in texts]
    overflowing = [number for number, sequence in enumerate(ids, 1) if len(sequence) > length]
    if overflowing:
        say(
            f"{len(overflowing)} of {len(ids)} inputs are longer than {length} tokens and were truncated, "
            f"the first of them in line {overflowing[0]}"
        )
    return [s if len(s) <= length else [*s[: length - len(end)], *end] for s in ids]


def decode(predict: Predict, ids: Sequence[Sequence[int]], provider: Provider) -> list[str]:
    """Returns the model's answers, as text without line breaks."""
    vocabulary = provider.output_features["targets"].vocabulary
    return [vocabulary.decode(output).replace("\n", "\\n") for output in predict(ids)]


def decode_with_scores(answer: AnswerAll, ids: Sequence[Sequence[int]], provider: Provider) -> list[str]:
    """Returns all answers to each input and their scores, as JSON: {"answers": [{"text": .., "score": ..}, ..]}."""
    vocabulary = provider.output_features["targets"].vocabulary
    return [_json([(vocabulary.decode(one.ids), one.score) for one in answers]) for answers in answer(ids)]


def _json(answers: Sequence[tuple[str, float]]) -> str:
    return json.dumps({"answers": [{"text": text, "score": score} for text, score in answers]}, ensure_ascii=False)


def encode_choices(choices: Sequence[str], feature: Feature, length: int) -> list[list[int]]:
    """Returns the ids of each choice, with the feature's EOS.

    Raises:
        ValueError: one is longer than answers are, or is given twice.
    """
    ids = [[*feature.vocabulary.encode(text), *([EOS_ID] if feature.add_eos else [])] for text in choices]
    for number, text in enumerate(choices):
        if text in choices[:number]:
            raise ValueError(f"--choice {text!r} is given twice")
        if len(ids[number]) > length:
            raise ValueError(
                f"--choice {text!r} has {len(ids[number])} tokens, and answers have {length} at most: choose a longer "
                "Run.sequence_length for 'targets'"
            )
    return ids


def choose(
    score: ScoreTargets,
    ids: Sequence[Sequence[int]],
    choices: Sequence[str],
    targets: Sequence[Sequence[int]],
    *,
    scores: bool,
) -> list[str]:
    """Returns the likeliest choice for each input, of equals the first; with scores, all of them as JSON."""
    answers = []
    for found in score(ids, [targets] * len(ids)):
        ranked = sorted(zip(choices, found, strict=True), key=lambda pair: -pair[1])
        answers.append(_json(ranked) if scores else ranked[0][0].replace("\n", "\\n"))
    return answers


def read_lines(path: str) -> list[str]:
    """Reads the lines of a file, or of standard input for "-"; both may be compressed, see `text_files`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no UTF-8 text.
    """
    if path == "-":
        if sys.stdin.isatty():
            say("type one input a line; Ctrl-D ends")
        return list(text_files.lines(_standard_input(), "standard input"))
    if Path(path).is_dir():
        raise ValueError(f"--input_file {path!r} is a folder: give a file, one input a line")
    if not Path(path).exists():
        raise FileNotFoundError(f"--input_file {path!r}: there is no such file")
    with open(path, "rb") as file:
        return list(text_files.lines(file, f"--input_file {path}"))


def _standard_input() -> IO[bytes]:
    """Returns the bytes of standard input, which the locale does not change."""
    held = getattr(sys.stdin, "buffer", None)
    return held if held is not None else io.BytesIO(sys.stdin.read().encode())


def check_output(path: str) -> None:
    """Refuses a file that can not be written, before anything is computed for it.

    Raises:
        ValueError: its folder is missing or can not be written, or it is a folder itself.
    """
    if path != "-":
        check_new_file("--output_file", path)


def write_lines(path: str, lines: Sequence[str]) -> None:
    """Writes lines into a file, whole or not at all, or to standard output for "-"."""
    text = "".join(f"{line}\n" for line in lines)
    if path == "-":
        put_data(text)
    else:
        write_atomically(Path(path), text)

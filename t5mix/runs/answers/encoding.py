"""Texts to the ids that a model reads or scores."""

import dataclasses
import math
from collections.abc import Sequence

from t5mix.internal.terminal import say
from t5mix.runs.answers.questions import Question
from t5mix.runs.preflight.checks import Checked
from t5mix.runs.preflight.foreign_checkpoints import ForeignCheckpoint
from t5mix.runs.preflight.tasks import EOS_ID
from t5mix.vocabularies.features import Feature

# Rows of a checkpoint without a run are a multiple of this long, so that few programs are compiled.
_ROW_STEP = 64


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


def fitted(checked: Checked, ids: Sequence[Sequence[int]]) -> Checked:
    """Returns the settings with rows as long as the inputs need, for a checkpoint that no run says the lengths of.

    Answers do not depend on padding. What a run was trained with stays: its programs may be compiled already.

    Args:
        checked: the settings, and the checkpoint that is asked.
        ids: of the inputs, EOS included.
    """
    if not isinstance(checked.checkpoint, ForeignCheckpoint):
        return checked
    step = math.lcm(_ROW_STEP, checked.run.mesh.parts("length"))  # the mesh may split rows
    lengths, longest = checked.run.sequence_length, max(map(len, ids), default=1)
    shorter = min(lengths["inputs"], -(-longest // step) * step)
    run = dataclasses.replace(checked.run, sequence_length={**lengths, "inputs": shorter})
    return dataclasses.replace(checked, run=run)


def encode_questions(questions: Sequence[Question], prefix: str, feature: Feature, length: int) -> list[list[int]]:
    """Returns the ids of each question's inputs: those of a task's example as they are.

    Args:
        questions: all of a task, or none.
        prefix: put before every text.
        feature: of the inputs.
        length: tokens of an input.
    """
    if any(question.ids is not None for question in questions):
        return [list(question.ids or ()) for question in questions]
    return encode([prefix + question.inputs for question in questions], feature, length)


def encode_targets(questions: Sequence[Question], feature: Feature) -> list[list[int]]:
    """Returns the ids of each question's target, whole: those of a task's example as they are, of a text with EOS."""
    return [
        _ended(question.target or "", feature) if question.target_ids is None else list(question.target_ids)
        for question in questions
    ]


def _ended(text: str, feature: Feature) -> list[int]:
    return [*feature.vocabulary.encode(text), *([EOS_ID] if feature.add_eos else [])]


def encode_choices(choices: Sequence[str], feature: Feature, length: int) -> list[list[int]]:
    """Returns the ids of each choice, with the feature's EOS.

    Raises:
        ValueError: one is longer than answers are, or is given twice.
    """
    ids = [_ended(text, feature) for text in choices]
    for number, text in enumerate(choices):
        if text in choices[:number]:
            raise ValueError(f"--choice {text!r} is given twice")
        if len(ids[number]) > length:
            raise ValueError(
                f"--choice {text!r} has {len(ids[number])} tokens, and answers have {length} at most: choose a longer "
                "Run.sequence_length for 'targets'"
            )
    return ids

"""Checkpoints of other programs: Hugging Face folders, published T5, t5x. They are fine-tuned, and used as they are."""

import dataclasses
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from t5mix.declarations.task import Task
from t5mix.mesh.interop import OpenedCheckpoint, is_foreign, open_checkpoint
from t5mix.mesh.interop.hugging_face.generation import answer_length, decoding_of
from t5mix.runs.config.gin_files import bound_to, parts_of, said, with_defaults
from t5mix.runs.config.settings import Run, settings
from t5mix.runs.preflight import same_model
from t5mix.runs.preflight.tasks import Provider, vocabularies
from t5mix.runs.records.run_folder import CheckpointPath, RunFolder, Trained, find_checkpoint
from t5mix.sources.function import FunctionDataSource
from t5mix.vocabularies.base import Vocabulary
from t5mix.vocabularies.byte_level import ByteVocabulary
from t5mix.vocabularies.features import Feature
from t5mix.vocabularies.sentence_piece import SentencePieceVocabulary

if TYPE_CHECKING:
    import tensorflow as tf

# Tokens of inputs and answers, and rows of a batch, of a checkpoint that no run says anything about; T5's inputs have
# 512 tokens.
LENGTHS, ROWS = {"inputs": 512, "targets": 128}, 8


@dataclasses.dataclass(frozen=True)
class ForeignCheckpoint(CheckpointPath):
    """A checkpoint that another program wrote; it has weights, and neither a run nor an optimizer's slots.

    Attributes:
        opened: what it holds.
    """

    opened: OpenedCheckpoint

    def __str__(self) -> str:
        return self.opened.source


def find_start(path: str) -> CheckpointPath:
    """Finds where fine-tuning starts: in a run folder, or in a checkpoint of another program.

    Args:
        path: a run folder or one of its checkpoints; a folder or a name that `open_checkpoint` knows.

    Raises:
        FileNotFoundError: there is nothing of either kind.
        ValueError: it is a checkpoint of another program, which t5mix cannot read; says why.
    """
    if not is_foreign(path):
        return find_checkpoint(path)
    opened = open_checkpoint(path)
    return ForeignCheckpoint(RunFolder(Path(path)), Trained(Path(path)), opened.step, opened)


def with_settings(gin_files: Sequence[str], gin_params: Sequence[str]) -> list[str]:
    """Returns the gin settings of a fine-tuning, with those before them that a checkpoint of another program says.

    These are the sizes of the model, which its weights decide; and how answers are decoded, where nobody says it. A run
    of t5mix says nothing here, for it has its own gin file.

    Args:
        gin_files: that the user names.
        gin_params: that the user gives.
    """
    path = bound_to("Finetuning.checkpoint", gin_files, gin_params)
    if not isinstance(path, str) or not is_foreign(path):
        return list(gin_params)
    opened = open_checkpoint(path)
    defaults = decoding_settings(opened, said(gin_files, gin_params))
    return [*settings_of(opened), *with_defaults(defaults, gin_files, gin_params)]


def settings_of(opened: OpenedCheckpoint) -> list[str]:
    """Returns the gin settings that the weights decide."""
    return [f"T5Config.{name} = {getattr(opened.config, name)!r}" for name in same_model.DECIDED]


def decoding_settings(opened: OpenedCheckpoint, bound: Collection[str]) -> dict[str, Any]:
    """Returns how the checkpoint's answers are decoded where nobody says otherwise, by gin names.

    Args:
        opened: the checkpoint.
        bound: names of the settings that somebody binds: where these say how, its file is not asked.

    Raises:
        ValueError: its generation_config.json says what t5mix can not do.
    """
    if "Decoding" in parts_of(bound):
        return {}
    decoding = decoding_of(opened.generation, opened.source)
    return dict(settings(decoding)) if decoding != type(decoding)() else {}


def default_settings(opened: OpenedCheckpoint, lengths: Mapping[str, int], bound: Collection[str]) -> dict[str, Any]:
    """Returns what holds for a checkpoint that is used without a run, where nobody says otherwise, by gin names.

    Args:
        opened: the checkpoint.
        lengths: tokens of features, where what was trained on it says so.
        bound: names of the settings that somebody binds.
    """
    is_known = "Run.sequence_length" in bound or "targets" in lengths
    answers = None if is_known else answer_length(opened.generation, opened.source)
    known = LENGTHS if answers is None else {**LENGTHS, "targets": answers}
    return {
        "Run.folder": opened.source,  # nothing is written there
        "Run.mixture": _no_task(opened),
        "Run.batch_size": ROWS,
        "Run.sequence_length": {**known, **lengths},
        **decoding_settings(opened, bound),
    }


def _no_task(opened: OpenedCheckpoint) -> str:
    """Returns what `Run.mixture` is where nobody names one: no task can have that name."""
    return f"({opened.source})"


def names_no_task(run: Run, checkpoint: CheckpointPath | None) -> bool:
    """Tells whether a checkpoint of another program is used without a task: see `own_task`."""
    return isinstance(checkpoint, ForeignCheckpoint) and run.mixture == _no_task(checkpoint.opened)


def own_task(opened: OpenedCheckpoint) -> Task:
    """Returns a task without examples, with the checkpoint's own vocabulary: texts go to the model as they are.

    Raises:
        ValueError: the checkpoint does not say which vocabulary it was trained with.
    """
    if opened.vocabulary is None:
        raise ValueError(
            f"the checkpoint {opened.source!r} ({opened.kind}) does not say which vocabulary it was trained with: name "
            "a task that has it, --gin_param \"Run.mixture = 'NAME'\""
        )
    feature = Feature(opened.vocabulary)
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", Path(opened.source).name) or "checkpoint"
    return Task(name, FunctionDataSource(_nothing, ["none"]), {"inputs": feature, "targets": feature})


def _nothing(split: str, shuffle_files: bool) -> "tf.data.Dataset":
    raise ValueError("a checkpoint has no examples: name a task")


def check_foreign(run: Run, provider: Provider, checkpoint: ForeignCheckpoint) -> None:
    """Checks that a checkpoint is of this run's model, and that its ids mean the words of the tasks' vocabularies.

    Raises:
        ValueError: naming what differs, there and here.
    """
    differing = same_model.differences(checkpoint.opened.config, run.model)
    if differing:
        raise ValueError(f"the checkpoint {str(checkpoint)!r} is of another model: {', '.join(differing)}")
    theirs = checkpoint.opened.vocabulary
    for name, ours in vocabularies(provider):
        if theirs is not None and not _same_ids(ours, theirs):
            raise ValueError(
                f"the checkpoint {str(checkpoint)!r} was trained with another vocabulary of {name!r} ({theirs!r}) than "
                f"{provider.name} has ({ours!r}): ids would mean other words; declare the tasks with the checkpoint's"
            )


def _same_ids(ours: Vocabulary, theirs: Vocabulary) -> bool:
    """Tells whether the ids that both have mean the same; one of them may have more extra ids."""
    if ours.fingerprint == theirs.fingerprint:
        return True
    if isinstance(ours, ByteVocabulary) and isinstance(theirs, ByteVocabulary):
        return True
    if not isinstance(ours, SentencePieceVocabulary) or not isinstance(theirs, SentencePieceVocabulary):
        return False
    return all(a == b for a, b in zip(_pieces(ours), _pieces(theirs), strict=False))


def _pieces(vocabulary: SentencePieceVocabulary) -> list[Any]:
    processor = vocabulary.tokenizer
    return [(processor.id_to_piece(n).lstrip("▁"), processor.get_score(n)) for n in range(vocabulary.vocab_size)]

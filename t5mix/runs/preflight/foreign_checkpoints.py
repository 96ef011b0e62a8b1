"""Checkpoints of other programs, where fine-tuning may start: Hugging Face folders, published T5, t5x."""

import dataclasses
from pathlib import Path
from typing import Any

from t5mix.mesh.interop import OpenedCheckpoint, is_foreign, open_checkpoint
from t5mix.runs.config.settings import Run
from t5mix.runs.preflight import same_model
from t5mix.runs.preflight.tasks import Provider, vocabularies
from t5mix.runs.records.run_folder import CheckpointPath, RunFolder, Trained, find_checkpoint
from t5mix.vocabularies.base import Vocabulary
from t5mix.vocabularies.byte_level import ByteVocabulary
from t5mix.vocabularies.sentence_piece import SentencePieceVocabulary


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


def model_params(path: str | None) -> list[str]:
    """Returns the gin settings that a checkpoint of another program decides, so that nobody needs to write them.

    Args:
        path: what the user gave as a checkpoint; a run folder decides nothing here, for it has its own gin file.
    """
    if path is None or not is_foreign(path):
        return []
    config = open_checkpoint(path).config
    return [f"T5Config.{name} = {getattr(config, name)!r}" for name in same_model.DECIDED]


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

"""What an unfinished output is made of: it is gone on with by the same alone."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from t5mix.internal.terminal import Progress
from t5mix.runs.config.settings import settings
from t5mix.runs.preflight.checks import Checked
from t5mix.runs.preflight.foreign_checkpoints import ForeignCheckpoint
from t5mix.runs.records.run_folder import CheckpointPath
from t5mix.training import checkpoint_files


def key_of(checked: Checked, ids: Sequence[Sequence[int]], *more: Any) -> str:
    """Returns a hash of the checkpoint's bytes, the settings that decide answers, the inputs, and more.

    Args:
        checked: the settings, and the checkpoint.
        ids: of the inputs.
        more: JSON content.
    """
    run, checkpoint = checked.run, checked.checkpoint
    assert checkpoint is not None
    parts = [
        weights_of(checkpoint),
        [(name, repr(value)) for name, value in settings(run.decoding)],
        [(name, repr(value)) for name, value in settings(run.model)],
        [(name, repr(value)) for name, value in settings(run.mesh)],
        dict(run.sequence_length),
        run.evaluation_batch_size,
        {name: feature.vocabulary.fingerprint for name, feature in checked.provider.output_features.items()},
        [list(map(int, each)) for each in ids],
        *more,
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def weights_of(checkpoint: CheckpointPath) -> str:
    """Returns a hash of a checkpoint: of the checksums of its bytes, and of what lies alone beside it."""
    weights: Any = checkpoint_files.identity(Path(str(checkpoint)))
    if isinstance(checkpoint, ForeignCheckpoint):
        weights = _sums(checkpoint.opened.files)
    alone = None
    if checkpoint.trained_alone is not None:
        folder = Path(checkpoint.trained_alone)
        alone = [[path.name, _sum(path)] for path in sorted(folder.iterdir()) if path.is_file()]
    return hashlib.sha256(json.dumps([weights, alone]).encode()).hexdigest()


def weights_beside(checkpoint: CheckpointPath | None) -> str | None:
    """Returns a hash of weights that are not those of a run's checkpoint as it is; None where they are."""
    if checkpoint is None or not (isinstance(checkpoint, ForeignCheckpoint) or checkpoint.trained_alone):
        return None
    return weights_of(checkpoint)


def _sums(files: Sequence[Path]) -> list[list[str]]:
    """Returns name and hash of each file; says how far it is."""
    sums = []
    with Progress(what="reading the checkpoint") as progress:
        for number, path in enumerate(files):
            progress.tell("reading the checkpoint", number, len(files), path.name)
            sums.append([path.name, _sum(path)])
    return sums


def _sum(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

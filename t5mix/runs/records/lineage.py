"""Where a checkpoint comes from: mixture, rates, tasks, data, and the checkpoint that it began with, recursively.

Only small files are read, and no task is loaded. They may be a stranger's: what is in them is shown, and nothing of it
is run. The path of an earlier checkpoint is followed only to look whether the checkpoint there is the recorded one.
"""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from t5mix.internal.files import read_json, read_text
from t5mix.runs.records.run_folder import CheckpointPath, find_checkpoint
from t5mix.training import checkpoint_files

# Far more than anybody trains one after the other: a folder that was tampered with ends, too.
_DEEPEST = 100


def lineage_of(path: str) -> dict[str, Any]:
    """Returns where a checkpoint comes from, as JSON.

    Args:
        path: a run folder (its newest checkpoint), `FOLDER/finetune/TASK`, or `.../checkpoints/STEP`.

    Returns:
        "checkpoint", "sha256" (of its manifest, which has checksums of all else), "step", "run", "training"; "name",
        "declared_at" and "file_sha256" of the mixture or task that was trained on; "seed", "decoding_seed"; "tasks", by
        name, with share, declaration, source and vocabularies; "files", by task, with what tells the files of its
        training split; "starts" of the run; "averaged", the steps of the checkpoints that it is the mean of, None where
        it is no mean; "trained_before", "folder" and "sha256" of what was trained alone and put onto the first weights,
        or None; and "began_with": None, the same of another checkpoint, or "checkpoint", "step", "sha256" and
        "not_followed", the reason.

    Raises:
        FileNotFoundError: there is no such checkpoint.
        ValueError: what the folder records is damaged.
    """
    return _of(find_checkpoint(path, to_read=False), ())


def _of(found: CheckpointPath, before: tuple[str, ...]) -> dict[str, Any]:
    folder = found.trained.checkpoints / str(found.step)
    extra = _mapping(checkpoint_files.manifest_of(folder).get("extra"))
    fed = _mapping(extra.get("stream"))
    recorded = read_json(found.run.lineage) if found.run.lineage.is_file() else {}
    fine_tuned = found.is_fine_tuned
    known = _mapping(recorded.get("tasks"))
    shares = dict(shares_noted(fed)) or {name: _mapping(task).get("share") for name, task in known.items()}
    mixtures = _mapping(recorded.get("finetuned_mixtures"))
    trained_on = _mapping(known.get(found.task) or mixtures.get(found.task)) if fine_tuned else recorded
    return {
        "checkpoint": str(found),
        "sha256": checkpoint_files.identity(folder),
        "step": found.step,
        "run": str(found.run.path),
        "training": "fine-tuning" if fine_tuned else "pre-training",
        "name": found.task if fine_tuned else recorded.get("mixture"),
        **{key: trained_on.get(key) for key in ("declared_at", "file_sha256")},
        **{key: recorded.get(key) for key in ("seed", "decoding_seed")},
        "tasks": {name: {**_mapping(known.get(name)), "share": share} for name, share in shares.items()},
        "files": {
            name: _mapping(_mapping(task).get("files"))
            for name, task in (read_json(found.trained.data) if found.trained.data.is_file() else {}).items()
        },
        "starts": list(_starts(found)),
        "averaged": extra.get("averaged"),
        "trained_before": _mapping(_start_of(found).get("trained_before")) or None,
        "began_with": _began_with(found, (*before, os.path.realpath(folder))),
    }


def _mapping(value: Any) -> Mapping[str, Any]:
    """Returns JSON that should be an object; what is missing or something else is empty."""
    return value if isinstance(value, Mapping) else {}


def shares_noted(fed: Mapping[str, Any]) -> Iterator[tuple[str, float | None]]:
    """Yields tasks and their shares as a checkpoint has them: the record of the run is of its last start.

    Args:
        fed: what the checkpoint says of its stream.
    """
    lines = fed.get("tasks")
    for line in lines if isinstance(lines, list) else ():
        parts = str(line).split(" ", 2)
        if len(parts) == 3:
            yield parts[2], _number(parts[1])


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _starts(found: CheckpointPath) -> Iterator[dict[str, Any]]:
    """Yields the starts of the run, of those up to this checkpoint where it is of the pre-training."""
    path = found.run.starts
    for line in read_text(path).split("\n") if path.is_file() else ():
        try:
            start = json.loads(line)
        except (ValueError, RecursionError):  # a kill has cut it short
            continue
        if isinstance(start, dict) and (found.is_fine_tuned or not _is_later(start, found.step)):
            yield start


def _is_later(start: Mapping[str, Any], step: int) -> bool:
    went_on_from = start.get("step")
    return isinstance(went_on_from, int) and went_on_from > 0 and went_on_from >= step


def _start_of(found: CheckpointPath) -> dict[str, Any]:
    """Returns what is noted of how a training began; nothing where it began with initial weights."""
    return read_json(found.trained.start) if found.trained.start.is_file() else {}


def _began_with(found: CheckpointPath, before: tuple[str, ...]) -> dict[str, Any] | None:
    """Returns the lineage of the checkpoint that a training began with; None where it began with initial weights."""
    start = _start_of(found)
    if not start:
        return None
    recorded: dict[str, Any] = {key: start.get(key) for key in ("checkpoint", "step", "sha256")}
    if recorded["checkpoint"] is None:
        return None
    # Where a whole run folder was moved, its own checkpoint is found under its new name.
    step = recorded["step"] if type(recorded["step"]) is int else 0
    own = found.run.pretraining.checkpoints / str(step)
    why = "it is not there any more"
    for place in dict.fromkeys((str(recorded["checkpoint"]), str(own))):
        if not Path(place).is_dir():
            continue
        if os.path.realpath(place) in before or len(before) >= _DEEPEST:
            return {**recorded, "not_followed": "the records lead in a circle"}
        if recorded["sha256"] not in (None, checkpoint_files.identity(Path(place))):
            why = "another checkpoint has its place now"
            continue
        if (Path(place) / checkpoint_files.MANIFEST).is_file():
            return _of(find_checkpoint(place, to_read=False), before)
        why = "it is of another program"
    return {**recorded, "not_followed": why}

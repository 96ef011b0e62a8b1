"""A training that begins where another stood at a step, in a folder of its own."""

import os
import shutil
from pathlib import Path

from t5mix.data import Stream
from t5mix.internal.files import wait_for_disk, write_whole
from t5mix.runs.records.run_folder import Trained
from t5mix.training import checkpoint_files
from t5mix.training.loss_window import LossWindow

_LOGS = ("metrics.jsonl", "conflict.jsonl", "shares.json")


def fork(original: Trained, step: int, into: Trained, stream: Stream) -> None:
    """Copies a checkpoint, and the logs before it, into the folder of another training, which goes on from there.

    Where the other training's batches are others, the copy says so: it holds the state of the new stream. Where its
    tasks are others, it holds no losses since the last line in the log.

    Args:
        original: the training whose checkpoint it is.
        step: of the checkpoint.
        into: the new training; it has no checkpoint yet.
        stream: of the new training.

    Raises:
        DamagedCheckpointError: the checkpoint is not what was written.
    """
    there, private = original.checkpoints / str(step), into.checkpoints / f".{step}.partial"
    content = checkpoint_files.verify(there)
    into.checkpoints.mkdir(parents=True, exist_ok=True)
    for name in _LOGS:
        if (original.path / name).is_file():
            write_whole(into.path / name, (original.path / name).read_bytes())  # training cuts it at the step
    shutil.rmtree(private, ignore_errors=True)
    for name in content["files"]:
        copy = private / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(there / name, copy)
    _with_folders(there, private)
    extra = dict(content["extra"])
    if [line.split(" ", 2)[2] for line in extra["stream"]["tasks"]] != list(stream.task_names):
        extra["window"] = LossWindow(stream.task_names).state()
    if stream.changes(extra["stream"]):
        extra["stream"] = stream.state(step)
    checkpoint_files.seal(private, {"step": step, "extra": extra, "variables": content["variables"]})
    os.rename(private, into.checkpoints / str(step))
    wait_for_disk(into.checkpoints)


def _with_folders(there: Path, copy: Path) -> None:
    """Makes the empty folders of a checkpoint, too."""
    for place, folders, _ in os.walk(there):
        for name in folders:
            path = Path(place, name)
            if not path.is_symlink():
                (copy / path.relative_to(there)).mkdir(parents=True, exist_ok=True)

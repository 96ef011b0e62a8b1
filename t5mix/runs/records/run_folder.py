"""What lies where in a run folder, and finding a checkpoint by the path that a user gives.

FOLDER/command.txt            one line for each start
FOLDER/starts.jsonl           the same, with the step that it went on from, and what it was computed by
FOLDER/config.gin             every binding
FOLDER/operative_config.gin   every setting that built the run, defaults included; starts it again, with --include
FOLDER/versions.json          packages, Python, platform, git, machine
FOLDER/lineage.json           tasks, their sources and vocabularies
FOLDER/checkpoints/STEP       pre-training
FOLDER/data.json              what its examples are made from, task by task
FOLDER/shares.json            which shares of examples its tasks are to have
FOLDER/metrics.jsonl, FOLDER/tensorboard/
FOLDER/scores/SPLIT/TASK/STEP.json
FOLDER/finetune/TASK/...      the same for each fine-tuned task: checkpoints, metrics, scores
FOLDER/report.json, FOLDER/report.html (`t5mix report`)
"""

import dataclasses
import os
from pathlib import Path

from t5mix.internal.files import read_json
from t5mix.internal.paths import file_name
from t5mix.internal.processes import agreement
from t5mix.training import checkpoint_files


@dataclasses.dataclass(frozen=True)
class RunFolder:
    """The paths of one run.

    Attributes:
        path: the folder itself.
    """

    path: Path

    @property
    def command(self) -> Path:
        """One line for each start."""
        return self.path / "command.txt"

    @property
    def starts(self) -> Path:
        """One line of JSON for each start."""
        return self.path / "starts.jsonl"

    @property
    def config(self) -> Path:
        """Every binding, as a gin file."""
        return self.path / "config.gin"

    @property
    def operative_config(self) -> Path:
        """Every setting, as a gin file."""
        return self.path / "operative_config.gin"

    @property
    def versions(self) -> Path:
        """What the last start ran on."""
        return self.path / "versions.json"

    @property
    def lineage(self) -> Path:
        """Where the data comes from."""
        return self.path / "lineage.json"

    @property
    def report(self) -> Path:
        """Scores of the whole run; it is there when the run has ended."""
        return self.path / "report.json"

    @property
    def pretraining(self) -> "Trained":
        """Training on the mixture."""
        return Trained(self.path)

    def finetuning(self, task: str) -> "Trained":
        """Returns the folder of fine-tuning on one task."""
        return Trained(self.path / "finetune" / file_name(task))

    def finetunings(self) -> list["Trained"]:
        """Returns the folders of the fine-tunings that were begun, sorted."""
        parent = self.path / "finetune"
        return [Trained(entry) for entry in sorted(parent.iterdir())] if parent.is_dir() else []

    @property
    def lock(self) -> Path:
        """Held by the process that is at work in the folder."""
        return self.path / ".lock"


@dataclasses.dataclass(frozen=True)
class Trained:
    """What one training leaves: its checkpoints, logs and scores.

    Attributes:
        path: the run folder, or `finetune/TASK` within it.
    """

    path: Path

    @property
    def checkpoints(self) -> Path:
        """Holds one folder for each step."""
        return self.path / "checkpoints"

    @property
    def data(self) -> Path:
        """What its examples are made from."""
        return self.path / "data.json"

    @property
    def shares(self) -> Path:
        """Which shares of examples its tasks are to have."""
        return self.path / "shares.json"

    @property
    def tensorboard(self) -> Path:
        """Event files of training; those of scores lie in a folder of their own in it."""
        return self.path / "tensorboard"

    @property
    def tensorboard_scores(self) -> Path:
        """Event files of scores, of each split in a folder of its own.

        TensorBoard reads a folder's newest file alone, and training still writes into its.
        """
        return self.tensorboard / "eval"

    @property
    def start(self) -> Path:
        """Which checkpoint the training began with, and which task is fine-tuned on; none where weights were new."""
        return self.path / "start.json"

    def is_named_after(self, task: str) -> bool:
        """Tells whether it is the fine-tuning on this task alone."""
        return self.path.name == file_name(task)

    def is_fine_tuned_on(self, task: str) -> bool:
        """Tells whether it is a fine-tuning on this task: a model of one task may be scored on others, too.

        One of a mixture counts for every task: some of a mixture's tasks have no training split, and are not noted.
        """
        if self.is_named_after(task):
            return True
        trained_on = read_json(self.data) if self.data.is_file() else {}
        return bool(trained_on) and not any(map(self.is_named_after, trained_on))

    def tuned_on(self, task: str) -> str:
        """Returns what is fine-tuned on, where that is not the task alone; "" where it is, or nothing is noted."""
        noted = read_json(self.start).get("task") if self.start.is_file() else None
        return noted if isinstance(noted, str) and not self.is_named_after(task) else ""

    def has_scored(self, task: str) -> bool:
        """Tells whether there are scores of a task, on any split."""
        return any((split / file_name(task)).is_dir() for split in (self.path / "scores").glob("*"))

    def scores(self, split: str, task: str, step: int, limit: int | None = None) -> Path:
        """Returns the file with the score of one checkpoint on one task, or on the first `limit` examples of it."""
        name = f"{step}.json" if limit is None else f"{step}-first-{limit}.json"
        return self.path / "scores" / file_name(split) / file_name(task) / name

    def steps(self) -> list[int]:
        """Returns the steps of the checkpoints on disk, ascending; unfinished ones have other names."""
        return checkpoint_files.steps_in(self.checkpoints)


@dataclasses.dataclass(frozen=True)
class CheckpointPath:
    """One checkpoint.

    Attributes:
        run: the run that it comes from.
        trained: the training within that run.
        step: optimizer steps.
        trained_alone: a folder with weights that were trained on this checkpoint and lie alone, to be put onto it.
    """

    run: RunFolder
    trained: Trained
    step: int
    trained_alone: str | None = dataclasses.field(default=None, kw_only=True)

    @property
    def is_fine_tuned(self) -> bool:
        """Whether it comes from fine-tuning on one task."""
        return self.trained.path.parent.name == "finetune" and self.trained.path != self.run.path

    @property
    def task(self) -> str:
        """The task that was fine-tuned on."""
        name = self.trained.path.name  # that of the task, where that is plain
        return str(read_json(self.trained.start).get("task", name)) if self.trained.start.exists() else name

    def __str__(self) -> str:
        return str(self.trained.checkpoints / str(self.step))


def find_checkpoint(path: str, *, to_read: bool = True) -> CheckpointPath:
    """Finds a checkpoint by a run folder (its newest), by `FOLDER/finetune/TASK`, or by `.../checkpoints/STEP`.

    Where the newest is damaged, that is said, and the newest that is whole is taken.

    Args:
        path: the folder.
        to_read: whether its weights are wanted, so that all its bytes are compared; else it need only be there.

    Raises:
        FileNotFoundError: there is no such folder, or no checkpoint in it; says what there is.
        ValueError: the checkpoint that is named, or every one, is damaged; or a link leads out of the run folder.
    """
    check_local("checkpoint", path)
    given = Path(os.path.abspath(path))  # "." and "TASK" alone say nothing of what they lie in
    if not given.is_dir():
        raise FileNotFoundError(
            f"no checkpoint {path!r}: there is no such folder; give a run folder, or FOLDER/checkpoints/STEP"
        )
    step = int(given.name) if given.name.isdecimal() and given.parent.name == "checkpoints" else None
    folder = given.parent.parent if step is not None else given
    trained = Trained(folder.parent if folder.name == "checkpoints" else folder)
    steps = trained.steps()
    if not steps:
        raise FileNotFoundError(
            f"no checkpoint in {str(trained.path)!r}: it holds no folder checkpoints/STEP; give a "
            "run folder in which training has written one"
        )
    run = _run_of(trained)
    check_links(run.path)
    if step is not None and to_read:
        checkpoint_files.verify(given)
    elif step is None and not to_read:
        step = agreement.first_says(lambda: steps[-1])
    elif step is None:
        step = checkpoint_files.newest_whole(trained.checkpoints)
        assert step is not None  # there are some
    return CheckpointPath(run, trained, step)


def check_local(what: str, path: str) -> None:
    """Refuses the address of an object store, such as gs://bucket/run, before it is taken for a folder's name.

    Args:
        what: what the path is of, for the message.
        path: as the user gave it.
    """
    if "://" in path:
        raise ValueError(
            f"{what} {path!r} is an address, and runs are written to and read from a file system: give a folder, and "
            "copy it there or from there, or mount the store as a folder"
        )


def check_links(folder: Path) -> None:
    """Refuses a run folder from which a link leads out: whoever made it decides neither what is read nor written.

    The folder itself may be a link, for that is what the user named.

    Raises:
        ValueError: naming the link.
    """
    inside = folder.resolve()
    for place, folders, files in os.walk(folder):
        for path in (os.path.join(place, name) for name in (*folders, *files)):
            if os.path.islink(path) and not Path(os.path.realpath(path)).is_relative_to(inside):
                raise ValueError(
                    f"{path!r} is a link that leads out of the run folder, and is not followed: put what it leads to "
                    "in its place, or keep the whole run folder there"
                )


def _run_of(trained: Trained) -> RunFolder:
    """Returns the run folder around a training: the one that holds the record."""
    for folder in (trained.path, *trained.path.parents[:2]):
        if RunFolder(folder).operative_config.is_file():
            return RunFolder(folder)
    raise FileNotFoundError(
        f"{str(trained.path)!r} has checkpoints but no operative_config.gin, here or two folders up: "
        "it is not (part of) a run folder"
    )

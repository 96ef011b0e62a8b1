"""What a run folder records at every start: the command, the settings, the versions, and where the data comes from."""

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import shlex
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from t5mix.declarations.mixture import Mixture
from t5mix.declarations.registry import get_subtasks
from t5mix.declarations.task import Task
from t5mix.internal.files import named, write_atomically, write_json
from t5mix.internal.processes import agreement
from t5mix.internal.terminal import say
from t5mix.runs.config.binding import Bound
from t5mix.runs.preflight.checks import Checked
from t5mix.runs.preflight.tasks import Provider, vocabularies
from t5mix.runs.records.run_folder import CheckpointPath, RunFolder, check_links
from t5mix.runs.records.versions import versions
from t5mix.sources.tfds.source import TfdsDataSource
from t5mix.training import checkpoint_files


def record_start(bound: Bound, checked: Checked, command: Sequence[str]) -> None:
    """Writes the record of a start into the run folder, and takes away the report of an earlier one.

    Args:
        bound: the settings, with their texts.
        checked: the tasks that they name.
        command: what the user typed, program first.
    """
    agreement.check_alike("settings", bound.operative_config)
    if agreement.is_first():
        _record(bound, checked, command)
    agreement.wait_for_all("recorded")


def _record(bound: Bound, checked: Checked, command: Sequence[str]) -> None:
    folder = checked.folder
    folder.path.mkdir(parents=True, exist_ok=True)
    folder.report.unlink(missing_ok=True)  # it says that the run has ended
    time, computed_by = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC", versions()
    _append(folder.command, f"{shlex.join(command)}  # {time}")
    start = {"time": time, "command": list(command), "step": max(folder.pretraining.steps(), default=0)}
    _append(folder.starts, json.dumps({**start, **computed_by}, ensure_ascii=False))
    write_json(folder.lineage, lineage(checked))
    write_json(folder.versions, computed_by)
    write_atomically(folder.config, bound.config)
    # Last, because its presence says that the record is whole.
    write_atomically(folder.operative_config, bound.operative_config)


def _append(path: Path, line: str) -> None:
    """Adds a line to a file; what a kill left of another line stands on a line of its own."""
    try:
        with open(path, "a+b") as file:
            if file.seek(0, os.SEEK_END):
                file.seek(-1, os.SEEK_END)
                line = line if file.read() == b"\n" else f"\n{line}"
            file.write(f"{line}\n".encode("utf-8", "backslashreplace"))  # a file's name may be no UTF-8
    except OSError as error:
        raise named(error, path) from None


@contextlib.contextmanager
def alone_in(folder: RunFolder) -> Iterator[None]:
    """Keeps processes of other runs out of a run folder, by a lock that ends with the first process of this one.

    Raises:
        ValueError: another process is at work there; or one of this run's processes does not see the folder.
        OSError: the lock cannot be made; or, when the body has ended, the folder is gone or is another, so that what
            was written is lost.
    """
    agreement.wait_for_all("all settings checked")
    if not agreement.is_first():
        _check_seen(folder)
        yield
        return
    folder.path.mkdir(parents=True, exist_ok=True)
    check_links(folder.path)
    # Nothing is written into the file, and no link is followed: it may be a stranger's.
    lock = os.open(folder.lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(
                f"another process is at work in {str(folder.path)!r}: wait for it, or choose another "
                "folder with --run_folder"
            ) from None
        except OSError:
            say(f"{str(folder.path)!r} lies where files cannot be locked: start no other process on it meanwhile")
        _check_seen(folder)
        yield
        _check_there(folder, lock)
    finally:
        os.close(lock)


def _check_seen(folder: RunFolder) -> None:
    """Checks that all processes see one folder: the first makes a file for a moment, and the others look for it.

    Raises:
        ValueError: naming those that do not.
    """
    if agreement.count() == 1:
        return
    name = agreement.first_says(lambda: f".seen-{secrets.token_hex(8)}")
    path = folder.path / name
    if agreement.is_first():
        path.touch()
    agreement.wait_for_all("a file to be seen")
    seen = agreement.gathered(path.exists())
    if agreement.is_first():
        path.unlink()
    if not all(seen):
        blind = ", ".join(str(number) for number, sees in enumerate(seen) if not sees)
        raise ValueError(
            f"Run.folder {str(folder.path)!r} is not the same folder for all processes: process {blind} does not see "
            "what process 0 writes there; choose one on a file system that all of them share"
        )


def _check_there(folder: RunFolder, lock: int) -> None:
    """Checks that the lock's file still has its name: who deletes a folder, and may make another, takes the record."""
    try:
        there = os.path.samestat(os.stat(folder.lock), os.fstat(lock))
    except OSError:
        there = False
    if not there:
        raise FileNotFoundError(
            f"the run folder {str(folder.path)!r} was deleted or replaced while the run was at work in it: what it has "
            "written is lost; start it again"
        )


def lineage(checked: Checked) -> dict[str, Any]:
    """Returns where the run's data comes from: each task's declaration, source and vocabularies, by content."""
    provider = checked.provider
    mixtures = [each for each in checked.finetune_tasks if isinstance(each, Mixture)]
    by_name = {task.name: task for each in (provider, *checked.finetune_tasks) for task in get_subtasks(each)}
    shares = provider.rates() if isinstance(provider, Mixture) else {provider.name: 1.0}
    by_step = {step: provider.rates(step) for step in provider.rate_steps} if isinstance(provider, Mixture) else {}
    mixing: dict[str, Any] = dict(provider.mixing) if isinstance(provider, Mixture) else {}
    if len(by_step) > 1:
        mixing["shares_from_step"] = {
            step: {name: one for name, one in at.items() if one} for step, at in by_step.items()
        }
    return {
        "mixture": provider.name,
        **_declaration(provider),
        "seed": checked.run.seed,
        **({"mixing": mixing} if mixing else {}),
        "decoding_seed": checked.run.decoding.seed,
        "checkpoint": None if checked.checkpoint is None else beginning(checked.checkpoint),
        "vocabularies": _vocabularies(provider),
        **({"finetuned_mixtures": {each.name: _declaration(each) for each in mixtures}} if mixtures else {}),
        "tasks": {
            name: {
                **_declaration(task),
                "share": shares.get(name),
                "source": _source(task),
                "vocabularies": _vocabularies(task),
            }
            for name, task in sorted(by_name.items())
        },
    }


def beginning(checkpoint: CheckpointPath | None) -> dict[str, Any]:
    """Returns which checkpoint a training begins with, as JSON: its path, step and content, and what is put onto it.

    Args:
        checkpoint: None where it begins with new weights.
    """
    if checkpoint is None:
        return {"checkpoint": None, "step": 0, "sha256": None}
    return {
        "checkpoint": str(checkpoint),
        "step": checkpoint.step,
        "sha256": checkpoint_files.identity(checkpoint.trained.checkpoints / str(checkpoint.step)),
        **({} if checkpoint.trained_alone is None else {"trained_before": _alone(checkpoint.trained_alone)}),
    }


def _alone(folder: str) -> dict[str, str]:
    """Returns what was put onto a checkpoint, by its path and its content."""
    from t5mix.mesh.interop.trained_alone import WEIGHTS

    with open(Path(folder, WEIGHTS), "rb") as file:
        return {"folder": folder, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def _declaration(provider: Provider) -> dict[str, Any]:
    """Returns where a task or mixture is declared, and the content of that file, where it is one."""
    file = provider.declared_at.rpartition(":")[0]
    try:
        content = hashlib.sha256(Path(file).read_bytes()).hexdigest()
    except OSError:  # typed in, say
        content = None
    return {"declared_at": provider.declared_at, "file_sha256": content}


def _vocabularies(provider: Provider) -> dict[str, dict[str, str]]:
    return {
        name: {"vocabulary": repr(vocabulary), "fingerprint": vocabulary.fingerprint}
        for name, vocabulary in vocabularies(provider)
    }


def _source(task: Task) -> dict[str, Any]:
    source = task.source
    return {
        "kind": type(source).__name__,
        "version": _version(task),
        "splits": {split: _content(task, split) for split in task.splits},
    }


def _content(task: Task, split: str) -> str | None:
    """Returns the fingerprint of a split; None where it cannot be read: splits that the run reads have been checked."""
    try:
        return task.source.fingerprint(split)
    except (ValueError, OSError):
        return None


def _version(task: Task) -> str | None:
    """Returns the name and version of a data set that has them, such as "glue/cola/2.0.0"."""
    source = task.source
    if not isinstance(source, TfdsDataSource):
        return None
    try:
        return ", ".join(dict.fromkeys(source.builder_of(split).info.full_name for split in task.splits))
    except (ValueError, OSError):
        return source.tfds_name

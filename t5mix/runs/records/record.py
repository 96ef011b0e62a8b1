"""What a run folder records at every start: the command, the settings, the versions, and where the data comes from."""

import contextlib
import fcntl
import importlib.metadata
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from t5mix.declarations.mixture import Mixture
from t5mix.declarations.registry import get_subtasks
from t5mix.declarations.task import Task
from t5mix.internal import paths
from t5mix.internal.files import write_atomically, write_json
from t5mix.internal.terminal import say
from t5mix.runs.config.binding import Bound
from t5mix.runs.preflight.checks import Checked
from t5mix.runs.preflight.tasks import Provider, vocabularies
from t5mix.runs.records.run_folder import RunFolder, check_links

# Libraries whose version can change what a run computes.
PACKAGES = (
    "t5mix",
    "tensorflow",
    "tensorflow-text",
    "tensorflow-datasets",
    "mesh-tensorflow",
    "jax",
    "jaxlib",
    "libtpu",
    "orbax-checkpoint",
    "numpy",
    "pyarrow",
    "sentencepiece",
    "gin-config",
    "scipy",
    "scikit-learn",
    "sacrebleu",
    "rouge-score",
    "Babel",
    "vaderSentiment",
)


def record_start(bound: Bound, checked: Checked, command: Sequence[str]) -> None:
    """Writes the record of a start into the run folder.

    Args:
        bound: the settings, with their texts.
        checked: the tasks that they name.
        command: what the user typed, program first.
    """
    folder = checked.folder
    folder.path.mkdir(parents=True, exist_ok=True)
    with folder.command.open("a", encoding="utf-8") as file:
        file.write(f"{shlex.join(command)}  # {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC\n")
    write_json(folder.lineage, lineage(checked))
    write_json(folder.versions, versions())
    write_atomically(folder.config, bound.config)
    # Last, because its presence says that the record is whole.
    write_atomically(folder.operative_config, bound.operative_config)


@contextlib.contextmanager
def alone_in(folder: RunFolder) -> Iterator[None]:
    """Keeps a second process out of a run folder, by a lock that ends with the process.

    Raises:
        ValueError: another process is at work there.
        OSError: the lock cannot be made; or, when the body has ended, the folder is gone or is another, so that what
            was written is lost.
    """
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
        yield
        _check_there(folder, lock)
    finally:
        os.close(lock)


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


def versions() -> dict[str, Any]:
    """Returns the versions of packages, Python, the platform and, in a checkout, the git commit."""
    return {
        "packages": {name: found for name in PACKAGES if (found := _version(name)) is not None},
        "python": sys.version,
        "platform": platform.platform(),
        "machine": platform.machine(),
        "git": _git(),
    }


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _git() -> dict[str, Any] | None:
    """Returns the commit of the checkout that t5mix runs from, and whether files differ from it; None in a wheel."""
    root = paths.PACKAGE.parent
    if not (root / ".git").exists():
        return None
    try:
        commit = _git_says(root, "rev-parse", "HEAD")
        return {"commit": commit, "dirty": bool(_git_says(root, "status", "--porcelain"))}
    except (OSError, subprocess.SubprocessError):
        return None


def _git_says(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=20, check=True)
    return done.stdout.strip()


def lineage(checked: Checked) -> dict[str, Any]:
    """Returns where the run's data comes from: each task's declaration, source and vocabularies, by content."""
    provider = checked.provider
    by_name = {task.name: task for task in (*get_subtasks(provider), *checked.finetune_tasks)}
    shares = provider.rates() if isinstance(provider, Mixture) else {provider.name: 1.0}
    by_step = {step: provider.rates(step) for step in provider.rate_steps} if isinstance(provider, Mixture) else {}
    mixing: dict[str, Any] = dict(provider.mixing) if isinstance(provider, Mixture) else {}
    if len(by_step) > 1:
        mixing["shares_from_step"] = {
            step: {name: one for name, one in at.items() if one} for step, at in by_step.items()
        }
    return {
        "mixture": provider.name,
        "declared_at": provider.declared_at,
        "seed": checked.run.seed,
        **({"mixing": mixing} if mixing else {}),
        "checkpoint": None if checked.checkpoint is None else str(checked.checkpoint),
        "vocabularies": _vocabularies(provider),
        "tasks": {
            name: {
                "declared_at": task.declared_at,
                "share": shares.get(name),
                "source": _source(task),
                "vocabularies": _vocabularies(task),
            }
            for name, task in sorted(by_name.items())
        },
    }


def _vocabularies(provider: Provider) -> dict[str, dict[str, str]]:
    return {
        name: {"vocabulary": repr(vocabulary), "fingerprint": vocabulary.fingerprint}
        for name, vocabulary in vocabularies(provider)
    }


def _source(task: Task) -> dict[str, Any]:
    source = task.source
    return {
        "kind": type(source).__name__,
        "splits": {split: _content(task, split) for split in task.splits},
    }


def _content(task: Task, split: str) -> str | None:
    """Returns the fingerprint of a split; None where it cannot be read: splits that the run reads have been checked."""
    try:
        return task.source.fingerprint(split)
    except (ValueError, OSError):
        return None

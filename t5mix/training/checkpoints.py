"""Checkpoints: model, optimizer, step and whatever else a run needs to go on, whole or not at all.

Of several processes each writes what lies on its devices, into one folder that all of them see; each reads what is to
lie on its devices; and they share out the checksums. All of them call the same methods.

Orbax writes the arrays into a folder of another name, which gets a manifest with checksums of all its bytes and is then
renamed: a process that is killed while it saves leaves the checkpoint before. Every byte is compared with its checksum
before a weight is used. Arrays are restored onto the mesh of the engine that asks, whichever mesh wrote them.
"""

import contextlib
import logging
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from t5mix.internal.files import wait_for_disk
from t5mix.internal.lazy import import_quietly
from t5mix.internal.processes import agreement
from t5mix.internal.terminal import say
from t5mix.mesh.engine import Engine, State, jax
from t5mix.training import checkpoint_files
from t5mix.training.checkpoint_files import DamagedCheckpointError

_STATE = "state"
_PRIVATE = ".partial"  # the end of names that are no checkpoint's
# How often it is tried to delete what somebody may still write into, and seconds between.
_TRIES, _PAUSE = 10, 0.05


class Checkpoints:
    """The checkpoints in one folder, `FOLDER/STEP`, the newest few of them.

    Args:
        folder: made by the first `save` when missing; its parent is not.
        keep: how many stay; saving one more removes the oldest.
        spared: gives steps that stay besides.
        saved: called when a checkpoint is complete.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        keep: int = 3,
        spared: Callable[[], Collection[int]] = tuple,
        saved: Callable[[], None] = lambda: None,
    ) -> None:
        self.folder = Path(folder).absolute()
        self._keep, self._spared, self._saved = keep, spared, saved

    def steps(self) -> list[int]:
        """Returns the steps of the checkpoints there are, ascending."""
        return list(agreement.first_says(lambda: checkpoint_files.steps_in(self.folder)))

    def save(self, step: int, state: State, extra: Mapping[str, Any]) -> None:
        """Writes a checkpoint and waits until it is complete on disk; then removes old ones.

        Args:
            step: optimizer steps done.
            state: values of all variables.
            extra: JSON, such as the stream's state.

        Raises:
            OSError: the folder is gone, or cannot be written; naming it. What was there stays.
        """
        spared = self._spared()
        orbax = import_quietly("orbax.checkpoint")
        try:
            # A name of its own: threads of a save that failed may still write into the folder of that one.
            private = self.folder / agreement.first_says(lambda: f".{step}.{secrets.token_hex(4)}{_PRIVATE}")
            if agreement.is_first():
                self.folder.mkdir(exist_ok=True)
                self._remove_private()
                private.mkdir()
            agreement.wait_for_all(f"to write {step}")
            with _without_tracebacks(), _plain_path(private) as plain, _closing(orbax) as checkpointer:
                checkpointer.save(plain / _STATE, args=orbax.args.StandardSave(dict(state)))
            shapes = {name: list(value.shape) for name, value in state.items()}
            checkpoint_files.seal(private, {"step": step, "extra": extra, "variables": shapes})
            if agreement.is_first():
                self._publish(private, step, spared)
            agreement.wait_for_all(f"written {step}")
        except Exception as error:  # Orbax and TensorStore raise errors of many kinds
            if agreement.is_first():
                self._remove_private()
            why = error.strerror if isinstance(error, OSError) and error.strerror else _first_words(error)
            raise OSError(
                f"the checkpoint of step {step} cannot be written into {str(self.folder)!r} ({why}): "
                "make room there, or see to it that the folder is there and can be written, and start again"
            ) from error
        self._saved()

    def extra(self, step: int) -> dict[str, Any]:
        """Returns what `save` was given as `extra`, and reads no weights.

        Raises:
            DamagedCheckpointError: it cannot be said.
        """
        extra: dict[str, Any] = checkpoint_files.manifest_of(self.folder / str(step))["extra"]
        return extra

    def restore(self, step: int | None, engine: Engine) -> tuple[int, State, dict[str, Any]]:
        """Reads a checkpoint onto the engine's mesh.

        Args:
            step: of the checkpoint; None for the newest that is whole.
            engine: whose variables it must hold.

        Returns:
            (step, values of all variables, extra).

        Raises:
            FileNotFoundError: there is no such checkpoint.
            DamagedCheckpointError: it is not what was written.
            ValueError: it is of a model of another shape.
        """
        there = self.steps()
        step = step if step is not None or not there else checkpoint_files.newest_whole(self.folder)
        if step not in there:
            known = f"there are {', '.join(map(str, there))}" if there else "there is none"
            raise FileNotFoundError(f"no checkpoint of step {step} in {str(self.folder)!r}: {known}")
        folder = self.folder / str(step)
        content = checkpoint_files.verify(folder)
        _check_shapes(folder, content["variables"], engine)
        return step, engine.state(_read_arrays(folder, engine)), content["extra"]

    def recover(self, mend: checkpoint_files.Mend | None = None) -> None:
        """Clears away what a killed process or a bad disk has left, before training goes on in the folder.

        What was being written or deleted is deleted. Newest checkpoints that are damaged become STEP.damaged, so that
        training goes on from a whole one.

        Args:
            mend: see `whole_and_damaged`.

        Raises:
            DamagedCheckpointError: none is whole; all stay, for training from the start would lose them, and the log.
        """
        if agreement.is_first():
            self._remove_private()
        whole, damaged = checkpoint_files.whole_and_damaged(self.folder, mend)
        for step, error in damaged.items() if agreement.is_first() else ():
            folder = self.folder / str(step)
            aside = checkpoint_files.set_aside(folder)
            say(f"warning: {error}; it is now {str(aside)!r}, and training goes on from step {whole}")
        agreement.wait_for_all("damaged checkpoints set aside")

    def _publish(self, private: Path, step: int, spared: Collection[int]) -> None:
        """Gives a checkpoint its name, and removes old ones."""
        self._discard(step)
        os.rename(private, self.folder / str(step))
        wait_for_disk(self.folder)
        for old in checkpoint_files.steps_in(self.folder)[: -self._keep]:
            if old not in spared:
                self._discard(old)

    def _discard(self, step: int) -> None:
        """Takes a checkpoint out of the way at once, then deletes it; does nothing where there is none."""
        folder = self.folder / str(step)
        if os.path.lexists(folder):
            aside = folder.with_name(f".{step}.old{_PRIVATE}")
            os.rename(folder, aside)
            shutil.rmtree(aside)

    def _remove_private(self) -> None:
        """Deletes what a killed process or a save that failed has left, as far as that can be.

        Threads of Orbax may still be at work in it. What stays is in nobody's way, and the next save tries again.
        """
        for _ in range(_TRIES):
            left = [entry for entry in self._entries() if entry.name.startswith(".") and entry.name.endswith(_PRIVATE)]
            for entry in left:
                shutil.rmtree(entry, ignore_errors=True)
            if not any(map(os.path.lexists, left)):
                return
            time.sleep(_PAUSE)

    def _entries(self) -> list[Path]:
        try:
            return list(self.folder.iterdir())
        except OSError:  # it is gone, say
            return []


def _read_arrays(folder: Path, engine: Engine) -> Mapping[str, Any]:
    orbax = import_quietly("orbax.checkpoint")
    shardings = engine.shardings()
    abstract = {
        variable.name: jax.ShapeDtypeStruct(variable.shape, "float32", sharding=shardings[variable.name])
        for variable in engine.variables
    }
    try:
        with _plain_path(folder) as plain, _closing(orbax) as checkpointer:
            arrays: Mapping[str, Any] = checkpointer.restore(plain / _STATE, args=orbax.args.StandardRestore(abstract))
            return arrays
    except (ValueError, OSError, KeyError) as error:
        raise DamagedCheckpointError(f"Orbax cannot read {str(folder)!r}: {_first_words(error)}") from error


def _check_shapes(folder: Path, saved: Mapping[str, list[int]], engine: Engine) -> None:
    """Refuses a model of another shape: Orbax would pad or cut its arrays, or complain of a tree at length."""
    for variable in engine.variables:
        there = saved.get(variable.name)
        if there != list(variable.shape):
            what = "no such variable" if there is None else f"shape {there}"
            raise ValueError(
                f"the checkpoint {str(folder)!r} is of another model: {variable.name} has shape "
                f"{list(variable.shape)} here and {what} there; use the T5Config that it was trained with"
            )
    extra = sorted(set(saved) - {variable.name for variable in engine.variables})
    if extra:
        raise ValueError(
            f"the checkpoint {str(folder)!r} is of another model: it has {', '.join(extra[:3])}"
            f"{' ...' if len(extra) > 3 else ''}; use the T5Config that it was trained with"
        )


@contextlib.contextmanager
def _closing(orbax: Any) -> Iterator[Any]:
    checkpointer = orbax.Checkpointer(orbax.StandardCheckpointHandler())
    try:
        yield checkpointer
    finally:
        checkpointer.close()


@contextlib.contextmanager
def _without_tracebacks() -> Iterator[None]:
    """Keeps Orbax from logging pages about an error that it raises, too, where `lazy.silence` made loggers quiet.

    After an error it stays so: threads of Orbax that are still at work log theirs later.
    """
    # Orbax's own, and what says that nobody has asked a task of Orbax's for its error.
    loggers = [logging.getLogger(name) for name in ("absl", "asyncio")]
    before = [logger.level for logger in loggers]
    if before[0] != logging.ERROR:
        yield
        return
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    yield
    for logger, level in zip(loggers, before, strict=True):
        logger.setLevel(level)


@contextlib.contextmanager
def _plain_path(folder: Path) -> Iterator[Path]:
    """Gives another path of a folder: Orbax takes `[` and the like for a pattern, and paths can be long.

    After an error in the body the path stays that folder's for good: threads of Orbax may still write there, and must
    not come out in another folder that gets the same number.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    plain = Path(f"/proc/self/fd/{descriptor}")
    if plain.is_dir():
        yield plain
        os.close(descriptor)
        return
    os.close(descriptor)
    with tempfile.TemporaryDirectory(prefix="t5mix-") as place:  # no Linux
        link = Path(place, "folder")
        link.symlink_to(folder, target_is_directory=True)
        yield link


def _first_words(error: Exception) -> str:
    """Returns the first line of a message, without what TensorStore says of its own settings."""
    return (str(error).splitlines() or [type(error).__name__])[0].partition(" [")[0][:300]

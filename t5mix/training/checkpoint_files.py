"""The files of a checkpoint: its manifest, written last, has checksums of all bytes, which are compared before use.

`CHECKPOINTS/STEP/manifest.json` names every other file of the folder with its SHA-256, piece by piece, and holds what
is small: the state of the stream, and the shapes of the variables. Its first line is a checksum of itself.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from t5mix.internal.files import checksummed, read_checksummed, wait_for_disk, write_whole
from t5mix.internal.processes import agreement
from t5mix.internal.terminal import Progress, say

MANIFEST = "manifest.json"

# Bytes with a checksum of their own, so that several cores sum up one file.
_PIECE = 1 << 24


# Puts another copy of a damaged checkpoint in its place and says where that came from; None where there is none.
Mend = Callable[[Path], str | None]


class DamagedCheckpointError(ValueError):
    """A checkpoint is not what was written."""


def seal(folder: Path, content: Mapping[str, Any]) -> None:
    """Completes a checkpoint, whose files are written: adds the manifest, and waits until all is on the disk.

    Args:
        folder: of the checkpoint.
        content: JSON to be kept in the manifest.
    """
    files = _files(folder)
    for path in files.values():
        wait_for_disk(path)
    for place, _, _ in os.walk(folder):
        wait_for_disk(place)
    own = {name: {"bytes": files[name].stat().st_size, "sha256": _sums(files[name])} for name in _own(sorted(files))}
    sums = {name: each for part in agreement.gathered(own) for name, each in part.items()}
    if sorted(sums) != sorted(files):
        raise OSError(
            f"the processes of this run see other files in {str(folder)!r} than each other: it must lie on a file "
            "system that all of them share"
        )
    if agreement.is_first():
        write_whole(folder / MANIFEST, checksummed({**content, "files": dict(sorted(sums.items()))}))


def manifest_of(folder: Path) -> dict[str, Any]:
    """Returns the manifest of a checkpoint, and looks at no other file.

    Raises:
        DamagedCheckpointError: it is not there, or not what was written.
    """
    path = folder / MANIFEST
    try:
        if path.is_symlink() or not path.is_file():
            raise DamagedCheckpointError(
                f"the checkpoint {str(folder)!r} has no {MANIFEST}: it was not written to its end, or by an older t5mix"
            )
        content = read_checksummed(path.read_bytes())
        if str(content["step"]) != folder.name:
            raise ValueError(f"is that of step {content['step']}")
        return content
    except DamagedCheckpointError:
        raise
    except (ValueError, OSError, KeyError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise DamagedCheckpointError(f"the checkpoint {str(folder)!r} is damaged: its {MANIFEST} {why}") from None


def identity(folder: Path) -> str | None:
    """Returns a sha256, as hex, that stands for a checkpoint as it was written; None where it has no manifest.

    A checkpoint of the same values that is written again has another: TensorStore names its files anew.
    """
    path = folder / MANIFEST
    if path.is_symlink() or not path.is_file():
        return None
    return hashlib.sha256(path.read_bytes()).hexdigest()


def verify(folder: Path) -> dict[str, Any]:
    """Compares every byte of a checkpoint with its checksums; returns its manifest. Says how far it is.

    Several processes share the files out, and all of them must call it.

    Raises:
        DamagedCheckpointError: naming the file that is missing or was changed.
    """
    content: dict[str, Any] = {}
    problem: str | None = None
    try:
        content = manifest_of(folder)
        _compare_own(folder, content["files"])
    except DamagedCheckpointError as error:
        problem = str(error)
    problems = [each for each in agreement.gathered(problem) if each]
    if problems:
        raise DamagedCheckpointError(problems[0])
    return content


def verify_alone(folder: Path) -> None:
    """Does the same in one process, which the others need not call.

    Raises:
        DamagedCheckpointError: naming the file that is missing or was changed.
    """
    _compare(folder, manifest_of(folder)["files"], lambda read: None)


def _compare_own(folder: Path, files: Mapping[str, Any]) -> None:
    own = {name: files[name] for name in _own(list(files))}
    what = f"reading the checkpoint {str(folder)!r}, MiB"
    total, done = sum(expected["bytes"] for expected in own.values()), 0
    with Progress(what=what) as progress:

        def tell(read: int) -> None:
            nonlocal done
            done += read
            progress.tell(what, done >> 20, total >> 20)

        _compare(folder, own, tell)


def _own(names: Sequence[str]) -> Sequence[str]:
    """Returns the files, of these, that this process sums up: the processes share them out."""
    return names[agreement.index() :: agreement.count()]


def _compare(folder: Path, files: Mapping[str, Any], tell: Callable[[int], None]) -> None:
    """Refuses a checkpoint that does not hold these files; tells how many bytes were read, now and then."""
    found = _files(folder)
    for name, expected in files.items():
        try:
            path = found[name]
            whole = path.stat().st_size == expected["bytes"] and _sums(path, tell) == expected["sha256"]
        except (KeyError, FileNotFoundError):
            raise DamagedCheckpointError(f"the checkpoint {str(folder)!r} is damaged: {name} is missing") from None
        except OSError as error:
            raise DamagedCheckpointError(
                f"the checkpoint {str(folder)!r} is damaged: {name} cannot be read ({error.strerror})"
            ) from None
        if not whole:
            raise DamagedCheckpointError(
                f"the checkpoint {str(folder)!r} is damaged: {name} does not match its checksum"
            )


def steps_in(folder: Path) -> list[int]:
    """Returns the steps of the checkpoints in a folder, ascending, damaged ones included."""
    if not folder.is_dir():
        return []
    return sorted(int(entry.name) for entry in folder.iterdir() if is_step(entry.name) and entry.is_dir())


def is_step(name: str) -> bool:
    """Tells whether a folder's name is that of a checkpoint: "500", and not "0500" or "٥"."""
    return name.isascii() and name.isdecimal() and name == str(int(name))


def newest_whole(folder: Path) -> int | None:
    """Returns the step of the newest checkpoint that is whole; says which newer ones are not.

    Args:
        folder: of the checkpoints.

    Raises:
        DamagedCheckpointError: there are checkpoints, and none is whole.
    """
    step, damaged = whole_and_damaged(folder)
    if damaged:
        say(f"warning: {'; '.join(map(str, damaged.values()))}; taking step {step}, the last whole one")
    return step


def whole_and_damaged(folder: Path, mend: Mend | None = None) -> tuple[int | None, dict[int, DamagedCheckpointError]]:
    """Returns the step of the newest checkpoint that is whole, and what is wrong with the newer ones, newest first.

    All processes must call it, where there are several.

    Args:
        folder: of the checkpoints; where there are none, the step is None.
        mend: tries to mend a damaged one; None where nothing can.

    Raises:
        DamagedCheckpointError: there are checkpoints, and none is whole.
    """
    damaged: dict[int, DamagedCheckpointError] = {}
    for step in reversed(agreement.first_says(lambda: steps_in(folder))):
        try:
            verify(folder / str(step))
        except DamagedCheckpointError as error:
            again = _mended(folder / str(step), mend, error) if mend else error
            if again is None:
                return step, damaged
            damaged[step] = again
        else:
            return step, damaged
    if damaged:
        why = "; ".join(map(str, damaged.values()))
        raise DamagedCheckpointError(
            f"no checkpoint in {str(folder)!r} is whole: {why}; put back a copy of one, train in another folder, or "
            "delete them to start anew"
        )
    return None, damaged


def set_aside(checkpoint: Path) -> Path:
    """Renames a damaged checkpoint, in the place of an earlier one of its step; returns where it is now."""
    aside = checkpoint.with_name(f"{checkpoint.name}.damaged")
    shutil.rmtree(aside, ignore_errors=True)
    os.rename(checkpoint, aside)
    return aside


def _mended(checkpoint: Path, mend: Mend, error: DamagedCheckpointError) -> DamagedCheckpointError | None:
    """Lets a damaged checkpoint be mended; returns what is wrong with it afterwards."""
    source = mend(checkpoint)
    if source is None:
        return error
    try:
        verify(checkpoint)
    except DamagedCheckpointError as again:
        return again
    say(f"warning: {error}; {source} has taken its place")
    return None


def _files(folder: Path) -> dict[str, Path]:
    """Returns the files of a checkpoint by their paths in it, sorted; no link is followed, and none is a file."""
    found = dict(_walk(folder))
    return dict(sorted(found.items()))


def _walk(folder: Path) -> Iterator[tuple[str, Path]]:
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place, name)
            inside = path.relative_to(folder).as_posix()
            if not path.is_symlink() and inside != MANIFEST:
                yield inside, path


def _sums(path: Path, tell: Callable[[int], None] = lambda read: None) -> list[str]:
    """Returns the SHA-256 of each piece of a file; tells the bytes of each."""
    size = path.stat().st_size
    starts = range(0, size, _PIECE)
    descriptor = os.open(path, os.O_RDONLY)
    sums = []
    try:
        with ThreadPoolExecutor(min(max(len(starts), 1), os.cpu_count() or 1)) as pool:
            for start, each in zip(starts, pool.map(lambda start: _sum(descriptor, start), starts), strict=True):
                sums.append(each)
                tell(min(_PIECE, size - start))
    finally:
        os.close(descriptor)
    return sums


def _sum(descriptor: int, start: int) -> str:
    return hashlib.sha256(os.pread(descriptor, _PIECE, start)).hexdigest()

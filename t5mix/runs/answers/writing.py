"""Outputs in the order of the inputs, part by part; a second start goes on where the first ended.

Until all are there, they stand in `OUTPUT.unfinished`, a line of JSON for each part: its lines and a checksum. The
first line says what they are made of; where that is another, all is done anew. Then the file appears, whole.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from t5mix.internal.files import named, write_atomically
from t5mix.internal.processes import agreement
from t5mix.internal.terminal import Progress, put_data, say
from t5mix.runs.preflight.folders import check_new_file

# Inputs of a part: what a kill loses at most.
PART = 2048

# Lines for inputs from the first number on; tells how many of them are done.
Answer = Callable[[int, int, Callable[[int], None]], Sequence[str]]


def check_output(path: str) -> None:
    """Refuses a file that can not be written, before anything is computed for it.

    Raises:
        ValueError: its folder is missing or can not be written, or it is a folder itself.
    """
    if path != "-":
        check_new_file("--output_file", path)


def write_answers(path: str, count: int, key: str, answer: Answer, what: str, part: int | None = None) -> list[str]:
    """Writes a line for each input, in order; returns all lines.

    Args:
        path: the file, which appears whole or not at all; "-" is standard output, to which each part goes at once.
        count: of the inputs.
        key: what the lines are made of: an unfinished file of another key is not gone on with.
        answer: maps the numbers of the first input, and of the one behind the last, to lines without line ends.
        what: is being done, for the display.
        part: inputs of a part; None is `PART`.
    """
    part = part or PART
    agreement.check_alike("inputs or settings", key)
    if path == "-":
        shown: list[str] = []
        for lines in _parts(0, count, answer, what, part):
            put_data("".join(f"{line}\n" for line in lines))
            shown += lines
        return shown
    if not agreement.is_first():
        done = agreement.first_says(lambda: None)
        for lines in _parts(len(done), count, answer, what, part):
            done += lines
        agreement.wait_for_all("answers written")
        return list(done)
    name = Path(path).with_name(f"{Path(path).name}.unfinished")
    with _unfinished(name, key) as (file, done):
        agreement.first_says(lambda: done)
        if done:
            say(f"going on with {str(name)!r}: {len(done):,} of {count:,} are done; delete it to start anew")
        for lines in _parts(len(done), count, answer, what, part):
            done += lines
            _append(file, name, {"lines": list(lines), "sha256": _sum(lines)})
        write_atomically(Path(path), "".join(f"{line}\n" for line in done))
        os.unlink(name)
        agreement.wait_for_all("answers written")
        return done


def _append(file: IO[str], name: Path, content: Mapping[str, Any]) -> None:
    """Adds a line of JSON, and waits until it is on the disk."""
    try:
        file.write(f"{json.dumps(content)}\n")
        file.flush()
        os.fsync(file.fileno())
    except OSError as error:
        raise named(error, name) from None


def _parts(first: int, count: int, answer: Answer, what: str, part: int) -> Iterator[Sequence[str]]:
    """Yields the lines of each part from the first input on; parts begin at multiples of their size."""
    with Progress(what=what) as progress:
        for start in range(first, count, part):
            end = min(start + part, count)
            yield answer(start, end, _teller(progress, what, start - first, count - first))


def _teller(progress: Progress, what: str, before: int, total: int) -> Callable[[int], None]:
    return lambda done: progress.tell(what, before + done, total)


@contextlib.contextmanager
def _unfinished(name: Path, key: str) -> Iterator[tuple[IO[str], list[str]]]:
    """Opens a file of what is unfinished, and gives the lines that stand there already.

    Raises:
        ValueError: another process is writing it, or it is no file.
    """
    # No link is followed: the folder may be a stranger's.
    descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):  # a pipe may never end
        os.close(descriptor)
        raise ValueError(f"{str(name)!r} is no file: delete it, or choose another file for the output")
    with open(descriptor, "r+", encoding="utf-8", errors="replace") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(f"another process is writing {str(name)!r}: wait for it, or choose another file") from None
        except OSError:
            say(f"{str(name)!r} lies where files cannot be locked: start no other process on it meanwhile")
        lines, whole = _read(file, key)
        if not whole and os.fstat(descriptor).st_size:
            say(f"{str(name)!r} is of other inputs or settings, or of another checkpoint: all is done anew")
        file.seek(whole)
        file.truncate()
        if not whole:
            _append(file, name, {"key": key})
        yield file, lines


def _read(file: IO[str], key: str) -> tuple[list[str], int]:
    """Returns the lines of all whole parts, and where these end: 0 where the file is of something else."""
    found: list[str] = []
    if _content(file.readline()).get("key") != key:
        return found, 0
    whole = file.tell()
    while line := file.readline():
        part = _content(line)
        lines = part.get("lines")
        if not isinstance(lines, list) or part.get("sha256") != _sum(lines):
            break
        found += lines
        whole = file.tell()
    return found, whole


def _content(line: str) -> dict[str, Any]:
    try:
        content = json.loads(line) if line.endswith("\n") else {}
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _sum(lines: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps([str(line) for line in lines]).encode()).hexdigest()

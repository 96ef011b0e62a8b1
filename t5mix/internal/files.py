"""Files that a crash leaves whole, and small files that may be damaged: written and read here, and nowhere else."""

import hashlib
import json
import math
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# More than any small file has, and little enough to be read into memory.
LARGEST_TEXT = 64 * 2**20

# What the first line of JSON with a checksum says before the checksum, and behind it.
_BEFORE, _BEHIND = b'{"sha256": "', b'",\n'


def write_whole(path: str | os.PathLike[str], data: bytes, *, durable: bool = True) -> None:
    """Puts bytes into a file: a reader, a crash or a power cut finds the old file or the new one, whole.

    Args:
        path: the file; in an existing folder.
        data: all that it is to hold.
        durable: whether to wait until it is on the disk. What is only kept to save work, and can tell its own damage,
            needs no wait.
    """
    path = Path(path)
    private = path.with_name(f".{os.urandom(8).hex()}.partial")  # of the file's own name there may be no room for more
    try:
        with open(private, "xb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(private, path)
        if durable:
            wait_for_disk(path.parent)
    except OSError as error:
        raise named(error, path) from None
    finally:
        private.unlink(missing_ok=True)


def named(error: OSError, path: str | os.PathLike[str]) -> OSError:
    """Returns an error of the system that names the file: one of a full disk, for one, names none."""
    return OSError(error.errno, error.strerror or str(error), os.fspath(path))


def write_atomically(path: Path, text: str) -> None:
    """Puts text into `path`, as `write_whole` does; makes the folder."""
    data = text.encode("utf-8")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, data)


def write_json(path: Path, content: Any) -> None:
    """Writes readable JSON, as `write_atomically` writes text; a NaN or an infinity is written as null."""
    write_atomically(path, json.dumps(without_nan(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def without_nan(content: Any) -> Any:
    """Returns JSON content with None for numbers that JSON cannot write: NaN and the infinities."""
    if isinstance(content, Mapping):
        return {key: without_nan(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [without_nan(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def wait_for_disk(path: str | os.PathLike[str]) -> None:
    """Waits until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_text(path: Path, largest: int = LARGEST_TEXT) -> str:
    """Reads a UTF-8 file.

    Args:
        path: the file.
        largest: bytes that it may have.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is too large, no UTF-8, or no file but a pipe or the like, which may never end.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise ValueError(f"{path}: this is no file")
    if found.st_size > largest:
        raise ValueError(f"{path}: {found.st_size:,} bytes are too many for such a file")
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: this is not UTF-8 text ({error.reason} at byte {error.start})") from None


def read_json(path: Path) -> dict[str, Any]:
    """Reads a JSON object.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file holds something else; names it.
    """
    try:
        content = json.loads(read_text(path))
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{path}: this is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise ValueError(f"{path}: this is JSON, but no object")
    return content


def checksummed(content: Mapping[str, Any]) -> bytes:
    """Returns JSON whose first line is a checksum of the other lines; `read_checksummed` reads it.

    Args:
        content: has at least one entry.
    """
    rest = json.dumps(content, sort_keys=True, separators=(",", ":"))[1:].encode()
    return _BEFORE + _sha256(rest) + _BEHIND + rest


def read_checksummed(data: bytes) -> dict[str, Any]:
    """Reads what `checksummed` returned.

    Raises:
        ValueError: when a bit of it is another.
    """
    first, line_end, rest = data.partition(b"\n")
    if first + line_end != _BEFORE + _sha256(rest) + _BEHIND:
        raise ValueError("does not match its checksum")
    try:
        content: dict[str, Any] = json.loads(b"{" + rest)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"is no JSON: {error}") from None
    return content


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode()

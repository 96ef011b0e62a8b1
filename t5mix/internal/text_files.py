"""Text as t5mix reads it from a file: UTF-8, with or without a byte order mark, compressed or not.

A line ends at a line feed; a carriage return before that belongs to the end, and any other is part of the line.
Nothing else ends a line: not U+2028, and not a form feed. `TextLineDataSource` alone reads lines by TensorFlow, as
seqio does: lines end at the same places there, and every carriage return is left out. It takes no compression but gzip.
"""

import bz2
import codecs
import functools
import gzip
import lzma
import os
import zlib
from collections.abc import Callable, Iterator
from typing import IO, Any

# How compressed files begin, and what opens them.
_COMPRESSED: dict[bytes, tuple[str, Callable[[Any], Any]]] = {
    b"\x1f\x8b": ("gzip", gzip.open),
    b"BZh": ("bzip2", bz2.open),
    b"\xfd7zXZ": ("xz", lzma.open),
}
# How files begin that are no text, and what to do with them.
_NO_TEXT = {
    b"PAR1": 'is a Parquet file: declare a table of format "parquet"',
    b"PK\x03\x04": "is a zip archive: unpack it",
    b"\x28\xb5\x2f\xfd": "is compressed by zstd: unpack it, or compress it by gzip",
    codecs.BOM_UTF16_LE: "is UTF-16 text: save it as UTF-8",
    codecs.BOM_UTF16_BE: "is UTF-16 text: save it as UTF-8",
}
_MOST = 8  # bytes that tell
_CHUNK = 1 << 20


def compression(head: bytes) -> str:
    """Returns "gzip", "bzip2", "xz", or "" by the first bytes of a file."""
    return next((name for magic, (name, _) in _COMPRESSED.items() if head.startswith(magic)), "")


def plain_bytes(file: IO[bytes], name: str) -> IO[bytes]:
    """Returns a file's bytes, uncompressed and behind a byte order mark.

    Args:
        file: at its beginning; it can be asked for its first bytes again, as what `open` returns and standard input
            can, or wound back.
        name: for messages.

    Raises:
        ValueError: when its first bytes say that it is no text.
    """
    head = _head(file)
    open_it = next((opened for magic, (_, opened) in _COMPRESSED.items() if head.startswith(magic)), None)
    if open_it is not None:
        file = open_it(file)
        try:
            head = _head(file)
        except (EOFError, OSError, zlib.error, lzma.LZMAError) as error:
            raise _damaged(name, error) from None
    for magic, what in _NO_TEXT.items():
        if head.startswith(magic):
            raise ValueError(f"{name} {what}")
    if head.startswith(codecs.BOM_UTF8):
        file.read(len(codecs.BOM_UTF8))
    return file


def _head(file: Any) -> bytes:
    if hasattr(file, "peek"):
        return bytes(file.peek(_MOST)[:_MOST])
    head = file.read(_MOST)
    file.seek(0)
    return bytes(head)


def _damaged(name: str, error: Exception) -> ValueError:
    return ValueError(f"{name} is compressed and damaged ({error}); copy or make it anew")


def lines(file: IO[bytes], name: str) -> Iterator[str]:
    """Yields the lines of a file, without their ends.

    Args:
        file: see `plain_bytes`.
        name: for messages, such as its path.

    Raises:
        ValueError: "name:line: what is wrong; the fix", when the file is no UTF-8 text, or damaged.
    """
    number = 0
    plain = iter(plain_bytes(file, name))
    while True:
        number += 1
        try:
            line = next(plain, None)
        except (EOFError, OSError, zlib.error, lzma.LZMAError) as error:
            raise _damaged(f"{name}:{number}:", error) from None
        if line is None:
            return
        yield _decoded(line, f"{name}:{number}").removesuffix("\n").removesuffix("\r")


def _decoded(line: bytes, where: str) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{where}: is not UTF-8 ({error.reason}); save the file as UTF-8") from None


def read(path: str | os.PathLike[str]) -> str:
    """Returns the text of a file, with a line feed at each line's end.

    Raises:
        ValueError: see `lines`.
        OSError: when it cannot be read.
    """
    with open(path, "rb") as file:
        return "".join(f"{line}\n" for line in lines(file, os.fspath(path)))


def check_utf8(path: str, most: int | None = None) -> None:
    """Refuses a text file that is not UTF-8; what was found is remembered as long as its size and time stay.

    Args:
        path: of the file, on this machine.
        most: bytes to look at, from its beginning; None is all.

    Raises:
        ValueError: see `lines`.
    """
    status = os.stat(path)
    _check_utf8(os.path.abspath(path), status.st_size, status.st_mtime_ns, path, most)


@functools.lru_cache(maxsize=65536)
def _check_utf8(absolute: str, size: int, changed: int, path: str, most: int | None) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    done = 0
    with open(absolute, "rb") as file:
        plain = plain_bytes(file, path)
        try:
            while chunk := plain.read(_CHUNK):
                decoder.decode(chunk)
                done += len(chunk)
                if most is not None and done >= most:
                    return
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            pass
        except (EOFError, OSError, zlib.error, lzma.LZMAError) as error:
            raise _damaged(path, error) from None
        else:
            return
    with open(absolute, "rb") as file:  # once more, for the line
        for _ in lines(file, path):
            pass


def kind(path: str) -> str:
    """Returns how a file on this machine holds its text: "gzip", "bzip2", "xz" or "", and " marked" with a BOM."""
    with open(path, "rb") as file:
        found = compression(_head(file))
    opened: Any = next((opened for name, opened in _COMPRESSED.values() if name == found), open)
    try:
        with opened(path, "rb") as file:
            return found + (" marked" if file.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8 else "")
    except (EOFError, OSError, zlib.error, lzma.LZMAError) as error:
        raise _damaged(path, error) from None

"""Damage of TFRecord files: files that are cut short, and reading around bad records.

A TFRecord file is records of: the length of the payload, uint64, and its masked CRC-32C; the payload and its masked
CRC-32C (all little-endian; https://www.tensorflow.org/tutorials/load_data/tfrecord). Where a payload does not match
its checksum but its length does, the next record's offset is known, and one record is lost. Where a length does not
match, or the file ends within a record, nothing tells where a record begins, and the rest of the file is lost.

TensorFlow reads and compares payloads; here only the lengths of a damaged file are walked. What TensorFlow does not
see is a file that is cut short within a record's length or its checksum: it reads as a shorter file. So the end of
each file is looked at before it is read: its last bytes must be a record's, whose length leads to the end.
"""

import dataclasses
import functools
import itertools
import os
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping

from t5mix.internal.lazy import tensorflow as tf
from t5mix.sources import files

_HEADER = struct.Struct("<QI")
_PAYLOAD_CRC = 4
# The last record of a file is looked for in so many bytes of its end, before it is walked from its beginning.
_TAILS = (1 << 16, 1 << 22)
# Records handed from C++ to Python at once while a file is only checked.
_RECORDS_AT_ONCE = 1024


@dataclasses.dataclass(frozen=True)
class Damage:
    """What is wrong with a file.

    Attributes:
        bad: the bytes that bad records begin at, ascending.
        runs: the records between them: the number of the first in the file, and how many there are, maybe 0.
    """

    bad: tuple[int, ...]
    runs: tuple[tuple[int, int], ...]


def damage_of(path: str, at_most: int) -> Damage | None:
    """Reads a file, and returns what is wrong with it, or None; remembered for as long as its size and time stay.

    Args:
        path: an uncompressed TFRecord file.
        at_most: with more bad records than this, the search ends with the next one.

    Raises:
        ValueError: naming the file and the byte, when a length is damaged or the file ends within a record.
    """
    absolute = path if files.is_address(path) else os.path.abspath(path)
    return _damage_of(absolute, *files.state(path), at_most)


@functools.lru_cache(maxsize=65536)
def _damage_of(path: str, size: int, changed: int, at_most: int) -> Damage | None:
    del changed
    # TensorFlow takes a file that is cut short before a payload for a shorter one, hence the size.
    if _bytes_of(path, 0, -1) == size:
        return None
    starts = list(_starts(path, size))
    count = len(starts)
    bad = list(itertools.islice(_bad(path, 0, count), at_most + 1))
    first = [0, *(number + 1 for number in bad)]
    runs = [(begin, end - begin) for begin, end in zip(first, [*bad, count], strict=True)]
    return Damage(tuple(starts[number] for number in bad), tuple(runs))


def check_ends(paths: Iterable[str]) -> None:
    """Refuses files that do not end with a whole record; remembered for as long as their sizes and times stay.

    Not those at an address: each would be a question to a store, which puts an object in its place whole.

    Args:
        paths: uncompressed TFRecord files; an empty one holds no record, and passes.

    Raises:
        ValueError: naming the file and the byte.
    """
    for path in paths:
        if not files.is_address(path):
            _check_end(os.path.abspath(path), *files.state(path))


@functools.lru_cache(maxsize=65536)
def _check_end(path: str, size: int, changed: int) -> None:
    del changed
    with open(path, "rb") as file:
        for count in _TAILS:
            file.seek(max(0, size - count))
            tail = file.read()
            if any(_is_header(tail[start : start + _HEADER.size]) for start in _leading_to_the_end(tail)):
                return
    # A last record that is longer is found from the beginning, and so is what is wrong otherwise.
    for _ in _starts(path, size):
        pass


def _leading_to_the_end(tail: bytes) -> "Iterator[int]":
    """Yields the offsets whose eight bytes, read as a record's length, lead exactly to the end."""
    import numpy as np

    count = len(tail) - _HEADER.size - _PAYLOAD_CRC + 1
    if count > 0:
        windows = np.lib.stride_tricks.sliding_window_view(np.frombuffer(tail, np.uint8), 8)[:count]
        lengths = np.ascontiguousarray(windows).view("<u8")[:, 0]
        yield from np.flatnonzero(lengths == np.arange(count - 1, -1, -1, dtype=np.uint64)).tolist()


def _is_header(header: bytes) -> bool:
    return _masked(_crc32c(header[:8])) == _HEADER.unpack(header)[1]


def reader(damaged: Mapping[str, Damage]) -> "Callable[[tf.Tensor], tf.data.Dataset]":
    """Returns what makes a dataset of the good records of a path, in their order.

    Args:
        damaged: what is wrong with files, by path; files that are not named are read whole.
    """
    if not damaged:
        return lambda path: tf.data.TFRecordDataset(path)
    rows = [(path, *run) for path, damage in damaged.items() for run in damage.runs]
    paths, firsts, counts = (list(column) for column in zip(*rows, strict=True))

    def read(path: "tf.Tensor") -> "tf.data.Dataset":
        here = tf.constant(paths) == path
        first = tf.boolean_mask(tf.constant(firsts, tf.int64), here)
        count = tf.boolean_mask(tf.constant(counts, tf.int64), here)
        # A file that is not named is one run: from record 0, all (-1) of its records.
        whole = tf.boolean_mask(tf.zeros(1, tf.int64), ~tf.reduce_any(here, keepdims=True))
        first, count = tf.concat([first, whole], axis=0), tf.concat([count, whole - 1], axis=0)
        runs = tf.data.Dataset.from_tensor_slices((first, count))
        return runs.flat_map(lambda begin, number: _part(path, begin, number))

    return read


def _part(path: "str | tf.Tensor", first: "int | tf.Tensor", count: "int | tf.Tensor") -> "tf.data.Dataset":
    """Returns so many records (-1: all) of a file from one on; those before are not compared with their checksums."""
    # TensorFlow skips records of a file by their lengths alone; its op with byte offsets cannot be iterated in 2.21.
    return tf.data.TFRecordDataset(path).skip(tf.cast(first, tf.int64)).take(tf.cast(count, tf.int64))


def _bytes_of(path: str, first: int, count: int) -> int | None:
    """Returns the bytes of so many records (-1: all) from one on, read by TensorFlow; None where one of them is bad."""
    size = 0
    try:
        for payloads in _part(path, first, count).batch(_RECORDS_AT_ONCE):
            size += int(tf.reduce_sum(tf.strings.length(payloads)))
            size += len(payloads) * (_HEADER.size + _PAYLOAD_CRC)
    except tf.errors.DataLossError:
        return None
    return size


def _bad(path: str, begin: int, end: int) -> Iterator[int]:
    """Yields the numbers of the bad records from `begin` to `end`, ascending, by halving."""
    if begin == end or _bytes_of(path, begin, end - begin) is not None:
        return
    if end - begin == 1:
        yield begin
        return
    middle = (begin + end) // 2
    yield from _bad(path, begin, middle)
    yield from _bad(path, middle, end)


def _starts(path: str, size: int) -> Iterator[int]:
    """Yields the bytes that the records of a file begin at."""
    start = 0
    with files.open_bytes(path) as file:
        while start < size:
            file.seek(start)
            header = file.read(_HEADER.size)
            if len(header) < _HEADER.size:
                raise _lost(path, start, "it ends within a record")
            if not _is_header(header):
                raise _lost(path, start, "the length of a record does not match its checksum")
            end = start + _HEADER.size + _HEADER.unpack(header)[0] + _PAYLOAD_CRC
            if end > size:
                raise _lost(path, start, "it ends within a record")
            yield start
            start = end


def _lost(path: str, start: int, what: str) -> ValueError:
    return ValueError(
        f"{path}, byte {start}: {what}, and nothing tells where the next one begins, so that skip_bad_records does "
        "not help; copy or make the file anew; if it is a compressed TFRecord file or none, give reader_cls"
    )


def _crc32c(data: bytes) -> int:
    """Returns the CRC-32C of a few bytes (RFC 3720, appendix B.4)."""
    table, crc = _table(), 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


@functools.cache
def _table() -> tuple[int, ...]:
    table = list(range(256))
    for _ in range(8):
        table = [crc >> 1 ^ (0x82F63B78 if crc & 1 else 0) for crc in table]
    return tuple(table)


def _masked(crc: int) -> int:
    """Returns a checksum as TFRecord files hold it."""
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF

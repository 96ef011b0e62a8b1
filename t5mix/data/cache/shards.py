"""Shards of a token cache: Arrow IPC files that are verified block by block as they are read.

Each shard has a record of where its numbers lie, so that reading takes a memory map and NumPy. Any Arrow
implementation can open the files by themselves.
"""

import functools
import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from t5mix.data.cache import columns, memory_map, shard_record
from t5mix.data.cache.shard_record import DamagedError, ShardRecord
from t5mix.internal.ragged import ranges


class ShardFile:
    """A shard, read by memory map; or held, when it is one block.

    Args:
        path: the file.
        record: what the manifest says of it.

    Raises:
        DamagedError: when the file is missing, of another size, or not the same at its ends.
    """

    def __init__(self, path: str | Path, record: ShardRecord) -> None:
        self._path, self.record = os.fspath(path), record
        self._unverified = np.ones(len(record.checksums), bool)
        self._left = len(self._unverified)
        self._check_ends()

    @property
    def path(self) -> Path:
        """The file."""
        return Path(self._path)

    def _check_ends(self) -> None:
        """Reads the first and the last block: a file cut short, or another, is found before it is used."""
        last = max(self._left - 1, 0)
        try:
            file = os.open(self._path, os.O_RDONLY)
            try:
                size = os.fstat(file).st_size
                if size != self.record.size:
                    raise DamagedError(f"{self.record.name} has {size} bytes instead of {self.record.size}")
                for block in sorted({0, last}):
                    content = os.pread(file, shard_record.BLOCK, block * shard_record.BLOCK)
                    self._verify_block(block, content)
            finally:
                os.close(file)
        except OSError as error:
            raise DamagedError(f"{self.record.name}: {error.strerror}") from None
        if last == 0:
            # Instead of the map that the cached property would make.
            self.__dict__["_content"] = np.frombuffer(content, np.uint8)

    @functools.cached_property
    def _content(self) -> np.ndarray:
        """The file's bytes, uint8."""
        return memory_map.map_file(self._path, self.record.size)

    def release(self) -> None:
        """Releases the bytes that are held, or of the map; a map is made when they are needed, and verified anew."""
        for name in ("_int32", "_int64", "_content"):
            self.__dict__.pop(name, None)
        self._unverified[:] = True
        self._left = len(self._unverified)

    @functools.cached_property
    def _int32(self) -> np.ndarray:
        return self._content[: self.record.size // 4 * 4].view(np.int32)

    @functools.cached_property
    def _int64(self) -> np.ndarray:
        return self._content[: self.record.size // 8 * 8].view(np.int64)

    def int64_pairs(self, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the int64 numbers at `starts`, counted in numbers from the file's beginning, and the next ones."""
        self.verify(starts * 8, starts * 8 + 16)
        return self._int64[starts], self._int64[starts + 1]

    def int32(self, starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Returns the int32 numbers of ranges, joined; starts are counted in numbers from the file's beginning."""
        stops = starts + lengths
        self.verify(starts * 4, stops * 4)
        if len(starts) and (starts[1:] == stops[:-1]).all():  # one piece, as when a whole file is read
            return self._int32[starts[0] : stops[-1]].copy()
        return self._int32[ranges(starts, lengths)]

    def verify(self, starts: np.ndarray, stops: np.ndarray) -> None:
        """Compares the blocks that hold these ranges of bytes with their checksums, unless that was done.

        Raises:
            DamagedError: naming the file and the place.
        """
        if not self._left:
            return
        first = starts // shard_record.BLOCK
        count = np.where(stops > starts, (stops - 1) // shard_record.BLOCK - first + 1, 0)
        blocks = ranges(first, count)
        for block in np.unique(blocks[self._unverified[blocks]]).tolist():
            try:
                self._verify_block(block, self._content[block * shard_record.BLOCK : (block + 1) * shard_record.BLOCK])
            except DamagedError as damage:
                raise DamagedError(f"{damage}; {self._removed()}") from None

    def _removed(self) -> str:
        """Deletes the file, so that it is missed when the cache is opened again; says what to do."""
        try:
            os.unlink(self._path)
        except OSError as error:
            return f"delete {self._path} ({error.strerror}) and start again, and it is made anew"
        return f"{self._path} is deleted: start again, and it is made anew"

    def verify_all(self) -> None:
        """Compares all of the file; see `verify`. What is not mapped already is read block by block, and not held."""
        if not self._left or "_content" in self.__dict__:
            self.verify(np.zeros(1, np.int64), np.array([self.record.size]))
            return
        with open(self._path, "rb", buffering=0) as file:
            for block in np.flatnonzero(self._unverified).tolist():
                try:
                    self._verify_block(block, os.pread(file.fileno(), shard_record.BLOCK, block * shard_record.BLOCK))
                except DamagedError as damage:
                    raise DamagedError(f"{damage}; {self._removed()}") from None

    def _verify_block(self, block: int, content: Any) -> None:
        if zlib.crc32(content) != self.record.checksums[block]:
            start = block * shard_record.BLOCK
            stop = min(start + shard_record.BLOCK, self.record.size)
            raise DamagedError(f"{self.record.name} does not match its checksum in bytes {start} to {stop}")
        self._unverified[block] = False
        self._left = int(np.count_nonzero(self._unverified))  # not one less than before: threads may do it twice


class ShardedColumn(columns.TokenColumn):
    """One feature's tokens in the shards of a cache.

    Memory and time to open grow with the number of record batches, not of examples.

    Args:
        files: the shards, in order.
        name: the column; absent in all shards, or in none that has examples.
    """

    def __init__(self, files: tuple[ShardFile, ...], name: str) -> None:
        held = [(number, file.record) for number, file in enumerate(files) if file.record.examples]
        parts = [record.columns[name] for _, record in held]
        self._files = files
        self._file = np.repeat([number for number, _ in held], [len(part.tokens) for part in parts])
        self._values = _joined([part.values for part in parts]) // 4
        self._offsets = _joined([part.offsets for part in parts]) // 8
        self.first_rows = _begins(_joined([record.rows for _, record in held]))
        self.first_tokens = _begins(_joined([part.tokens for part in parts]))

    def _bounds(self, parts: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        positions = self._offsets[parts] + rows
        if len(self._files) == 1:
            return self._files[0].int64_pairs(positions)
        starts, stops = np.empty(len(rows), np.int64), np.empty(len(rows), np.int64)
        for file, here in columns.by_number(self._file[parts]):
            starts[here], stops[here] = self._files[file].int64_pairs(positions[here])
        return starts, stops

    def release(self) -> None:
        """Releases the bytes that are held; see `TokenColumn`."""
        for file in self._files:
            file.release()

    def _read(self, parts: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        if len(self._files) == 1:
            return self._files[0].int32(self._values[parts] + starts, lengths)
        return columns.read_spans(
            self._file[parts],
            self._values[parts] + starts,
            lengths,
            lambda file, begins, sizes: self._files[file].int32(begins, sizes),
        )


def _joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _begins(sizes: np.ndarray) -> np.ndarray:
    """Returns where pieces of these sizes begin that lie one behind the other, and where the last ends."""
    begins = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=begins[1:])
    return begins

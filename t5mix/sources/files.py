"""Examples in files, and of these the lines of text."""

import functools
import glob
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from t5mix.internal import text_files
from t5mix.internal.code import fingerprints
from t5mix.internal.lazy import tensorflow as tf
from t5mix.sources.base import DataSource, ShardInfo

# Bytes of a text file that are looked at before its lines are given; all of them are before they are cached.
_LOOKED_AT = 64 << 20


class FileDataSource(DataSource):
    """Examples in files, read in the order of the patterns and, within one, of the paths; several at a time.

    Args:
        read_file_fn: makes a `tf.data.Dataset` of raw examples from the path of one file.
        split_to_filepattern: for each split a pattern with wildcards, or several.
        num_input_examples: number of raw examples of splits, where it is known; 0 says that empty
            files are meant.
        caching_permitted: whether the examples may be kept.
        file_shuffle_buffer_size: how many paths are shuffled at a time; None is all.
        cycle_length: how many files are read at a time.
        block_length: how many examples are taken from one before the next.
        performs_internal_shuffling: allow a task without a shuffle buffer to shuffle only the files.
    """

    def __init__(
        self,
        read_file_fn: Callable[..., "tf.data.Dataset"],
        split_to_filepattern: Mapping[str, str | Iterable[str]],
        num_input_examples: Mapping[str, int] | None = None,
        caching_permitted: bool = True,
        file_shuffle_buffer_size: int | None = None,
        cycle_length: int = 16,
        block_length: int = 16,
        performs_internal_shuffling: bool = False,
    ) -> None:
        if not isinstance(split_to_filepattern, Mapping) or not split_to_filepattern:
            raise ValueError(
                f"{self._kind}: split_to_filepattern is {split_to_filepattern!r}; give a dict such "
                "as {'train': 'data/train*.txt'}"
            )
        super().__init__(split_to_filepattern, num_input_examples, caching_permitted, performs_internal_shuffling)
        self._split_to_filepattern = dict(split_to_filepattern)
        self._patterns = {
            split: (os.fspath(patterns),)
            if isinstance(patterns, str | os.PathLike)
            else tuple(os.fspath(pattern) for pattern in patterns)
            for split, patterns in split_to_filepattern.items()
        }
        self._read_file_fn = read_file_fn
        self._file_shuffle_buffer_size = file_shuffle_buffer_size
        self._cycle_length = cycle_length
        self._block_length = block_length

    def list_shards(self, split: str) -> list[str]:
        """Returns the paths of the files of `split`: those of each pattern sorted, each file once.

        Raises:
            ValueError: when a pattern matches no file, or a file is empty.
        """
        self._check_split(split)
        paths: list[str] = []
        for pattern in self._patterns[split]:
            found = matching(pattern)
            if not found:
                hint = "; where a bracket of it means itself, write [[]" if "[" in pattern else ""
                raise ValueError(f"{self._kind}: no file matches {pattern!r} of split {split!r}{hint}")
            paths += found
        paths = list(dict.fromkeys(paths))
        if self._num_input_examples.get(split) != 0:
            self._refuse_empty_files(split, paths)
        return paths

    def _refuse_empty_files(self, split: str, paths: Sequence[str]) -> None:
        for path in paths:
            if not is_address(path) and os.path.getsize(path) == 0:
                raise ValueError(
                    f"{self._kind}: {path} of split {split!r} is empty; delete it, or declare "
                    f"num_input_examples={{{split!r}: 0}}"
                )

    def get_dataset(
        self,
        split: str = "train",
        shuffle: bool = True,
        seed: int | None = None,
        shard_info: ShardInfo | None = None,
    ) -> "tf.data.Dataset":
        """Returns the raw examples of `split`; a shard is every `num_shards`-th file."""
        paths = self._paths(split, shard_info)
        read_file_fn = self._reader(split, paths)
        files = tf.data.Dataset.from_tensor_slices(paths)
        if shuffle:
            files = files.shuffle(self._file_shuffle_buffer_size or len(paths), seed=seed)
        return files.interleave(
            read_file_fn,
            cycle_length=self._cycle_length,
            block_length=self._block_length,
            num_parallel_calls=tf.data.AUTOTUNE,
        )

    def _paths(self, split: str, shard_info: ShardInfo | None) -> list[str]:
        """Returns the paths of a shard of `split`, or of all of it."""
        paths = self.list_shards(split)
        if not shard_info:
            return paths
        if len(paths) < shard_info.num_shards:
            raise ValueError(
                f"{self._kind}: split {split!r} has {len(paths)} files and cannot be read in "
                f"{shard_info.num_shards} shards"
            )
        return paths[shard_info.index :: shard_info.num_shards]

    def _reader(self, split: str, paths: Sequence[str]) -> Callable[..., "tf.data.Dataset"]:
        """Returns what makes a dataset of the path of one of these files."""
        del split, paths
        return self._read_file_fn

    def contents(self, split: str) -> dict[str, str]:
        """Returns `DataSource.contents`; files go by their names."""
        return {os.path.basename(path): identity(path) for path in self.list_shards(split)}

    def fingerprint(self, split: str) -> str:
        """Returns a sha256 of the names and bytes of the files and of how they are read."""
        files = [(os.path.basename(path), identity(path)) for path in self.list_shards(split)]
        return fingerprints.digest(self._kind, files, self._reading(), self._cycle_length, self._block_length)

    def _reading(self) -> object:
        """Returns what decides the examples of a file, besides its bytes."""
        return self._read_file_fn

    def __str__(self) -> str:
        return f"{self._kind}({self._split_to_filepattern})"

    def __repr__(self) -> str:
        settings = {
            "split_to_filepattern": self._split_to_filepattern,
            "num_input_examples": self._num_input_examples or None,
            "caching_permitted": self._caching_permitted,
            "file_shuffle_buffer_size": self._file_shuffle_buffer_size,
            "cycle_length": self._cycle_length,
            "block_length": self._block_length,
        }
        return f"{self._kind}({', '.join(f'{name}={value}' for name, value in settings.items())})"


class TextLineDataSource(FileDataSource):
    """Lines of UTF-8 text files, plain or compressed by gzip: each example is a string scalar, without its line end.

    TensorFlow reads the lines, as for seqio: a line ends at a line feed, and every carriage return is left out.

    Args:
        split_to_filepattern: for each split a pattern with wildcards, or several.
        skip_header_lines: how many lines to leave out at the beginning of every file.
        num_input_examples: see `FileDataSource`, as the rest.
        caching_permitted: whether the examples may be kept.
        file_shuffle_buffer_size: how many paths are shuffled at a time; None is all.
        cycle_length: how many files are read at a time.
        block_length: how many lines are taken from one before the next.
        performs_internal_shuffling: allow a task without a shuffle buffer to shuffle only the files.
    """

    def __init__(
        self,
        split_to_filepattern: Mapping[str, str | Iterable[str]],
        skip_header_lines: int = 0,
        num_input_examples: Mapping[str, int] | None = None,
        caching_permitted: bool = True,
        file_shuffle_buffer_size: int | None = None,
        cycle_length: int = 16,
        block_length: int = 16,
        performs_internal_shuffling: bool = False,
    ) -> None:
        if not isinstance(skip_header_lines, int) or skip_header_lines < 0:
            raise ValueError(f"TextLineDataSource: skip_header_lines is {skip_header_lines!r}; give 0, 1, ...")
        self._skip_header_lines = skip_header_lines
        super().__init__(
            self._read,
            split_to_filepattern,
            num_input_examples,
            caching_permitted,
            file_shuffle_buffer_size,
            cycle_length,
            block_length,
            performs_internal_shuffling,
        )

    @property
    def skip_header_lines(self) -> int:
        """How many lines are left out at the beginning of every file."""
        return self._skip_header_lines

    def _read(self, path: "tf.Tensor") -> "tf.data.Dataset":
        return tf.data.TextLineDataset(path).skip(self._skip_header_lines)

    def _reader(self, split: str, paths: Sequence[str]) -> Callable[..., "tf.data.Dataset"]:
        for path in paths:
            if not is_address(path):
                text_files.check_utf8(path, _LOOKED_AT)
        special = self._special(paths)
        if not special:
            return self._read
        packed = [path for path, kind in special.items() if "gzip" in kind]
        return functools.partial(_unpacked_lines, packed=packed, skip=self._skip_header_lines)

    def _special(self, paths: Sequence[str]) -> dict[str, str]:
        """Returns the files that are not plain UTF-8, with what they are.

        Raises:
            ValueError: for a compression that TensorFlow does not read.
        """
        kinds = {path: text_files.kind(path) for path in paths if not is_address(path)}
        for path, kind in kinds.items():
            if kind.startswith(("bzip2", "xz")):
                raise ValueError(f"{self._kind}: {path} is compressed by {kind.split()[0]}; unpack it, or use gzip")
        return {path: kind for path, kind in kinds.items() if kind}

    def _reading(self) -> object:
        return self._skip_header_lines

    def fingerprint(self, split: str) -> str:
        """Returns a sha256 of the names and bytes of the files and of how they are read.

        Raises:
            ValueError: naming file and line, for a file that is no UTF-8 text.
        """
        plain = super().fingerprint(split)
        paths = self.list_shards(split)
        for path in paths:
            if not is_address(path):
                text_files.check_utf8(path)
        special = self._special(paths)
        return fingerprints.digest(plain, sorted(special.values())) if special else plain


def _unpacked_lines(path: "tf.Tensor", packed: Sequence[str], skip: int) -> "tf.data.Dataset":
    """Returns the lines of a file that may be compressed by gzip, without a byte order mark."""
    is_packed = tf.reduce_any(tf.equal(path, tf.constant(list(packed), tf.string)))
    lines = tf.data.TextLineDataset(path, compression_type=tf.where(is_packed, "GZIP", ""))
    first = lines.take(1).map(lambda line: tf.strings.regex_replace(line, "^\ufeff", ""))
    return first.concatenate(lines.skip(1)).skip(skip)


def is_address(path: str) -> bool:
    """Tells whether a path is an address, with a scheme."""
    return "://" in path


def matching(pattern: str) -> list[str]:
    """Returns the files that match a pattern, sorted.

    Raises:
        ValueError: naming an address that TensorFlow cannot read.
    """
    if is_address(pattern):
        try:
            return sorted(tf.io.gfile.glob(pattern))
        except tf.errors.OpError as error:
            raise ValueError(
                f"{pattern}: TensorFlow cannot read this address: {error.message}; import the library that adds its "
                "file system, or copy the files to this machine"
            ) from error
    expanded = os.path.expanduser(pattern)
    if os.path.isfile(expanded):  # a path may hold a bracket without meaning a wildcard
        return [expanded]
    return sorted(path for path in glob.glob(expanded) if os.path.isfile(path))


def open_bytes(path: str) -> Any:
    """Returns a file opened for reading bytes: an iterator of lines, with `read` and `seek`."""
    return tf.io.gfile.GFile(path, "rb") if is_address(path) else open(path, "rb")


def state(path: str) -> tuple[int, int]:
    """Returns a file's size in bytes and the time of its last change in nanoseconds, which change with its content."""
    if is_address(path):
        status = tf.io.gfile.stat(path)
        return status.length, status.mtime_nsec
    found = os.stat(path)
    return found.st_size, found.st_mtime_ns


def identity(path: str) -> str:
    """Returns the identity of a file: the hash of its bytes; of one that is far away its size and time."""
    if is_address(path):
        return ",".join(map(str, state(path)))
    return fingerprints.of_file(path)

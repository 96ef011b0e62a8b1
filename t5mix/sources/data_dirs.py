"""Folders that this process reads data from: prepared TFDS data sets, and caches that seqio made.

The functions' names and arguments are seqio's.
"""

import contextlib
import os
from collections.abc import Iterable, Iterator
from typing import Any

Path = str | os.PathLike[str]


class DataDirs:
    """The folders, and how TFDS reads.

    Attributes:
        tfds_data_dir: folder of prepared TFDS data sets that replaces every source's own, or None.
        tfds_read_config: a `tfds.ReadConfig` that replaces the default one, or None.
        cache_dirs: folders with caches that seqio made, in the order in which they are searched.
    """

    def __init__(self) -> None:
        self.tfds_data_dir: str | None = None
        self.tfds_read_config: Any = None
        self.cache_dirs: tuple[str, ...] = ()

    @contextlib.contextmanager
    def undone(self) -> Iterator[None]:
        """Restores every folder on leaving, also on an error."""
        before = dict(vars(self))
        try:
            yield
        finally:
            vars(self).update(before)


data_dirs = DataDirs()


def set_tfds_data_dir_override(tfds_data_dir: Path | None) -> None:
    """Makes every `TfdsDataSource` read from this folder; None ends that."""
    data_dirs.tfds_data_dir = None if tfds_data_dir is None else os.fspath(tfds_data_dir)


def set_tfds_read_config_override(tfds_read_config: Any) -> None:
    """Makes every `TfdsDataSource` read by this `tfds.ReadConfig`; None ends that.

    Its seed, shard and prefetching are set by each source.
    """
    data_dirs.tfds_read_config = tfds_read_config


def get_global_cache_dirs() -> tuple[str, ...]:
    """Returns the folders with caches that seqio made, in the order in which they are searched."""
    return data_dirs.cache_dirs


def set_global_cache_dirs(global_cache_dirs: Iterable[Path]) -> None:
    """Sets the folders with caches that seqio made, in place of those named before.

    Raises:
        ValueError: when they are one text instead of a list.
    """
    data_dirs.cache_dirs = _folders(global_cache_dirs)


def add_global_cache_dirs(global_cache_dirs: Iterable[Path]) -> None:
    """Adds folders with caches that seqio made; they are searched last.

    Raises:
        ValueError: when they are one text instead of a list.
    """
    data_dirs.cache_dirs = tuple(dict.fromkeys((*data_dirs.cache_dirs, *_folders(global_cache_dirs))))


def _folders(given: Iterable[Path]) -> tuple[str, ...]:
    if isinstance(given, str | os.PathLike):
        raise ValueError(f"global_cache_dirs is {given!r}; give a list, [{given!r}]")
    return tuple(dict.fromkeys(os.fspath(folder) for folder in given))

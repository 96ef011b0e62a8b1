"""Where seqio's caches have their files, and the files that patterns match."""

import functools
import glob
import os
from collections.abc import Iterable

from t5mix.internal.lazy import tensorflow as tf


def get_cached_info_path(data_dir: str, split: str) -> str:
    """Returns the path of what a cache says of its features and shards."""
    return os.path.join(data_dir, f"info.{split}.json")


def get_cached_stats_path(data_dir: str, split: str) -> str:
    """Returns the path of what a cache counted."""
    return os.path.join(data_dir, f"stats.{split}.json")


def get_cached_tfrecord_prefix(data_dir: str, split: str) -> str:
    """Returns the beginning of the paths of a cache's shards."""
    return os.path.join(data_dir, f"{split}.tfrecord")


def get_task_dir_from_name(task_name: str) -> str:
    """Returns the folder of a task's cache, in that of all: a colon in the name divides it into folders."""
    return os.path.join(*task_name.split(":"))


def list_files(file_patterns: str | Iterable[str]) -> list[str]:
    """Returns the files that patterns match, sorted within each; a path without wildcards as it is.

    Args:
        file_patterns: one pattern or several. What matches is looked for once in a process.
    """
    patterns = [file_patterns] if isinstance(file_patterns, str) else file_patterns
    return [
        path
        for pattern in patterns
        for path in (_list_files_for_glob(pattern) if glob.has_magic(pattern) else [pattern])
    ]


@functools.lru_cache(maxsize=1024)
def _list_files_for_glob(file_pattern: str) -> list[str]:
    return sorted(set(tf.io.gfile.glob(file_pattern)))

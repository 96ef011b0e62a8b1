"""Files of sources by their paths: here, or on a remote machine by an address such as gs://bucket/train.tsv.

What is an address, TensorFlow's file systems read: those it is built with, and those that other libraries add to it.
"""

import glob
import os
from typing import TYPE_CHECKING, Any

from t5mix import fingerprints
from t5mix.lazy import lazy_import

if TYPE_CHECKING:
    import tensorflow as tf
else:
    tf = lazy_import("tensorflow")


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

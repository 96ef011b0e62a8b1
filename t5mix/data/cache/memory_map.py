"""Maps of files into memory, which take no file descriptor while they live.

Python's own `mmap` keeps one for each map, and a process that reads the caches of a thousand tasks has not as many.
pyarrow's does not, but takes longer to import than a thousand caches to open.
"""

import ctypes
import functools
import mmap
import os
import weakref
from typing import Any

import numpy as np


def map_file(path: str, size: int) -> np.ndarray:
    """Returns the first bytes of a file, uint8 [size], read-only, read from the disk as they are used.

    Args:
        path: the file.
        size: how many bytes, at least 1.

    Raises:
        OSError: when the file cannot be opened or mapped, or holds fewer bytes: to read past its end ends the process.
    """
    library = _library()
    file = os.open(path, os.O_RDONLY)
    try:
        if (held_bytes := os.fstat(file).st_size) < size:
            raise OSError(f"cannot map {path}: it holds {held_bytes} of {size} bytes")
        address = library.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, file, 0)
    finally:
        os.close(file)
    if address == ctypes.c_void_p(-1).value:
        raise OSError(ctypes.get_errno(), "cannot map the file", path)
    held = (ctypes.c_ubyte * size).from_address(address)
    # Arrays made of it, and views of these, keep it alive.
    weakref.finalize(held, library.munmap, address, size).atexit = False
    content = np.frombuffer(memoryview(held), np.uint8)
    content.flags.writeable = False
    return content


@functools.cache
def _library() -> Any:
    """Returns the C library, with the types of the functions that are called."""
    library = ctypes.CDLL(None, use_errno=True)
    library.mmap.argtypes = (
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_int,
        ctypes.c_int,
        ctypes.c_int,
        ctypes.c_long,
    )
    library.mmap.restype = ctypes.c_void_p
    library.munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
    library.munmap.restype = ctypes.c_int
    return library

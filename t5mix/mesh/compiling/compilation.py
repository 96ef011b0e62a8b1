"""Compiled programs: kept on disk, so that a second start compiles nothing, and told about while they are made.

They lie in `$T5MIX_CACHE/programs` in two forms, in a folder for each kind of processor. JAX's own compilation cache
holds executables, and removes those that were used longest ago when it grows beyond `MAX_BYTES`. Beside it lie the
StableHLO of each program and the arrays that it takes: tracing a model takes as long as compiling it, and what comes
out is a function of the model, the mesh, the batch and the code that traces, which together make its name.
"""

import contextlib
import functools
import hashlib
import importlib.metadata
import json
import os
import platform
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from t5mix.internal.files import write_whole
from t5mix.internal.paths import cache_folder
from t5mix.internal.terminal import duration, say
from t5mix.mesh.devices import jax

MAX_BYTES = 4 * 2**30
# What is kept besides executables: modules, arrays, and how long compiling took; of each so many files.
SUFFIXES = (".stablehlo", ".arrays", ".seconds.json")
_MAX_FILES = 64
# Programs that take less are not worth a line.
_WORTH_SAYING = 2.0
_LIBRARIES = ("jax", "jaxlib", "tensorflow", "mesh-tensorflow")


@functools.cache
def compilation_folder() -> Path | None:
    """Turns JAX's compilation cache on, once.

    Returns:
        The folder; None where T5MIX_COMPILATION_CACHE is 0, or the folder cannot be written.
    """
    if os.environ.get("T5MIX_COMPILATION_CACHE") == "0":
        return None
    folder = cache_folder() / "programs" / _processor()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        say(f"compiled programs are not kept: {error}; set T5MIX_CACHE to a folder that can be written")
        return None
    if not jax.config.jax_compilation_cache_dir:  # what the user chose stays
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_compilation_cache_max_size", MAX_BYTES)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
    return folder


def fingerprint(settings: Mapping[str, object]) -> str:
    """Returns a name for what a program is traced from: settings, the code of this package, and the libraries.

    Args:
        settings: all that programs depend on; their `repr` must say all of it.
    """
    parts = [f"{name}={value!r}" for name, value in sorted(settings.items())]
    parts += [f"{library} {importlib.metadata.version(library)}" for library in _LIBRARIES]
    return hashlib.sha256("\n".join([*parts, _code()]).encode()).hexdigest()[:32]


def kept(name: str, make: Callable[[], bytes]) -> bytes:
    """Returns what the folder keeps under that name, or makes it and keeps it there.

    Args:
        name: of the file; with the fingerprint of all that the bytes depend on, and one of SUFFIXES.
        make: makes the bytes.
    """
    folder = compilation_folder()
    if folder is None:
        return make()
    path = folder / name
    try:
        data = path.read_bytes()
        digest, found = data[:32], data[32:]
        if hashlib.sha256(found).digest() == digest:
            with contextlib.suppress(OSError):  # somebody else's file, which can only be read
                os.utime(path)
            return found
    except OSError:
        pass
    made = make()
    _write(path, hashlib.sha256(made).digest() + made)
    _remove_old(folder)
    return made


class Told:
    """Says that a program is being compiled, how long it took last time, and how long it has taken.

    Example:
        >>> with Told("train_step", "3f2a"):
        ...     compiled = lowered.compile()
        compiling train_step; last time it took 41s
    """

    def __init__(self, what: str, key: str):
        """Remembers the program.

        Args:
            what: the program, for people.
            key: what it depends on; times are kept by it.
        """
        folder = compilation_folder()
        self._what, self._path = what, folder / f"{key}.seconds.json" if folder else None
        self._begin = 0.0

    def __enter__(self) -> None:
        before = _read(self._path) if self._path else None
        self._begin = time.monotonic()
        if before is None:
            say(f"compiling {self._what}; large models take minutes the first time")
        elif before["seconds"] >= _WORTH_SAYING:
            say(f"compiling {self._what}; last time it took {duration(before['seconds'])}")

    def __exit__(self, failed: type[BaseException] | None, *unused: object) -> None:
        seconds = time.monotonic() - self._begin
        if failed:
            return
        if seconds >= _WORTH_SAYING:
            say(f"compiled {self._what} in {seconds:.1f}s")
        if self._path:
            _write(self._path, json.dumps({"seconds": round(seconds, 2)}).encode())


def _processor() -> str:
    """Returns a name for this kind of processor: code compiled for one may use instructions that another lacks."""
    flags = b""
    with contextlib.suppress(OSError):  # not Linux
        lines = Path("/proc/cpuinfo").read_bytes().splitlines()
        flags = next((line for line in lines if line.startswith((b"flags", b"Features"))), b"")
    return f"{platform.machine()}-{hashlib.sha256(flags).hexdigest()[:8]}"


def _read(path: Path) -> dict[str, float] | None:
    try:
        found = json.loads(path.read_bytes())
        return {"seconds": float(found["seconds"])}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(path: Path, data: bytes) -> None:
    """Writes a file whole or not at all; a full disk only means that nothing is kept."""
    with contextlib.suppress(OSError):
        write_whole(path, data, durable=False)


def _remove_old(folder: Path) -> None:
    """Removes the files used longest ago, beyond the newest few of each kind."""
    for suffix in SUFFIXES:
        found = []
        for path in folder.glob(f"*{suffix}"):
            try:
                found.append((path.stat().st_mtime, path))
            except OSError:  # removed by another process
                continue
        for _, path in sorted(found, reverse=True)[_MAX_FILES:]:
            with contextlib.suppress(OSError):  # removed by another process, or in a folder that can only be read
                path.unlink()


@functools.cache
def _code(folder: Path = Path(__file__).parents[1]) -> str:
    """Returns a hash of the source of `t5mix.mesh`, all of which may decide what a program is."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()

"""Packs: files of declarations, loaded by path when a name is first needed.

Nobody imports a pack.  One in Python, .py, is run once, under a private module name; one in TOML, .toml, is read, see
`task_files`, and nothing of it runs.  They are loaded in this order:
the files of t5mix's own `tasks/` and `mixtures/`; installed packages, by the entry point group
`t5mix.packs`; the environment variable T5MIX_PACKS, paths divided as in PATH; and what `add` names.
A folder gives the files of its `tasks/`, then of its `mixtures/`, then its own, each sorted by name; files that begin
with "_" or ".", and in a folder TOML files that declare no task and no mixture, are left out.  A pack that looks up a
name which a later pack declares makes that one load first, so the order never matters to a declaration.
"""

import dataclasses
import functools
import hashlib
import importlib.machinery
import importlib.metadata
import importlib.util
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

from t5mix import paths
from t5mix.entries import Namespace, namespace

GROUP = "t5mix.packs"
VARIABLE = "T5MIX_PACKS"
_SUFFIXES = (".py", ".toml")


class PackError(ValueError):
    """A pack that cannot be loaded; the message names its file and line."""


@dataclasses.dataclass(eq=False)
class _Pack:
    """One file, or one installed package, and how far it is: "waiting", "loading", "loaded"."""

    place: str
    run: Callable[[], None]
    state: str = "waiting"


class Packs:
    """The packs of one namespace.

    Args:
      namespace: where the declarations go.
      found: returns the packs that are there without being named, in order.
    """

    def __init__(self, namespace: Namespace, found: Callable[[], list[_Pack]]) -> None:
        self._shelf = namespace
        self._found = found
        self._packs: list[_Pack] = []
        self._searched = False
        self._lock = threading.RLock()
        namespace.load = self.load

    def add(self, path: str | os.PathLike[str]) -> None:
        """Adds a file or folder of declarations, to be loaded when a name is next needed.

        Raises:
          ValueError: when it is not there, is no .py or .toml file, or is a folder without one.
        """
        with self._lock:
            self._append(_file_packs(path, "packs.add"))

    def files(self) -> list[str]:
        """Returns the files and installed packages that are or will be loaded, in order."""
        with self._lock:
            self._search()
            return [pack.place for pack in self._packs]

    def load(self, enough: Callable[[], bool] = lambda: False) -> None:
        """Loads the packs that wait, in order, until `enough()`.

        Raises:
          PackError: when one fails; its declarations are undone, and the next call tries it again.
        """
        with self._lock:
            self._search()
            for pack in self._packs:
                if pack.state == "waiting":
                    if enough():
                        return
                    self._load(pack)

    def _search(self) -> None:
        if not self._searched:
            found = self._found()
            added, self._packs = self._packs, []
            self._append(found)
            self._append(added)
            self._searched = True

    def _append(self, packs: list[_Pack]) -> None:
        known = {pack.place for pack in self._packs}
        for pack in packs:
            if pack.place not in known:
                known.add(pack.place)
                self._packs.append(pack)

    def _load(self, pack: _Pack) -> None:
        loaded_before = [each for each in self._packs if each.state == "loaded"]
        pack.state = "loading"
        try:
            with self._shelf.undone_on_error():
                pack.run()
        except BaseException as error:
            # What it made load first is undone with it.
            for each in self._packs:
                if each is pack or (each.state == "loaded" and each not in loaded_before):
                    each.state = "waiting"
            if isinstance(error, Exception) and not isinstance(error, PackError):
                raise PackError(_explain(pack.place, error)) from error
            raise
        pack.state = "loaded"


def _explain(place: str, error: Exception) -> str:
    """Returns "file:line: what happened", the line being the deepest of the pack's own."""
    if isinstance(error, _task_files().DeclarationError):
        return str(error)  # it says where
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}: {error.msg}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == place]
    where = f"{place}:{lines[-1]}" if lines else place
    kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
    return f"{where}: {kind}{error}"


def _found() -> list[_Pack]:
    return [
        *_shipped_packs(),
        *_installed_packs(),
        *(
            pack
            for path in os.environ.get(VARIABLE, "").split(os.pathsep)
            if path
            for pack in _file_packs(path, VARIABLE)
        ),
    ]


def _shipped_packs() -> Iterator[_Pack]:
    for kind in ("tasks", "mixtures"):
        try:
            folder = paths.shipped(kind)
        except FileNotFoundError:  # the framework alone, without declarations of its own
            continue
        yield from (_file_pack(file) for file in _declaring_files(folder))


def _installed_packs() -> Iterator[_Pack]:
    """Yields the entry points: modules, which are imported, or paths of packs."""
    points = importlib.metadata.entry_points(group=GROUP)
    for point in sorted(points, key=lambda point: (point.name, point.value)):
        yield _Pack(f"entry point {point.name} = {point.value}", functools.partial(_enter, point))


def _enter(point: importlib.metadata.EntryPoint) -> None:
    target = point.load()
    if isinstance(target, str | os.PathLike):
        for pack in _file_packs(target, f"entry point {point.name}"):
            pack.run()
    elif not isinstance(target, ModuleType):
        raise PackError(
            f"entry point {point.name} = {point.value} of group {GROUP} is {target!r}; it must "
            "name a module that declares tasks, or a path"
        )


def _file_packs(path: str | os.PathLike[str], given_by: str) -> list[_Pack]:
    place = Path(path).expanduser().resolve()
    if place.is_file() and place.suffix in _SUFFIXES:
        return [_file_pack(place)]
    if not place.is_dir():
        what = "is no .py or .toml file" if place.exists() else "does not exist"
        raise ValueError(f"{given_by}: {place} {what}; give a file or folder of declarations")
    folders = (place / "tasks", place / "mixtures", place)
    files = [file for folder in folders for file in _declaring_files(folder)]
    if not files:
        raise ValueError(
            f"{given_by}: {place} holds no .py or .toml file of declarations, nor do its tasks/ and mixtures/; give a "
            "file or folder of declarations"
        )
    return [_file_pack(file) for file in files]


def _declaring_files(folder: Path) -> list[Path]:
    files = [file for file in folder.glob("*") if file.suffix in _SUFFIXES and not file.name.startswith(("_", "."))]
    return sorted(file for file in files if file.suffix == ".py" or _task_files().declares(file))


def _file_pack(file: Path) -> _Pack:
    run = _run_file if file.suffix == ".py" else _read_file
    return _Pack(str(file), functools.partial(run, file))


def _read_file(file: Path) -> None:
    _task_files().declare(file)


def _task_files() -> ModuleType:
    """Returns the package that reads TOML files, which itself needs the registries and so this module."""
    return importlib.import_module("t5mix.task_files")


def _run_file(file: Path) -> None:
    """Runs a file as a module that no import statement can reach before it is loaded."""
    name = f"_t5mix_pack_{hashlib.sha256(str(file).encode()).hexdigest()[:16]}_{file.stem}"
    loader = importlib.machinery.SourceFileLoader(name, str(file))
    spec = importlib.util.spec_from_file_location(name, file, loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and inspect look a class's module up here
    try:
        loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise


packs = Packs(namespace, _found)
add = packs.add
files = packs.files
load = packs.load

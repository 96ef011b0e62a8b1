"""Declarations files: found by path, and loaded when a name is first needed.

Nobody imports a declarations file. One in Python, .py, is run once, under a private module name; one in TOML, .toml,
is read, see `toml`, and nothing of it runs. They are loaded in this order:

1. the files of t5mix's own `tasks/` and `mixtures/`;
2. installed packages, by the entry point group `t5mix.declarations` (or `t5mix.packs`, its first name);
3. the environment variable T5MIX_INCLUDE (or T5MIX_PACKS), paths divided as in PATH;
4. what `include` names, which is what `--include` of every command calls.

A folder gives the files of its `tasks/`, then of its `mixtures/`, then its own, each sorted by name. Files that begin
with "_" or ".", and in a folder TOML files that declare no task and no mixture, are left out. A file that looks up a
name which a later file declares makes that one load first, so the order never matters to a declaration.
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

from t5mix.declarations import toml
from t5mix.declarations.namespace import Namespace, namespace
from t5mix.declarations.toml import DeclarationError
from t5mix.internal import paths

GROUPS = ("t5mix.declarations", "t5mix.packs")
VARIABLES = ("T5MIX_INCLUDE", "T5MIX_PACKS")
_SUFFIXES = (".py", ".toml")


@dataclasses.dataclass(eq=False)
class _Unit:
    """What is loaded at once, a file or an installed package, and how far it is: "waiting", "loading", "loaded"."""

    origin: str
    run: Callable[[], None]
    state: str = "waiting"


class Discovery:
    """The declarations files of one namespace.

    Args:
        namespace: where the declarations go.
        found: returns what is there without being named, in order.
    """

    def __init__(self, namespace: Namespace, found: Callable[[], list[_Unit]]) -> None:
        self._namespace = namespace
        self._found = found
        self._units: list[_Unit] = []
        self._searched = False
        self._lock = threading.RLock()
        namespace.load = self.load

    def include(self, path: str | os.PathLike[str]) -> None:
        """Adds a file or folder of declarations, to be loaded when a name is next needed.

        Raises:
            ValueError: when it is not there, is no .py or .toml file, or is a folder without one.
        """
        with self._lock:
            self._append(_units_at(path, "include"))

    def files(self) -> list[str]:
        """Returns the files and installed packages that are or will be loaded, in order."""
        with self._lock:
            self._search()
            return [unit.origin for unit in self._units]

    def load(self, enough: Callable[[], bool] = lambda: False) -> None:
        """Loads what waits, in order, until `enough()`.

        Raises:
            DeclarationError: when a file fails; its declarations are undone, and the next call tries it again.
        """
        with self._lock:
            self._search()
            for unit in self._units:
                if unit.state == "waiting":
                    if enough():
                        return
                    self._load(unit)

    def _search(self) -> None:
        if not self._searched:
            found = self._found()
            included, self._units = self._units, []
            self._append(found)
            self._append(included)
            self._searched = True

    def _append(self, units: list[_Unit]) -> None:
        known = {unit.origin for unit in self._units}
        for unit in units:
            if unit.origin not in known:
                known.add(unit.origin)
                self._units.append(unit)

    def _load(self, unit: _Unit) -> None:
        loaded_before = [each for each in self._units if each.state == "loaded"]
        unit.state = "loading"
        try:
            with self._namespace.undone_on_error():
                unit.run()
        except BaseException as error:
            # What it made load first is undone with it.
            for each in self._units:
                if each is unit or (each.state == "loaded" and each not in loaded_before):
                    each.state = "waiting"
            if isinstance(error, Exception) and not isinstance(error, DeclarationError):
                raise DeclarationError(_explain(unit.origin, error)) from error
            raise
        unit.state = "loaded"


def _explain(file: str, error: Exception) -> str:
    """Returns "file:line: what happened", the line being the deepest of the file's own."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}: {error.msg}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    where = f"{file}:{lines[-1]}" if lines else file
    kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
    return f"{where}: {kind}{error}"


def _found() -> list[_Unit]:
    return [*_shipped(), *_installed(), *_in_environment()]


def _shipped() -> Iterator[_Unit]:
    for kind in ("tasks", "mixtures"):
        try:
            folder = paths.shipped(kind)
        except FileNotFoundError:  # the framework alone, without declarations of its own
            continue
        yield from map(_unit_of_file, _declarations_files(folder))


def _installed() -> Iterator[_Unit]:
    """Yields the entry points: modules, which are imported, or paths of declarations files."""
    points = {point for group in GROUPS for point in importlib.metadata.entry_points(group=group)}
    for point in sorted(points, key=lambda point: (point.name, point.value, point.group)):
        yield _Unit(f"entry point {point.name} = {point.value}", functools.partial(_enter, point))


def _enter(point: importlib.metadata.EntryPoint) -> None:
    target = point.load()
    if isinstance(target, str | os.PathLike):
        for unit in _units_at(target, f"entry point {point.name}"):
            unit.run()
    elif not isinstance(target, ModuleType):
        raise DeclarationError(
            f"entry point {point.name} = {point.value} of group {point.group} is {target!r}; it must "
            "name a module that declares tasks, or a path"
        )


def _in_environment() -> Iterator[_Unit]:
    for variable, path in _named_in_environment():
        yield from _units_at(path, variable)


def paths_in_environment() -> list[str]:
    """Returns the files and folders that the environment names."""
    return [path for _, path in _named_in_environment()]


def _named_in_environment() -> list[tuple[str, str]]:
    return [(name, path) for name in VARIABLES for path in os.environ.get(name, "").split(os.pathsep) if path]


def _units_at(path: str | os.PathLike[str], given_by: str) -> list[_Unit]:
    """Returns one unit for each declarations file at a path, a file or a folder."""
    found = Path(path).expanduser().resolve()
    if found.is_file() and found.suffix in _SUFFIXES:
        return [_unit_of_file(found)]
    if not found.is_dir():
        what = "is no .py or .toml file" if found.exists() else "does not exist"
        raise ValueError(f"{given_by}: {found} {what}; give a file or folder of declarations")
    files = [file for folder in (found / "tasks", found / "mixtures", found) for file in _declarations_files(folder)]
    if not files:
        raise ValueError(
            f"{given_by}: {found} holds no .py or .toml file of declarations, nor do its tasks/ and mixtures/; give a "
            "file or folder of declarations"
        )
    return [_unit_of_file(file) for file in files]


def _declarations_files(folder: Path) -> list[Path]:
    files = [file for file in folder.glob("*") if file.suffix in _SUFFIXES and not file.name.startswith(("_", "."))]
    return sorted(file for file in files if file.suffix == ".py" or toml.declares(file))


def _unit_of_file(file: Path) -> _Unit:
    run = _run_file if file.suffix == ".py" else toml.declare
    return _Unit(str(file), functools.partial(run, file))


def _run_file(file: Path) -> None:
    """Runs a file as a module that no import statement can reach before it is loaded."""
    name = f"_t5mix_declarations_{hashlib.sha256(str(file).encode()).hexdigest()[:16]}_{file.stem}"
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


discovery = Discovery(namespace, _found)
include = discovery.include
files = discovery.files
load = discovery.load

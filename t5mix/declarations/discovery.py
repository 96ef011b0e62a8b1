"""Declarations files: found by path, and loaded when a name is first needed.

Nobody imports a declarations file. One in Python, .py, is run once, under a private module name; one in TOML, .toml,
is read, see `toml`, and nothing of it runs. They are loaded in this order, all of them at the first look-up:

1. the environment variable T5MIX_INCLUDE (or T5MIX_PACKS), paths divided as in PATH;
2. what `include` names, which is what `--include` of every command calls;
3. installed packages, by the entry point group `t5mix.declarations` (or `t5mix.packs`, its first name);
4. the files of t5mix's own `tasks/` and `mixtures/`.

A name that is declared twice is what the user named, else what is installed, else what is shipped; `namespace` says so
in a line. Two of equal rank are refused. A mixture that is shipped holds the task of its part's name, whosever it is.

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
import shlex
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType

from t5mix.declarations import toml
from t5mix.declarations.namespace import INSTALLED, NAMED, SHIPPED, Namespace, Origin, namespace
from t5mix.declarations.toml import DeclarationError
from t5mix.internal import paths
from t5mix.internal.code import user_errors
from t5mix.internal.terminal import say

GROUPS = ("t5mix.declarations", "t5mix.packs")
VARIABLES = ("T5MIX_INCLUDE", "T5MIX_PACKS")
_SUFFIXES = (".py", ".toml")


@dataclasses.dataclass(eq=False)
class _Unit:
    """What is loaded at once, a file or an installed package.

    Attributes:
        origin: its path, or the entry point.
        run: declares what is in it.
        rank: SHIPPED, INSTALLED or NAMED; see `namespace`.
        keep_going: whether what cannot work in it is left out.
        state: "waiting", "loading", "loaded", or "failed", of a shipped one that somebody's declarations do not suit.
        error: of the last try, which is good until another unit is loaded.
        tried: how many units were loaded when it was tried.
    """

    origin: str
    run: Callable[[], None]
    rank: int = NAMED
    keep_going: bool = False
    state: str = "waiting"
    error: DeclarationError | None = None
    tried: int = -1


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
        self._searched = self._settled = self._keep_going = False
        self._loaded = 0
        self._lock = threading.RLock()
        namespace.load, namespace.remember = self.load, self._remember

    def include(self, path: str | os.PathLike[str], keep_going: bool = False) -> None:
        """Adds a file or folder of declarations, to be loaded when a name is next needed.

        Args:
            path: of the file or folder.
            keep_going: leave out, with a line, a task or mixture in it that cannot work, instead of refusing the file.

        Raises:
            ValueError: when it is not there, is no .py or .toml file, or is a folder without one.
        """
        with self._lock:
            self._append(_units_at(path, "include", keep_going=keep_going))

    def keep_going(self) -> None:
        """Leaves out, with a line, what cannot work in any file that is loaded from now on."""
        self._keep_going = True

    def mention(self, paths_of_files: Sequence[str]) -> None:
        """Notes files that are not loaded as nobody named them; where a name is missing, the message says how to.

        Args:
            paths_of_files: as a run folder recorded them.
        """
        known = [unit.origin for unit in self._units]
        others = [path for path in paths_of_files if not any(_is_within(origin, path) for origin in known)]
        self._namespace.hints = [_how_to_name(path) for path in others]

    def files(self) -> list[str]:
        """Returns the files and installed packages that are or will be loaded, in order."""
        with self._lock:
            self._search()
            return [unit.origin for unit in self._units]

    def load(self, enough: Callable[[], bool] = lambda: False) -> None:
        """Loads what waits; for a file that is being loaded itself, only until `enough()`.

        Raises:
            DeclarationError: when a file fails; its declarations are undone, and the next call tries it again.
        """
        with self._lock:
            if self._settled and not self._namespace.stale_below:
                return
            self._search()
            if any(unit.state == "loading" for unit in self._units):
                self._load_for(enough)
            else:
                self._load_all()

    def _remember(self) -> Callable[[], None]:
        """Returns what makes the files, and how far they are, those of now again."""
        with self._lock:
            before, keep_going = {unit: unit.state for unit in self._units}, self._keep_going
            hints = self._namespace.hints

        def forget() -> None:
            with self._lock:
                self._units, self._keep_going = list(before), keep_going
                self._namespace.hints = hints
                for unit, state in before.items():
                    unit.state = state

        return forget

    def _load_all(self) -> None:
        while True:
            self._reload_stale()
            waiting = next((unit for unit in self._units if unit.state == "waiting"), None)
            if waiting is None:
                break
            try:
                self._load(waiting)
            except DeclarationError as error:
                self._leave_out(waiting, error)
        self._settled = True
        self._namespace.tell()

    def _load_for(self, enough: Callable[[], bool]) -> None:
        """Loads what waits, shipped files first, until a file that is being loaded finds the name it looks up.

        A file that fails meanwhile is tried again, when the others are.
        """
        first: DeclarationError | None = None
        for unit in sorted(self._units, key=lambda unit: unit.rank):
            if enough():
                return
            if unit.state == "waiting" and unit.tried != self._loaded:
                try:
                    self._load(unit)
                except DeclarationError as error:
                    unit.error, unit.tried = error, self._loaded
            if unit.state == "waiting":
                first = first or unit.error
        if first and not enough():
            raise first

    def _reload_stale(self) -> None:
        """Makes what was loaded before a name of it was taken over wait again: mixtures hold what is taken over."""
        below, files = self._namespace.stale_below, self._namespace.stale_files
        loaded = [unit for unit in self._units if unit.state in ("loaded", "failed")]
        stale = {unit.origin: unit for unit in loaded if unit.rank < below or unit.origin in files}
        if stale:
            self._namespace.drop(stale.keys())
            for unit in stale.values():
                unit.state = "waiting"

    def _leave_out(self, unit: _Unit, error: DeclarationError) -> None:
        """Leaves out a shipped file that fails for what a user declares in its stead; any other error is raised."""
        taken_over = self._namespace.overrides(unit.rank)
        if unit.rank != SHIPPED or not taken_over:
            raise error
        unit.state = "failed"
        say(f"t5mix: left out, as your {taken_over[0]!r} does not suit it: {' '.join(str(error).split())}")

    def _search(self) -> None:
        if not self._searched:
            found = self._found()
            included, self._units = self._units, []
            self._append([unit for unit in found if unit.rank == NAMED])
            self._append(included)
            self._append([unit for unit in found if unit.rank < NAMED])
            self._searched = True

    def _append(self, units: list[_Unit]) -> None:
        known = {unit.origin for unit in self._units}
        for unit in units:
            if unit.origin not in known:
                known.add(unit.origin)
                self._units.append(unit)
                self._settled = False
        self._units.sort(key=lambda unit: -unit.rank)

    def _load(self, unit: _Unit) -> None:
        loaded_before = [each for each in self._units if each.state == "loaded"]
        unit.state = "loading"
        origin = Origin(unit.origin, unit.rank, unit.keep_going or self._keep_going)
        try:
            with self._namespace.loading(origin):
                unit.run()
        except BaseException as error:
            # What it made load first is undone with it.
            for each in self._units:
                if each is unit or (each.state == "loaded" and each not in loaded_before):
                    each.state = "waiting"
            if isinstance(error, DeclarationError) or _stops(error):
                raise
            raise DeclarationError(_explain(unit.origin, error)) from error
        unit.state = "loaded"
        self._loaded += 1


def _stops(error: BaseException) -> bool:
    """Tells whether it is no error of a file, but somebody ends the program: Ctrl-C, or t5mix itself."""
    return type(error) is KeyboardInterrupt or (
        not isinstance(error, Exception) and type(error).__module__.startswith("t5mix.")
    )


def _explain(file: str, error: BaseException) -> str:
    """Returns "file:line: what happened", the line being the deepest of the file's own."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno or 1}: {error.msg}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    where = f"{file}:{lines[-1]}" if lines else file
    message = user_errors.one_line(error)
    if isinstance(error, ModuleNotFoundError) and str(error.name).partition(".")[0] in ("seqio", "t5"):
        message += "; with --as_seqio, or after t5mix.as_seqio(), it means t5mix"
    return message if where in message else f"{where}: {message}"


def _is_within(file: str, path: str) -> bool:
    """Tells whether a file is the one at a path, or in the folder there."""
    found = os.path.realpath(os.path.expanduser(path))
    return file == found or file.startswith(found + os.sep)


def _how_to_name(path: str) -> str:
    if os.path.exists(path):
        return (
            f"the run's record names {path}, which is loaded when you name it, too: add --include {shlex.quote(path)}"
        )
    return f"the run's record names {path}, which is no longer there: give its new path with --include"


def _found() -> list[_Unit]:
    return [*_shipped(), *_installed(), *_in_environment()]


def _shipped() -> Iterator[_Unit]:
    for kind in ("tasks", "mixtures"):
        try:
            folder = paths.shipped(kind)
        except FileNotFoundError:  # the framework alone, without declarations of its own
            continue
        for file in _declarations_files(folder):
            yield _unit_of_file(file, SHIPPED)


def _installed() -> Iterator[_Unit]:
    """Yields the entry points: modules, which are imported, or paths of declarations files."""
    points = {point for group in GROUPS for point in importlib.metadata.entry_points(group=group)}
    for point in sorted(points, key=lambda point: (point.name, point.value, point.group)):
        yield _Unit(f"entry point {point.name} = {point.value}", functools.partial(_enter, point), INSTALLED)


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


def _units_at(path: str | os.PathLike[str], given_by: str, keep_going: bool = False) -> list[_Unit]:
    """Returns one unit for each declarations file at a path, a file or a folder."""
    found = Path(path).expanduser().resolve()
    if found.is_file() and found.suffix in _SUFFIXES:
        return [_unit_of_file(found, NAMED, keep_going)]
    if not found.is_dir():
        what = "is no .py or .toml file" if found.exists() else "does not exist"
        raise ValueError(f"{given_by}: {found} {what}; give a file or folder of declarations")
    files = [file for folder in (found / "tasks", found / "mixtures", found) for file in _declarations_files(folder)]
    if not files:
        raise ValueError(
            f"{given_by}: {found} holds no .py or .toml file of declarations, nor do its tasks/ and mixtures/; give a "
            "file or folder of declarations"
        )
    return [_unit_of_file(file, NAMED, keep_going) for file in files]


def _declarations_files(folder: Path) -> list[Path]:
    files = [file for file in folder.glob("*") if file.suffix in _SUFFIXES and not file.name.startswith(("_", "."))]
    return sorted(file for file in files if file.suffix == ".py" or toml.declares(file))


def _unit_of_file(file: Path, rank: int, keep_going: bool = False) -> _Unit:
    run = _run_file if file.suffix == ".py" else toml.declare
    return _Unit(str(file), functools.partial(run, file), rank, keep_going)


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
mention = discovery.mention

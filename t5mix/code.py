"""Code: its text, and the package that it is installed with."""

import functools
import hashlib
import importlib.metadata
import inspect
import linecache
import os
import sys
import sysconfig
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_OURS = os.path.dirname(os.path.abspath(__file__)) + os.sep
# Code names its file as Python was found, which may be through a link.
_STANDARD = tuple(
    form(sysconfig.get_path(name)) + os.sep
    for name in ("stdlib", "platstdlib")
    for form in (os.path.abspath, os.path.realpath)
)
_INSTALLED = ("site-packages", "dist-packages")


@functools.lru_cache(maxsize=65536)
def source(thing: types.CodeType | type) -> str | None:
    """Returns the text of a function's code or of a class, or None when it was not read from a file.

    A function's code, not the function: `inspect` would give what a decorated one wraps, and not the decorator's.
    """
    if isinstance(thing, types.CodeType) and thing.co_name == "<lambda>":
        return _lambda_source(thing)
    try:
        return inspect.getsource(thing)
    except (OSError, TypeError):
        return None


def _lambda_source(code: types.CodeType) -> str | None:
    """Returns the lines of a lambda and its place in them, which tells it from others on its line."""
    places = [
        (line, column, end, end_column)
        for line, end, column, end_column in code.co_positions()
        if line is not None and end is not None and column is not None and end_column
    ]
    lines = linecache.getlines(code.co_filename)
    if not places or not lines:
        return None
    first = code.co_firstlineno
    line, column = min(place[:2] for place in places)
    end, end_column = max(place[2:] for place in places)
    return f"{line - first},{column},{end_column}:{''.join(lines[first - 1 : end])}"


def is_ours(thing: types.FunctionType | type) -> bool:
    """Tells whether a function or class is t5mix's own."""
    if isinstance(thing, types.FunctionType):
        return thing.__code__.co_filename.startswith(_OURS)
    file = getattr(sys.modules.get(thing.__module__), "__file__", None)
    return file is not None and _is_in_ours(file)


@functools.lru_cache(maxsize=65536)
def _is_in_ours(file: str) -> bool:
    return os.path.abspath(file).startswith(_OURS)


def package(thing: Any) -> str | None:
    """Returns the package that code is installed with; None for the user's and t5mix's own, which are followed."""
    if isinstance(thing, types.ModuleType):
        # Without waking a module that is imported lazily.
        return _package_of(thing.__name__, vars(thing).get("__file__"))
    module = thing.__module__ or "builtins"
    file: str | None = thing.__code__.co_filename if isinstance(thing, types.FunctionType) else None
    if file is None or file.startswith("<"):  # made by exec, as a dataclass makes its methods
        file = getattr(sys.modules.get(module), "__file__", None)
    return _package_of(module, file)


@functools.lru_cache(maxsize=65536)
def _package_of(module: str, file: str | None) -> str | None:
    top = module.partition(".")[0]
    if top == "__main__":
        return None
    if file is None:
        return "standard library" if top in sys.stdlib_module_names else _distributions(top)
    path = Path(os.path.abspath(file))
    if str(path).startswith(_OURS):
        return None
    for folder, inner in zip(path.parts, path.parts[1:], strict=False):
        if folder in _INSTALLED:
            return _distributions(inner.partition(".")[0])
    return "standard library" if str(path).startswith(_STANDARD) else None


@functools.lru_cache(maxsize=65536)
def _distributions(top: str) -> str | None:
    """Returns the versions and the code of the distributions with the top-level name `top`; None without any."""
    # Most are called what they hold; to look through all of them takes half a second.
    names = [top] if _holds(top) else sorted(set(_names_of_distributions().get(top, ())))
    return "; ".join(map(_distribution, names)) or None


def _holds(name: str) -> bool:
    """Tells whether there is a distribution that holds a module or package of its own name."""
    try:
        found = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return any(os.path.exists(str(found.locate_file(file))) for file in (f"{name}/__init__.py", f"{name}.py"))


@functools.cache
def _names_of_distributions() -> Mapping[str, Sequence[str]]:
    return importlib.metadata.packages_distributions()


def _distribution(name: str) -> str:
    """Returns name and version and, where its files are the same on all machines, a hash of them."""
    found = importlib.metadata.distribution(name)
    files = ""
    if "Root-Is-Purelib: true" in (found.read_text("WHEEL") or ""):
        # Scripts, outside the folder of packages, and metadata depend on the place of installation.
        lines = (found.read_text("RECORD") or "").splitlines()
        lines = sorted(x for x in lines if ",sha256=" in x and ".dist-info/" not in x and not x.startswith(".."))
        files = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    return f"{name} {found.version} {files}".rstrip()

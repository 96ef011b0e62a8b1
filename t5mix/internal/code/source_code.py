"""Code: whose it is, and the distribution that it is installed with."""

import functools
import importlib.metadata
import os
import platform
import sys
import sysconfig
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from t5mix.internal import paths

_OURS = os.path.join(os.path.abspath(paths.PACKAGE), "")
# Declarations that come with t5mix are code of a user's, in a wheel, too.
_SHIPPED = os.path.join(_OURS, "shipped") + os.sep
# Code names its file as Python was found, which may be through a link.
_STANDARD = tuple(
    form(sysconfig.get_path(name)) + os.sep
    for name in ("stdlib", "platstdlib")
    for form in (os.path.abspath, os.path.realpath)
)
_INSTALLED = ("site-packages", "dist-packages")
_DECLARATIONS = ("t5mix.declarations", "t5mix.packs")
# What `package` returns of Python's own modules, and what `version` takes for Python.
STANDARD, PYTHON = "standard library", "python"


def is_ours(obj: types.FunctionType | type | types.ModuleType) -> bool:
    """Tells whether a function, class or module is t5mix's own."""
    if isinstance(obj, types.FunctionType):
        return _is_in_ours(obj.__code__.co_filename)
    module = obj if isinstance(obj, types.ModuleType) else sys.modules.get(obj.__module__)
    # Without waking a module that is imported lazily.
    file = None if module is None else vars(module).get("__file__")
    return file is not None and _is_in_ours(file)


@functools.lru_cache(maxsize=65536)
def _is_in_ours(file: str) -> bool:
    path = os.path.abspath(file)
    return path.startswith(_OURS) and not path.startswith(_SHIPPED)


def package(obj: Any) -> str | None:
    """Returns the distributions that code is installed with, joined by spaces; of Python's own "standard library".

    None is returned for code that is followed: the user's, t5mix's own, and that of an installed distribution with
    declarations for t5mix (entry point `t5mix.declarations`), which is a user's, too.
    """
    if isinstance(obj, types.ModuleType):
        # Without waking a module that is imported lazily.
        return _package_of(obj.__name__, vars(obj).get("__file__"))
    module = obj.__module__ or "builtins"
    file: str | None = obj.__code__.co_filename if isinstance(obj, types.FunctionType) else None
    if file is None or file.startswith("<"):  # made by exec, as a dataclass makes its methods
        file = getattr(sys.modules.get(module), "__file__", None)
    return _package_of(module, file)


@functools.lru_cache(maxsize=65536)
def _package_of(module: str, file: str | None) -> str | None:
    top = module.partition(".")[0]
    if top == "__main__":
        return None
    if file is None:
        return STANDARD if top in sys.stdlib_module_names else _distributions(top)
    path = Path(os.path.abspath(file))
    if str(path).startswith(_OURS):
        return None
    for folder, inner in zip(path.parts, path.parts[1:], strict=False):
        if folder in _INSTALLED:
            return _distributions(inner.partition(".")[0])
    return STANDARD if str(path).startswith(_STANDARD) else None


@functools.lru_cache(maxsize=65536)
def _distributions(top: str) -> str | None:
    """Returns the names of the distributions with the top-level name `top`; None without any, or with declarations."""
    # Most are called what they hold; to look through all of them takes half a second.
    names = [top] if _holds(top) else sorted(set(_names_of_distributions().get(top, ())))
    points = [point for name in names for point in importlib.metadata.distribution(name).entry_points]
    if any(point.group in _DECLARATIONS for point in points):
        return None
    return " ".join(names) or None


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


@functools.cache
def version(distribution: str) -> str:
    """Returns the version of an installed distribution, or of "python"; "" where it is not installed."""
    if distribution == PYTHON:
        return platform.python_version()
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""

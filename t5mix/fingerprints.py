"""Content identities of declared things, so that a cache never serves stale data.

A fingerprint is the sha256, as hex, of what decides a result: bytes of a file, arguments, and for a
function its source code, its closure, its defaults and the functions of the user's that it calls.
It is the same in every process, whatever the folder of the checkout or the hash seed.
"""

import dataclasses
import functools
import hashlib
import inspect
import os
import re
import sys
import sysconfig
import types
from collections.abc import Callable, Mapping, Sequence, Set
from pathlib import Path, PurePath
from typing import Any

# How deep objects may nest before they are taken to be unfit for a fingerprint.
_DEEPEST = 30
_PLAIN = (type(None), bool, int, float, complex, str, bytes, PurePath, re.Pattern)


def digest(*parts: object) -> str:
    """Returns the sha256, as hex, of `parts` by content; see `describe` for what is allowed."""
    sha = hashlib.sha256()
    for part in parts:
        text = describe(part)
        sha.update(f"{len(text)}:".encode())
        sha.update(text.encode("utf-8", "surrogatepass"))
    return sha.hexdigest()


def of_callable(function: Callable[..., Any]) -> str:
    """Returns the fingerprint of a function, partial, class or callable object.

    An attribute `fingerprint`, a string or a function without arguments, overrides it.

    Raises:
      ValueError: when the callable holds something without content to compare, such as a lock.
    """
    return digest(function)


def of_file(path: str | os.PathLike[str]) -> str:
    """Returns the sha256 of a file's bytes, remembered for as long as its size and time stay."""
    status = os.stat(path)
    return _of_bytes(os.path.abspath(path), status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=65536)
def _of_bytes(path: str, size: int, changed: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def describe(thing: object) -> str:
    """Returns a text that two things share only when they have the same content.

    Raises:
      ValueError: for an object without comparable content.
    """
    return _Describer().text(thing)


class _Describer:
    """Writes nested things as text: each function and class once, and cycles come to an end."""

    def __init__(self) -> None:
        self._inside: list[int] = []
        self._written: dict[int, int] = {}

    def text(self, thing: object) -> str:
        if isinstance(thing, _PLAIN):
            return f"{type(thing).__name__}:{thing!r}"
        if isinstance(thing, types.FunctionType | type):
            if id(thing) in self._written:
                return f"written:{self._written[id(thing)]}"
            self._written[id(thing)] = len(self._written)
        if id(thing) in self._inside:
            return f"cycle:{len(self._inside) - self._inside.index(id(thing))}"
        if len(self._inside) > _DEEPEST:
            raise ValueError(f"{thing!r} nests too deep for a fingerprint")
        self._inside.append(id(thing))
        try:
            return f"{type(thing).__qualname__}({self._content(thing)})"
        finally:
            self._inside.pop()

    def _content(self, thing: Any) -> str:
        own = inspect.getattr_static(thing, "fingerprint", None)
        if own is not None and not isinstance(thing, types.ModuleType | type):
            value = thing.fingerprint
            if isinstance(value, str):
                return value
            if callable(value) and not _required_arguments(value):
                return str(value())
        for kind, describe_kind in _KINDS:
            if isinstance(thing, kind):
                return describe_kind(self, thing)
        if hasattr(thing, "dtype") and hasattr(thing, "tobytes"):  # a NumPy array or scalar
            shape = getattr(thing, "shape", ())
            return f"{thing.dtype}{shape}{hashlib.sha256(thing.tobytes()).hexdigest()}"
        return self._object(thing)

    def _mapping(self, thing: Mapping[Any, Any]) -> str:
        return ",".join(f"{self.text(key)}={self.text(value)}" for key, value in thing.items())

    def _sequence(self, thing: Sequence[Any]) -> str:
        return ",".join(self.text(item) for item in thing)

    def _set(self, thing: Set[Any]) -> str:
        return ",".join(sorted(self.text(item) for item in thing))

    def _partial(self, thing: functools.partial) -> str:
        keywords = dict(sorted(thing.keywords.items()))
        return f"{self.text(thing.func)},{self.text(thing.args)},{self.text(keywords)}"

    def _method(self, thing: types.MethodType) -> str:
        return f"{self.text(thing.__func__)},{self.text(thing.__self__)}"

    def _builtin(self, thing: types.BuiltinFunctionType) -> str:
        return f"{thing.__module__}.{thing.__qualname__}"

    def _module(self, thing: types.ModuleType) -> str:
        return thing.__name__

    def _class(self, thing: type) -> str:
        if not _is_users(thing):
            return f"{thing.__module__}.{thing.__qualname__}"
        return f"{thing.__qualname__},{_source(thing) or ''}"

    def _function(self, thing: types.FunctionType) -> str:
        if not _is_users(thing):
            # A function of an installed library: its name.  Its closure and defaults still count,
            # because decorators and factories of a library hold the user's own functions there.
            parts = [f"{thing.__module__}.{thing.__qualname__}"]
        else:
            parts = [thing.__qualname__, _source(thing) or _bytecode(self, thing.__code__)]
            parts += self._globals(thing)
        parts += [self.text(thing.__defaults__), self.text(thing.__kwdefaults__)]
        parts += [self.text(_cell(cell)) for cell in thing.__closure__ or ()]
        return "\n".join(parts)

    def _globals(self, function: types.FunctionType) -> list[str]:
        """Describes the module-level names of the user's that `function` refers to."""
        used: list[str] = []
        names = sorted(_names(function.__code__))
        for name in names:
            value = function.__globals__.get(name)
            if isinstance(value, types.ModuleType):
                used += [
                    f"{name}.{inner}={self.text(getattr(value, inner))}"
                    for inner in names
                    if _is_users(value) and isinstance(getattr(value, inner, None), types.FunctionType)
                ]
            elif value is not None:
                used.append(f"{name}={self._global(value)}")
        return used

    def _global(self, value: object) -> str:
        try:
            return self.text(value)
        except ValueError:  # a logger, a lock: a module may hold them without depending on them
            return type(value).__qualname__

    def _object(self, thing: Any) -> str:
        if dataclasses.is_dataclass(thing):
            fields = {field.name: getattr(thing, field.name) for field in dataclasses.fields(thing)}
        elif getattr(thing, "__dict__", None) is not None and _is_users(type(thing)):
            fields = vars(thing)
        elif " at 0x" not in repr(thing):
            return repr(thing)
        else:
            raise ValueError(
                f"{thing!r} has no content to compare, so a cache could not tell when it changes; "
                "give its class an attribute `fingerprint`, a string that changes with it"
            )
        return f"{self.text(type(thing))},{self.text(dict(sorted(fields.items())))}"


_KINDS: tuple[tuple[Any, Callable[[_Describer, Any], str]], ...] = (
    (Mapping, _Describer._mapping),
    (list | tuple | range, _Describer._sequence),
    (set | frozenset, _Describer._set),
    (functools.partial, _Describer._partial),
    (types.FunctionType, _Describer._function),
    (types.MethodType, _Describer._method),
    (types.BuiltinFunctionType, _Describer._builtin),
    (types.ModuleType, _Describer._module),
    (type, _Describer._class),
)


def _required_arguments(function: Callable[..., Any]) -> bool:
    return any(
        parameter.default is parameter.empty and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        for parameter in inspect.signature(function).parameters.values()
    )


def _cell(cell: types.CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:  # a name that is bound only later
        return "unbound"


def _names(code: types.CodeType) -> set[str]:
    """Returns the global and attribute names in `code` and in the functions inside it."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _names(constant)
    return names


def _bytecode(describer: _Describer, code: types.CodeType) -> str:
    """Describes a function without source, such as one typed into an interpreter."""
    constants = [
        _bytecode(describer, constant) if isinstance(constant, types.CodeType) else describer.text(constant)
        for constant in code.co_consts
    ]
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return f"{version},{code.co_code.hex()},{code.co_names},{constants}"


@functools.lru_cache(maxsize=65536)
def _source(thing: Any) -> str | None:
    try:
        return inspect.getsource(thing)
    except (OSError, TypeError):
        return None


_LIBRARIES = tuple(
    str(Path(sysconfig.get_path(name)).resolve()) for name in ("stdlib", "platstdlib", "purelib", "platlib")
)
_OURS = str(Path(__file__).resolve().parent)


def _is_users(thing: Any) -> bool:
    """Tells whether code is the user's or t5mix's own, which may change without a version."""
    if isinstance(thing, types.FunctionType):
        file: str | None = thing.__code__.co_filename
    elif isinstance(thing, types.ModuleType):
        file = vars(thing).get("__file__")  # without waking a module that is imported lazily
        if file is None:
            return False
    else:
        file = getattr(sys.modules.get(thing.__module__), "__file__", None)
        if file is None:
            return thing.__module__ == "__main__"
    return _is_users_file(file or "")


@functools.lru_cache(maxsize=65536)
def _is_users_file(file: str) -> bool:
    path = os.path.abspath(file)
    return path.startswith(_OURS + os.sep) or not (file.startswith("<frozen") or path.startswith(_LIBRARIES))

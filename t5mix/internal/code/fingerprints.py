"""Content identities of what is declared, so that a cache never serves stale data.

A fingerprint is the sha256, as hex, of what decides a result: bytes of a file, arguments, and for a function its
code, its closure, its defaults, and what it refers to in its module.

- Code of the user's is taken by its syntax tree, and followed from one function to the next.
- Code of t5mix is identified by its name and a number that is raised when its results change (`revisions`).
- Code of an installed library is identified by its name. Its version is no part of a fingerprint: `libraries` tells
  which ones are met, and who keeps what they made compares (`t5mix.data.cache.identity.library_releases`).

A fingerprint is the same in every process, whatever the folder of the checkout or the hash seed.
"""

import contextlib
import contextvars
import dataclasses
import functools
import hashlib
import importlib
import inspect
import logging
import os
import re
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from pathlib import PurePath
from typing import Any

from t5mix.internal.code import revisions, source_code
from t5mix.internal.code.syntax import NormalForm, normal_form

# How deep objects may nest before they are taken to be unfit for a fingerprint.
_DEEPEST = 30
_PLAIN = (type(None), bool, int, float, complex, str, bytes, PurePath, re.Pattern)
# Those of them whose objects are identified by their class alone, at once: most of what is described.
_EXACTLY_PLAIN = frozenset({type(None), bool, int, float, complex, str, bytes})
# A file of no more bytes is read at once.
_SMALL_FILE = 1 << 20
# What identifies an object is no part of it.
_IDENTIFYING = frozenset({__name__, source_code.__name__, revisions.__name__, normal_form.__module__})
# The libraries that are met while `libraries` listens.
_MET: contextvars.ContextVar[set[str] | None] = contextvars.ContextVar("_MET", default=None)


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
    with open(path, "rb", buffering=0) as file:
        if size > _SMALL_FILE:
            return hashlib.file_digest(file, "sha256").hexdigest()
        return hashlib.sha256(file.readall()).hexdigest()


def describe(obj: object) -> str:
    """Returns a text that two objects share only when they have the same content.

    Raises:
        ValueError: for an object without comparable content.
    """
    if type(obj) in _EXACTLY_PLAIN:
        return f"{type(obj).__name__}:{obj!r}"
    return _Describer().text(obj)


@contextlib.contextmanager
def libraries() -> Iterator[set[str]]:
    """Gathers the distributions whose code is met by the fingerprints that are taken inside."""
    met: set[str] = set()
    before = _MET.get()
    token = _MET.set(met)
    try:
        yield met
    finally:
        _MET.reset(token)
        if before is not None:
            before |= met


def meet(names: Iterable[str]) -> None:
    """Says that a fingerprint depends on these distributions: for fingerprints that are made by hand."""
    met = _MET.get()
    if met is not None:
        met.update(names)


def of_own_code(obj: object) -> str:
    """Returns the sha256, as hex, of code of t5mix with what it refers to, in place of its number; see `revisions`."""
    return hashlib.sha256(_Describer(follow_ours=True).text(obj).encode("utf-8", "surrogatepass")).hexdigest()


class _Describer:
    """Writes nested objects as text: each function and class once, and cycles come to an end."""

    def __init__(self, follow_ours: bool = False) -> None:
        # Whether t5mix's code is followed as the user's is, and not identified by its number.
        self._follow_ours = follow_ours
        self._inside: list[int] = []
        self._written: dict[int, int] = {}
        # Above 0 while what a module holds is described: loggers and locks are passed by there.
        self._lenient = 0

    def text(self, obj: object) -> str:
        if type(obj) in _EXACTLY_PLAIN or isinstance(obj, _PLAIN):
            return f"{type(obj).__name__}:{obj!r}"
        if isinstance(obj, types.FunctionType | type) and not self._is_named_by_number(obj):
            if id(obj) in self._written:
                return f"written:{self._written[id(obj)]}"
            self._written[id(obj)] = len(self._written)
        if id(obj) in self._inside:
            return f"cycle:{len(self._inside) - self._inside.index(id(obj))}"
        if len(self._inside) > _DEEPEST:
            return self._unfit(obj, "nests too deep for a fingerprint")
        self._inside.append(id(obj))
        try:
            return f"{type(obj).__qualname__}({self._content(obj)})"
        finally:
            self._inside.pop()

    def _content(self, obj: Any) -> str:
        describe_container = _CONTAINERS.get(type(obj))
        if describe_container is not None:
            return describe_container(self, obj)
        own = inspect.getattr_static(obj, "fingerprint", None)
        if own is not None and not isinstance(obj, types.ModuleType | type):
            value = obj.fingerprint
            if isinstance(value, str):
                return value
            if callable(value) and not _required_arguments(value):
                return str(value())
        for kind, describe_kind in _KINDS:
            if isinstance(obj, kind):
                return describe_kind(self, obj)
        if hasattr(obj, "dtype") and hasattr(obj, "numpy"):  # a TensorFlow tensor
            obj = obj.numpy()
        if hasattr(obj, "dtype") and hasattr(obj, "tobytes"):  # a NumPy array or scalar
            # Bytes of an array of objects would be their addresses.
            content = self.text(obj.tolist()) if obj.dtype.hasobject else obj.tobytes()
            return f"{obj.dtype}{obj.shape}{digest(content)}"
        return self._object(obj)

    def _mapping(self, obj: Mapping[Any, Any]) -> str:
        return ",".join(f"{self.text(key)}={self.text(value)}" for key, value in obj.items())

    def _sequence(self, obj: Sequence[Any]) -> str:
        return ",".join(self.text(item) for item in obj)

    def _set(self, obj: Set[Any]) -> str:
        return ",".join(sorted(self.text(item) for item in obj))

    def _partial(self, obj: functools.partial) -> str:
        keywords = dict(sorted(obj.keywords.items()))
        return f"{self.text(obj.func)},{self.text(obj.args)},{self.text(keywords)}"

    def _method(self, obj: types.MethodType) -> str:
        return f"{self.text(obj.__func__)},{self.text(obj.__self__)}"

    def _is_named_by_number(self, obj: types.FunctionType | type) -> bool:
        return source_code.is_ours(obj) and (not self._follow_ours or obj.__module__ in _IDENTIFYING)

    def _package(self, obj: Any) -> str | None:
        """Returns the library that code belongs to, and notes it; None for code that is followed."""
        package = source_code.package(obj)
        if package is not None and package != source_code.STANDARD:
            meet(package.split())
        return package

    def _builtin(self, obj: types.BuiltinFunctionType) -> str:
        return f"{self._package(obj)},{obj.__module__}.{obj.__qualname__}"

    def _module(self, obj: types.ModuleType) -> str:
        return "t5mix" if source_code.is_ours(obj) else f"{self._package(obj)},{obj.__name__}"

    def _class(self, obj: type) -> str:
        if self._is_named_by_number(obj):
            return revisions.identity(obj)
        package = self._package(obj)
        if package is not None:
            return f"{package},{obj.__module__}.{obj.__qualname__}"
        form = normal_form(obj)
        parts = [obj.__qualname__, form.text if form else ""]
        parts += [self._global(base) for base in obj.__bases__]
        for name, member in sorted(vars(obj).items()):
            function = _unwrapped(member)
            if name == "__repr__":  # a dataclass makes one, and none decides a result
                continue
            if isinstance(function, types.FunctionType):
                # Of functions without a text those are left out that follow from the class: a dataclass makes some.
                if form is None or normal_form(function.__code__) is not None:
                    parts.append(f"{name}={self._global(function)}")
            elif not name.startswith("__") and isinstance(member, _PLAIN):
                parts.append(f"{name}={self._global(member)}")
        return "\n".join(parts)

    def _function(self, obj: types.FunctionType) -> str:
        closure = [self.text(_cell(cell)) for cell in obj.__closure__ or ()]
        if self._is_named_by_number(obj):
            return "\n".join([revisions.identity(obj), *closure])
        defaults = [self.text(obj.__defaults__), self.text(obj.__kwdefaults__)]
        package = self._package(obj)
        if package is None:
            form = normal_form(obj.__code__)
            parts = [obj.__qualname__, form.text if form else _bytecode(self, obj.__code__)]
            return "\n".join([*parts, *self._globals(obj, form), *defaults, *closure])
        if _is_of_a_module(obj):
            return f"{package},{obj.__module__}.{obj.__qualname__}"
        # What decorators and factories of a library make holds the user's own functions in closures and defaults.
        return "\n".join([f"{package},{obj.__code__.co_qualname}", *defaults, *closure])

    def _globals(self, function: types.FunctionType, form: NormalForm | None) -> list[str]:
        """Describes the module-level names that `function` refers to."""
        names = _names(function.__code__)
        listed = sorted(names if form is None else names & form.names)  # of annotations none
        lines = []
        for name in listed if form is None else sorted(names & form.roots):
            value = function.__globals__.get(name)
            lines += self._referred((name,), value, listed, form, ())
        for module, name in form.imports if form else ():
            value = getattr(importlib.import_module(module), name, None)
            lines += self._referred((name,), value, listed, form, ())
        return lines

    def _referred(
        self,
        path: tuple[str, ...],
        value: object,
        names: Sequence[str],
        form: NormalForm | None,
        inside: tuple[object, ...],
    ) -> list[str]:
        """Describes a module-level value, and of a module of the user's what `names` may mean in it."""
        if value is None or any(value is module for module in inside):
            return []
        if not isinstance(value, types.ModuleType):
            return [f"{path[-1]}={self._global(value)}"]
        package = self._package(value)
        if package is not None:
            return [f"{'.'.join(path)}={package}"]
        if source_code.is_ours(value):  # where a name lies in t5mix changes nothing
            chains = form.chains if form else frozenset()
            names = sorted(
                {chain[len(path)] for chain in chains if chain[: len(path)] == path and len(chain) > len(path)}
            )
            inside = ()
        found = {name: getattr(value, name, None) for name in names}
        return [
            line
            for name, inner in found.items()
            for line in self._referred((*path, name), inner, names, form, (*inside, value))
        ]

    def _global(self, value: object) -> str:
        self._lenient += 1
        try:
            return self.text(value)
        finally:
            self._lenient -= 1

    def _object(self, obj: Any) -> str:
        wrapped = _unwrapped(obj)
        if wrapped is not obj:
            return self.text(wrapped)
        if dataclasses.is_dataclass(obj):
            fields = {field.name: getattr(obj, field.name) for field in dataclasses.fields(obj)}
        elif getattr(obj, "__dict__", None) is not None and self._package(type(obj)) is None:
            fields = vars(obj)
        elif " at 0x" in repr(obj) or "..." in repr(obj):  # an address, or less than all of it
            return self._unfit(
                obj,
                "has no content to compare, so a cache could not tell when it changes; give its class an "
                "attribute `fingerprint`, a string that changes with it",
            )
        else:
            return repr(obj)
        return f"{self.text(type(obj))},{self.text(dict(sorted(fields.items())))}"

    def _unfit(self, obj: object, why: str) -> str:
        if self._lenient:
            return type(obj).__qualname__
        raise ValueError(f"{obj!r} {why}")


_KINDS: tuple[tuple[Any, Callable[[_Describer, Any], str]], ...] = (
    (Mapping, _Describer._mapping),
    (list | tuple | range, _Describer._sequence),
    (set | frozenset, _Describer._set),
    (functools.partial, _Describer._partial),
    (types.FunctionType, _Describer._function),
    (types.MethodType, _Describer._method),
    (types.BuiltinFunctionType, _Describer._builtin),
    (types.ModuleType, _Describer._module),
    (logging.Logger, lambda _, logger: ""),
    (type, _Describer._class),
)

# Of these themselves, which have no attributes of their own, it is known at once.
_CONTAINERS: dict[type, Callable[[_Describer, Any], str]] = {
    dict: _Describer._mapping,
    list: _Describer._sequence,
    tuple: _Describer._sequence,
    range: _Describer._sequence,
    set: _Describer._set,
    frozenset: _Describer._set,
}


def _required_arguments(function: Callable[..., Any]) -> bool:
    return any(
        parameter.default is parameter.empty and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        for parameter in inspect.signature(function).parameters.values()
    )


def _is_of_a_module(function: types.FunctionType) -> bool:
    """Tells whether a library's function is found under its name in its module: none that it made for a caller."""
    found: Any = sys.modules.get(function.__module__)
    if found is None or source_code.package(found) is None:
        return False
    for name in function.__qualname__.split("."):
        found = inspect.getattr_static(found, name, None)
    return found is function


def _cell(cell: types.CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:  # a name that is bound only later
        return "unbound"


def _names(function: types.CodeType) -> set[str]:
    """Returns the global and attribute names in `function` and in the functions inside it."""
    names = set(function.co_names)
    for constant in function.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _names(constant)
    return names


def _bytecode(describer: _Describer, function: types.CodeType) -> str:
    """Describes a function without source, such as one typed into an interpreter."""
    constants = [
        _bytecode(describer, constant) if isinstance(constant, types.CodeType) else describer.text(constant)
        for constant in function.co_consts
    ]
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return f"bytecode {version},{function.co_code.hex()},{function.co_names},{constants}"


def _unwrapped(obj: Any) -> Any:
    """Returns the function behind a member of a class, or behind an installed wrapper such as `functools.cache`."""
    if isinstance(obj, staticmethod | classmethod):
        return obj.__func__
    if isinstance(obj, property):
        return obj.fget
    if isinstance(obj, functools.cached_property):
        return obj.func
    if isinstance(obj, types.FunctionType | type) or source_code.package(type(obj)) is None:
        return obj
    wrapped = inspect.getattr_static(obj, "__wrapped__", obj)
    return wrapped if callable(wrapped) else obj

"""What gin lets pass is refused here, before gin builds anything.

gin says nothing about a misspelt macro, a name bound twice in one file, a REQUIRED that stays
unset, a value of the wrong type, or a binding that nothing uses. Each of those is a `ValueError`
here, with file, line and fix.

An override is not an error: a later file, or `--gin_param`, may bind again what an earlier one has
bound.
"""

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import typeguard

from t5mix.runs.config.gin_files import Binding, Location, Macro, Reference

# Names by which gin files say "whoever uses this must set it".
_REQUIRED = ("gin.REQUIRED", "REQUIRED")

# Of whole numbers.
_GREATEST = 2**63 - 1

# A reference or a configurable as gin will meet it: the active scopes, and the name.
_Use = tuple[tuple[str, ...], str]


def check(bindings: Sequence[Binding], configurables: Mapping[str, type], root: str) -> list[Binding]:
    """Refuses what gin would accept in silence; returns the bindings that take effect.

    Args:
        bindings: in the order in which they take effect, from `gin_files.read`.
        configurables: dataclasses by name; each of their fields may be bound.
        root: name of the configurable that the run is built from.

    Returns:
        One binding for each name, the last one, with configurables by their plain name. The order
        is that of the first binding of each name.

    Raises:
        ValueError: one line that names the location and the fix.
    """
    for binding in bindings:
        _refuse_numbers_that_are_none(binding)
    bindings = [_resolved(binding, configurables) for binding in bindings]
    _refuse_rebinding_in_a_file(bindings)
    effective = {binding.key: binding for binding in bindings}
    _check_macros(bindings, effective)
    for binding in bindings:
        _check_references(binding, configurables)
    _refuse_unset(effective.values(), effective, configurables, root)
    _refuse_unused(bindings, effective, root)
    for binding in effective.values():
        if not binding.is_macro:
            _check_type(binding, effective, configurables)
    return [_as_declared(binding, effective, configurables) for binding in effective.values()]


# --- names ----------------------------------------------------------------------------------------


def _resolved(binding: Binding, configurables: Mapping[str, type]) -> Binding:
    """Returns the binding with its configurable's plain name; refuses unknown configurables and parameters."""
    if binding.is_macro:
        return binding
    name = _configurable(binding.configurable, binding.location, configurables)
    known = [field.name for field in dataclasses.fields(configurables[name])]
    if binding.parameter not in known:
        near = _suggestion(binding.parameter, known)
        raise ValueError(f"{binding.location}: {name} has no parameter {binding.parameter!r}; {near}")
    return dataclasses.replace(binding, configurable=name)


def _configurable(name: str, location: Location, configurables: Mapping[str, type]) -> str:
    """Returns `Run` for `t5mix.Run` and `Run`; refuses what is unknown."""
    plain = name.removeprefix("t5mix.")
    if plain not in configurables:
        raise ValueError(f"{location}: there is no configurable {name!r}; {_suggestion(plain, list(configurables))}")
    return plain


def _check_references(binding: Binding, configurables: Mapping[str, type]) -> None:
    for value in _leaves(binding.value):
        if isinstance(value, Reference):
            name = _configurable(value.name.rpartition("/")[2], binding.location, configurables)
            if not value.evaluate:
                raise ValueError(
                    f"{binding.location}: @{value.name} without () is the configurable itself; "
                    f"write {binding.key} = @{value.name}() to have a {name} built"
                )


def _suggestion(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(close)}?" if close else f"choose from {', '.join(known)}"


def _refuse_rebinding_in_a_file(bindings: Sequence[Binding]) -> None:
    """Refuses a second binding of a name within one file; gin would take the last one."""
    first: dict[tuple[str, str], Location] = {}
    for binding in bindings:
        if binding.location.line == 0:
            continue
        before = first.setdefault((binding.location.source, binding.key), binding.location)
        if before.line != binding.location.line:
            raise ValueError(
                f"{binding.location}: {binding.key} is bound already in line {before.line} of this file; "
                "delete one of the two lines"
            )


def _refuse_numbers_that_are_none(binding: Binding) -> None:
    """Refuses what gin cannot write down again: 1e999, which Python reads as infinity, and numbers without end."""
    for value in _leaves(binding.value):
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{binding.location}: {binding.key} is {value}: it must be a finite number")
        if isinstance(value, int) and abs(value) > _GREATEST:
            raise ValueError(f"{binding.location}: {binding.key} is beyond {_GREATEST}, what a setting may be")


# --- macros ---------------------------------------------------------------------------------------


def _check_macros(bindings: Sequence[Binding], effective: Mapping[str, Binding]) -> None:
    """Checks that every macro that is used is defined, and the other way round."""
    defined = [binding.key for binding in effective.values() if binding.is_macro]
    used: set[str] = set()
    for binding in bindings:
        for value in _leaves(binding.value):
            if not isinstance(value, Macro) or value.name in _REQUIRED:
                continue
            used.add(value.name)
            if value.name not in defined:
                fix = _suggestion(value.name, defined) if defined else "no macro is defined"
                raise ValueError(f"{binding.location}: no macro {value.name!r} is defined; {fix}")
    for key in defined:
        if key not in used:
            others = [name for name in defined if name != key]
            close = difflib.get_close_matches(key, others, n=1)
            hint = f"did you mean {close[0]}?" if close else "nothing refers to it with %"
            raise ValueError(f"{effective[key].location}: the macro {key!r} is not used; {hint}")
        expand(effective[key], effective)


def expand(binding: Binding, effective: Mapping[str, Binding]) -> Any:
    """Returns the binding's value with its macros replaced by theirs; references and REQUIRED stay."""
    return _expand(binding.value, effective, binding.location)


def _expand(value: Any, effective: Mapping[str, Binding], location: Location, within: tuple[str, ...] = ()) -> Any:
    if isinstance(value, Macro) and value.name not in _REQUIRED:
        if value.name in within:
            raise ValueError(f"{location}: the macro {value.name!r} is defined by itself")
        return _expand(effective[value.name].value, effective, location, (*within, value.name))
    if isinstance(value, list | tuple):
        return type(value)(_expand(item, effective, location, within) for item in value)
    if isinstance(value, dict):
        return {
            _expand(key, effective, location, within): _expand(item, effective, location, within)
            for key, item in value.items()
        }
    return value


def is_recorded(binding: Binding, effective: Mapping[str, Binding]) -> bool:
    """Tells whether a run folder recorded a binding, or a macro that it uses."""
    macros = [effective[leaf.name] for leaf in _leaves(binding.value) if isinstance(leaf, Macro)]
    return binding.location.recorded or any(is_recorded(macro, effective) for macro in macros)


def _leaves(value: Any) -> Iterator[Any]:
    """Yields everything within lists, tuples and dicts."""
    if isinstance(value, dict):
        value = [*value.keys(), *value.values()]
    if isinstance(value, list | tuple):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


# --- what is reached from the root ----------------------------------------------------------------


def _uses(bindings: Iterable[Binding], root: str) -> list[_Use]:
    """Returns every configurable that is built, with its scopes, found by following references from the root.

    As in gin: `@scope/name()` is built within `scope`; `@name()` within the scopes of whoever
    refers to it.
    """
    bindings = list(bindings)
    found: list[_Use] = [((), root)]
    for scopes, name in found:  # grows while it is walked
        for binding in bindings:
            if binding.configurable == name and _in_scope(binding.scope, scopes):
                for reference in _references(binding.value, bindings):
                    *inner, plain = reference.name.split("/")
                    use = (tuple(inner) or scopes, plain.removeprefix("t5mix."))
                    if use not in found:
                        found.append(use)
    return found


def _references(value: Any, bindings: Sequence[Binding]) -> Iterator[Reference]:
    """Yields references in a value, also those behind its macros."""
    for leaf in _leaves(value):
        if isinstance(leaf, Reference):
            yield leaf
        elif isinstance(leaf, Macro):
            for binding in bindings:
                if binding.is_macro and binding.key == leaf.name:
                    yield from _references(binding.value, bindings)


def _in_scope(scope: str, scopes: tuple[str, ...]) -> bool:
    """Tells whether a binding of `scope` applies where `scopes` are active."""
    parts = tuple(scope.split("/")) if scope else ()
    return scopes[: len(parts)] == parts


def _refuse_unused(bindings: Sequence[Binding], effective: Mapping[str, Binding], root: str) -> None:
    """Refuses bindings of configurables that are not built, and so have no effect.

    Uses that a later file overrides count too: who replaces a schedule need not delete the old
    one's settings.
    """
    uses = _uses(bindings, root)
    for binding in effective.values():
        if binding.is_macro:
            continue
        if not any(n == binding.configurable and _in_scope(binding.scope, s) for s, n in uses):
            scope = f"{binding.scope}/" if binding.scope else ""
            raise ValueError(
                f"{binding.location}: {binding.key} has no effect, because nothing refers to "
                f"@{scope}{binding.configurable}(); refer to it, or delete the line"
            )


def _refuse_unset(
    bindings: Iterable[Binding],
    effective: Mapping[str, Binding],
    configurables: Mapping[str, type],
    root: str,
) -> None:
    """Refuses fields without a default that nobody binds, and REQUIRED that nobody replaces; all in one message."""
    bindings = list(bindings)
    unset: dict[str, str] = {}
    for scopes, name in _uses(bindings, root):
        bound = {b.parameter for b in bindings if b.configurable == name and _in_scope(b.scope, scopes)}
        for field in dataclasses.fields(configurables[name]):
            has_default = not (field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING)
            if field.name not in bound and not has_default:
                unset.setdefault(f"{name}.{field.name}", "")
    for binding in bindings:
        value = expand(binding, effective)
        if any(isinstance(leaf, Macro) for leaf in _leaves(value)) and not _only_through_macro(binding):
            unset.setdefault(binding.key, f" ({binding.location})")
    if unset:
        named = ", ".join(key + location for key, location in unset.items())
        example = next(iter(unset))
        raise ValueError(
            f"{named} must be set: bind {'it' if len(unset) == 1 else 'them'} in a gin file, "
            f"or with --gin_param '{example} = ...'"
        )


def _only_through_macro(binding: Binding) -> bool:
    """Tells whether the REQUIRED that this binding holds is another macro's, which is named instead."""
    return not any(isinstance(v, Macro) and v.name in _REQUIRED for v in _leaves(binding.value))


# --- types ----------------------------------------------------------------------------------------


def _check_type(binding: Binding, effective: Mapping[str, Binding], configurables: Mapping[str, type]) -> None:
    annotation = typing.get_type_hints(configurables[binding.configurable])[binding.parameter]
    value = expand(binding, effective)
    if isinstance(value, Reference):
        name = value.name.rpartition("/")[2].removeprefix("t5mix.")
        fits, what = _accepts_class(annotation, configurables[name]), f"a {name}"
    elif any(isinstance(leaf, Reference) for leaf in _leaves(value)):
        return  # typeguard can not see what a reference within a list will be
    else:
        fits, what = accepts(annotation, value), f"of type {type(value).__name__}"
    if fits:
        return
    fix = ""
    if isinstance(value, float) and value.is_integer() and accepts(annotation, int(value)):
        fix = f"; write {int(value)}"
    raise ValueError(
        f"{binding.location}: {binding.key} = {value!r} is {what}, and must be {_describe(annotation)}{fix}"
    )


def _as_declared(binding: Binding, effective: Mapping[str, Binding], configurables: Mapping[str, type]) -> Binding:
    """Returns the binding with a tuple where a list stands for one."""
    if binding.is_macro:
        return binding
    annotation = typing.get_type_hints(configurables[binding.configurable])[binding.parameter]
    value = expand(binding, effective)
    if isinstance(value, list) and typing.get_origin(annotation) is tuple:
        return dataclasses.replace(binding, value=tuple(value))
    return binding


def accepts(annotation: Any, value: Any) -> bool:
    """Tells whether a value that gin parsed may be given to a parameter of this annotation.

    Lists may stand for tuples, because gin files write lists. A bool is no number.
    """
    options = typing.get_args(annotation) or (annotation,)
    if isinstance(value, bool):
        return bool in options or annotation is Any
    candidates = [value, tuple(value)] if isinstance(value, list) else [value]
    return any(_typeguard_accepts(annotation, candidate) for candidate in candidates)


def _typeguard_accepts(annotation: Any, value: Any) -> bool:
    everything = typeguard.CollectionCheckStrategy.ALL_ITEMS
    try:
        typeguard.check_type(value, annotation, collection_check_strategy=everything)
    except typeguard.TypeCheckError:
        return False
    return not any(isinstance(leaf, bool) for leaf in _leaves(value))


def _accepts_class(annotation: Any, produced: type) -> bool:
    options = typing.get_args(annotation) or (annotation,)
    return any(isinstance(option, type) and issubclass(produced, option) for option in options)


def _describe(annotation: Any) -> str:
    """Returns the annotation in the words of a gin file."""
    if annotation is type(None):
        return "None"
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return " or ".join(_describe(option) for option in typing.get_args(annotation))
    if not isinstance(annotation, type) or typing.get_origin(annotation) is not None:
        return str(annotation).replace("collections.abc.", "").replace("typing.", "")
    return f"@{annotation.__name__}()" if dataclasses.is_dataclass(annotation) else annotation.__name__

"""What a callable takes: task files are checked by it, ten thousand of them in a moment."""

import functools
import inspect
import types
from collections.abc import Callable, Sequence
from typing import Any


def name(function: object) -> str:
    """Returns the name of a function, of what a partial wraps, or of an object's class."""
    if isinstance(function, str):
        return function
    while isinstance(function, functools.partial):
        function = function.func
    return getattr(function, "__name__", None) or type(function).__name__


def takes(function: Callable[..., Any], argument: str) -> bool:
    """Tells whether `function` has an argument of that name which no partial has bound."""
    return argument in free_arguments(function)


def free_arguments(function: Callable[..., Any]) -> tuple[str, ...]:
    """Returns the names of the arguments that are still to be given, defaults included.

    Decorators made with `functools.wraps` are looked through, as by `inspect.signature`.
    """
    bound: set[str] = set()
    positional = 0
    while isinstance(function, functools.partial):
        bound.update(function.keywords)
        positional += len(function.args)
        function = function.func
    function = inspect.unwrap(function)
    if isinstance(function, types.FunctionType):  # the common case, without inspect's cost
        code = function.__code__
        count = code.co_argcount + code.co_kwonlyargcount
        names: Sequence[str] = code.co_varnames[positional:count]
    else:
        names = [p.name for p in _parameters(function) if p.kind in _NAMED][positional:]
    return tuple(name for name in names if name not in bound)


def required_arguments(function: Callable[..., Any]) -> tuple[str, ...]:
    """Returns the names of the positional arguments without a default, in order."""
    free = free_arguments(function)
    return tuple(
        p.name
        for p in _parameters(function)
        if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD and p.name in free
    )


def require(function: object, arguments: Sequence[str], what: str) -> None:
    """Refuses what is not callable with `arguments` by name.

    Raises:
        ValueError: beginning with `what`, the place.
    """
    if not callable(function):
        raise ValueError(f"{what} is {function!r}, which cannot be called; give a function")
    parameters = _parameters(function)
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return
    missing = [argument for argument in arguments if not takes(function, argument)]
    surplus = [a for a in required_arguments(function) if a not in (*arguments, "seed")]
    if missing or surplus:
        rule = "must have initial args" if missing else "may only have positional args"
        raise ValueError(f"{what} {name(function)!r} {rule} {tuple(arguments)}, got: {free_arguments(function)}")


_NAMED = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.KEYWORD_ONLY,
)


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # some functions written in C do not say
        return []

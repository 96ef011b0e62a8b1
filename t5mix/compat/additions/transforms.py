"""Arguments and names of functions and dataclasses that transform data sets."""

import dataclasses
import functools
import inspect
from typing import Any

from t5mix.internal.code import signatures


def add_kwargs_to_transform(transform: Any, **kwargs: Any) -> Any:
    """Returns a function or dataclass with those of the arguments bound that it has; others are left out.

    Args:
        transform: a function, a partial of one, or an instance of a dataclass.
        **kwargs: arguments, such as `sequence_length` and `output_features`.
    """
    if dataclasses.is_dataclass(transform) and not isinstance(transform, type):
        fields = {field.name for field in dataclasses.fields(transform)}
        return dataclasses.replace(transform, **{key: value for key, value in kwargs.items() if key in fields})
    taken = {key: value for key, value in kwargs.items() if signatures.takes(transform, key)}
    return functools.partial(transform, **taken) if taken else transform


def set_preprocessor_seed(preprocessor_fn: Any, seed: int | None = None) -> Any:
    """Returns a preprocessor with its argument `seqio_internal_map_seed` bound, where it has one."""
    return add_kwargs_to_transform(preprocessor_fn, seqio_internal_map_seed=seed)


def function_name(function: Any) -> str:
    """Returns the name of a function, or of what a partial binds; of a class that of its metaclass, as in seqio."""
    if inspect.isclass(function):
        return type(function).__name__
    if isinstance(function, functools.partial):
        return function_name(function.func)
    return str(getattr(function, "__name__", ""))


def fully_qualified_class_name(instance: Any) -> str:
    """Returns the name of an object's class with its module."""
    return f"{type(instance).__module__}.{type(instance).__name__}"

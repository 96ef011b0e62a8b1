"""NumPy functions that also take tensors, so that one piece of code serves the stream and `tf.data`."""

import functools
import inspect
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from t5mix.lazy import lazy_import

if TYPE_CHECKING:
    import tensorflow as tf
else:
    tf = lazy_import("tensorflow")


def drawing_as_t5(one: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Makes T5's function of one text of a function of many, which it keeps as the attribute `many`.

    Args:
      one: T5's function of one text, with T5's noise.
    """

    def decorate(many: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            return one(*args, **kwargs)

        return _named(run, many, inspect.signature(one))

    return decorate


def _named(run: Callable[..., Any], many: Callable[..., Any], signature: inspect.Signature) -> Callable[..., Any]:
    functools.update_wrapper(run, many)
    # TensorFlow would look behind the wrapper, and translate the NumPy code.
    del run.__wrapped__  # type: ignore[attr-defined]
    run.__signature__ = signature  # type: ignore[attr-defined]
    run.many = many  # type: ignore[attr-defined]
    return run


def takes_tensors(
    function: Callable[..., np.ndarray], many: Callable[..., Any], parameters: Sequence[inspect.Parameter]
) -> Callable[..., Any]:
    """Makes a NumPy function of one vector's worth of arguments take and return tensors too.

    Given only arrays and numbers it is the function itself.  Given a tensor, in a graph or not, it runs
    as `tf.numpy_function`; the result has the dtype of a tensor named `tokens` or is bool, and one axis.

    Args:
      function: the function.
      many: what it does for many vectors at once; kept as the attribute of this name.
      parameters: what it takes, for whoever asks for its signature.
    """
    signature = inspect.Signature(list(parameters))

    def run(*args: Any, **kwargs: Any) -> Any:
        signature.bind(*args, **kwargs)
        if not any(_has_tensor(value) for value in (*args, *kwargs.values())):
            return function(*args, **kwargs)
        return _in_tensorflow(function, args, kwargs)

    return _named(run, many, signature)


def _has_tensor(value: Any) -> bool:
    if "tensorflow" not in sys.modules:
        return False
    if isinstance(value, list | tuple):
        return any(_has_tensor(item) for item in value)
    return bool(tf.is_tensor(value))


def _in_tensorflow(function: Callable[..., np.ndarray], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    tensors: list[Any] = []

    def put(value: Any) -> Any:
        """Moves tensors to `tensors` and leaves their places."""
        if not _has_tensor(value):
            return value
        if not tf.is_tensor(value):
            return type(value)(put(item) for item in value)
        tensors.append(value)
        return _Place(len(tensors) - 1)

    places = put(list(args)), [(name, put(value)) for name, value in kwargs.items()]

    def run(*arrays: np.ndarray) -> np.ndarray:
        positional, named = _filled(places[0], arrays), {name: _filled(value, arrays) for name, value in places[1]}
        return np.asarray(function(*positional, **named))

    tokens: Any = kwargs.get("tokens", args[0] if args else None)
    dtype = tokens.dtype if tf.is_tensor(tokens) and tokens.shape.rank == 1 else tf.bool
    return tf.ensure_shape(tf.numpy_function(run, tensors, dtype, stateful=False), [None])


class _Place(int):
    """The number of a tensor among those given to `tf.numpy_function`."""


def _filled(value: Any, arrays: tuple[np.ndarray, ...]) -> Any:
    if isinstance(value, _Place):
        return arrays[value]
    if isinstance(value, list | tuple):
        return type(value)(_filled(item, arrays) for item in value)
    return value

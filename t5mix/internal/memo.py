"""Methods that remember what they returned last, and work whose objects stay in memory."""

import contextlib
import functools
import gc
from collections.abc import Callable, Hashable, Iterator
from typing import Any, TypeVar

_Method = TypeVar("_Method", bound=Callable[..., Any])


def remembers(last: int) -> Callable[[_Method], _Method]:
    """Makes a method of hashable arguments keep its last results, for each object by itself.

    So what is computed on demand, and what is kept of it, have one name.

    Args:
        last: how many results are kept.
    """

    def decorate(method: Any) -> Any:
        @functools.wraps(method)
        def remembering(self: object, *arguments: Hashable) -> Any:
            caches: dict[Any, Any] = vars(self).setdefault("_remembered", {})
            cached = caches.get(method)
            if cached is None:
                cached = caches[method] = functools.lru_cache(last)(functools.partial(method, self))
            return cached(*arguments)

        return remembering

    return decorate


@contextlib.contextmanager
def no_collection() -> Iterator[None]:
    """Puts off Python's search for reference cycles while many objects are made that stay: it looks at them all."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()

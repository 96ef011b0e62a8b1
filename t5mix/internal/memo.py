"""Methods that remember what they returned last."""

import functools
from collections.abc import Callable, Hashable
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

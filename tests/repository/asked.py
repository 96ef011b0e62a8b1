"""Which packages t5mix needs, and these, and so on: from the metadata of what is installed."""

import functools
import importlib.metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


@functools.cache
def requirements(name: str, extra: str) -> tuple[Requirement, ...]:
    """What an installed package asks for, by itself (extra "") or because of an extra."""
    try:
        listed = importlib.metadata.requires(name) or []
    except importlib.metadata.PackageNotFoundError:
        return ()
    found = map(Requirement, listed)
    return tuple(each for each in found if each.marker is None or each.marker.evaluate({"extra": extra}))


def asked(extras: tuple[str, ...]) -> set[tuple[str, str]]:
    """All (package, extra) that t5mix with these extras needs, its own among them."""
    found: set[tuple[str, str]] = set()
    rest = [("t5mix", extra) for extra in ("", *extras)]
    while rest:
        name, extra = rest.pop()
        if (name, extra) not in found:
            found.add((name, extra))
            for each in requirements(name, extra):
                rest += [(canonicalize_name(each.name), inner) for inner in ("", *each.extras)]
    return found

"""The rules of names, the places of declarations, and suggestions for what was not found."""

import difflib
import os
import re
import sys
from collections.abc import Iterable
from types import FrameType

from t5mix import paths

_ALLOWED = re.compile(r"[\w.:#-]+")
_PACKAGE = str(paths.PACKAGE) + os.sep
# Packs in a wheel lie inside the package, and are still the declaring side.
_SHIPPED = _PACKAGE + "shipped" + os.sep


def check(kind: str, name: object) -> None:
    """Refuses a name that could not be looked up, or whose folder would leave the cache folder.

    A colon divides a name into folders, as in seqio.

    Raises:
      ValueError: naming the part that is wrong.
    """
    if not isinstance(name, str) or not _ALLOWED.fullmatch(name):
        raise ValueError(
            f"{kind.capitalize()} name {name!r} contains invalid characters. Must match regex: {_ALLOWED.pattern}; "
            "a name is made of letters, digits and . : # _ - only"
        )
    for part in name.split(":"):
        if not part.strip("."):
            raise ValueError(
                f"{kind} {name!r}: the part {part!r} of the name would lead out of the cache "
                "folder; give every part a letter or digit"
            )


def declaring_place() -> str:
    """Returns "file:line" of what is being declared, or "?:0".

    The file is the innermost one outside t5mix that is running; the line is the outermost of it, so that tasks made
    by one function of a file are told apart by the lines that call it.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _is_ours(frame.f_code.co_filename):
        frame = frame.f_back
    if frame is None:
        return "?:0"
    file = frame.f_code.co_filename
    while frame.f_back is not None and frame.f_back.f_code.co_filename == file:
        frame = frame.f_back
    return f"{file}:{frame.f_lineno}"


def _is_ours(file: str) -> bool:
    return file.startswith(_PACKAGE) and not file.startswith(_SHIPPED)


def suggestion(name: str, known: Iterable[str]) -> str:
    """Returns "; did you mean 'x' or 'y'?" for the nearest of `known`, or an empty text."""
    lowered = {candidate.lower(): candidate for candidate in sorted(known)}
    near = difflib.get_close_matches(name.lower(), list(lowered), n=3, cutoff=0.6)
    if not near:
        near = [candidate for candidate in lowered if name.lower() in candidate][:3]
    if not near:
        return ""
    return "; did you mean " + " or ".join(repr(lowered[candidate]) for candidate in near) + "?"

"""What a task and a mixture have in common: a name, and the line that declared it."""

import dataclasses
import inspect
import os
import re
import sys
from types import FrameType

from t5mix.internal import paths

_ALLOWED = re.compile(r"[\w.:#-]+")
_PACKAGE = str(paths.PACKAGE) + os.sep
# Declarations files in a wheel lie inside the package, and are still the declaring side.
_SHIPPED = _PACKAGE + "shipped" + os.sep


@dataclasses.dataclass(frozen=True)
class SourceInfo:
    """Where something was declared: accepted for seqio's sake; `declared_at` needs no help."""

    file_path: str | None = None
    line_number: int | None = None

    @classmethod
    def for_class(cls, klass: type) -> "SourceInfo":
        """Returns where a class is defined, as far as Python knows."""
        try:
            return cls(inspect.getsourcefile(klass), inspect.getsourcelines(klass)[1])
        except (OSError, TypeError):
            return cls()

    def has_meaningful_info(self) -> bool:
        """Tells whether the file is known."""
        return bool(self.file_path)


class Declared:
    """A task or mixture: it has a name, and is declared in a line of some file.

    Args:
        kind: "task" or "mixture", for messages.
        name: letters, digits, and any of `.:#_-`.
        source_info: where it was declared, if a tool knows better than the stack.

    Raises:
        ValueError: naming what is wrong with the name.
    """

    def __init__(self, kind: str, name: str, source_info: SourceInfo | None) -> None:
        check_name(kind, name)
        self._name = name
        self._source_info = source_info
        self._line = declaring_line()

    @property
    def name(self) -> str:
        """The name, under which it may be registered."""
        return self._name

    @property
    def source_info(self) -> SourceInfo | None:
        """What was given as source_info."""
        return self._source_info

    @property
    def declared_at(self) -> str:
        """The line that declared it, "file:line"."""
        return _line_of(self._source_info) or self._line

    def _take_line_of(self, other: "Declared") -> None:
        """Makes this one declared where another is, of which it is a changed copy."""
        self._line, self._source_info = other._line, other._source_info


def check_name(kind: str, name: object) -> None:
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


def _line_of(info: SourceInfo | None) -> str:
    return f"{info.file_path}:{info.line_number or 0}" if info is not None and info.file_path else ""


def declaring_line(source_info: SourceInfo | None = None) -> str:
    """Returns "file:line" of what is being declared, or "?:0".

    The file is the innermost one outside t5mix that is running; the line is the outermost of it, so that tasks made
    by one function of a file are distinguished by the lines that call it.

    Args:
        source_info: where it is declared, if a tool knows better than the stack.
    """
    if _line_of(source_info):
        return _line_of(source_info)
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

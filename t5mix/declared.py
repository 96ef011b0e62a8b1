"""What a task and a mixture have in common: a name, and the line that declared it."""

import dataclasses
import inspect

from t5mix import names


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
    """A thing with a name, declared in a line of some file.

    Args:
      kind: "task" or "mixture", for messages.
      name: letters, digits and . : # _ -
      source_info: where it was declared, if a tool knows better than the stack.

    Raises:
      ValueError: naming what is wrong with the name.
    """

    def __init__(self, kind: str, name: str, source_info: SourceInfo | None) -> None:
        names.check(kind, name)
        self._name = name
        self._source_info = source_info
        self._place = names.declaring_place()

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
        info = self._source_info
        if info is not None and info.file_path:
            return f"{info.file_path}:{info.line_number or 0}"
        return self._place

    def _take_place_of(self, other: "Declared") -> None:
        """Makes this one declared where another is, of which it is a changed copy."""
        self._place, self._source_info = other._place, other._source_info

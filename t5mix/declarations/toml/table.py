"""Where something stands in a TOML file, which the parser of the standard library does not tell."""

import dataclasses
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from t5mix.internal.suggestions import suggestion


class DeclarationError(ValueError):
    """A declaration that cannot work; the message begins with its file and line."""


@dataclasses.dataclass(frozen=True)
class Table:
    """One table of a file, such as [tasks.my_task].

    Attributes:
        file: the file.
        lines: its lines.
        kind: "tasks" or "mixtures".
        name: of the task or mixture.
        held: what the table says, by key.
    """

    file: Path
    lines: tuple[str, ...]
    kind: str
    name: str
    held: Mapping[str, Any]

    def line(self, key: str | None = None) -> int:
        """Returns the line of a key, or of the table's heading; 1 where the file writes it another way."""
        name = rf"(?:{re.escape(self.name)}|\"{re.escape(self.name)}\"|'{re.escape(self.name)}')"
        begin = _find(self.lines, rf"\s*\[\s*{self.kind}\s*\.\s*{name}\s*[\].]", 0)
        if begin is None:
            return 1
        end = _find(self.lines, rf"\s*\[(?!\s*{self.kind}\s*\.\s*{name}\s*\.)", begin + 1) or len(self.lines)
        found = key and _find(self.lines[:end], rf"\s*(\[.*\.\s*)?[\"']?{re.escape(key)}[\"']?\s*[=\].]", begin)
        return (begin if not found else found) + 1

    def refuse(self, key: str | None, what: str) -> NoReturn:
        """Raises what is wrong with a key, or with the whole."""
        where = f"{self.file}:{self.line(key)}: {self.kind.removesuffix('s')} {self.name!r}"
        raise DeclarationError(f"{where}: {key + ' ' if key else ''}{what}")

    def check_keys(self, known: Iterable[str], required: Iterable[str]) -> None:
        """Refuses keys that mean nothing, and the lack of one that is needed."""
        known = tuple(known)
        for key in self.held:
            if key not in known:
                self.refuse(key, f"is no key; there are {', '.join(known)}{suggestion(key, known)}")
        for key in required:
            if key not in self.held:
                self.refuse(None, f"says no {key!r}; add it")

    def text(self, key: str, default: str | None = None) -> str | None:
        """Returns a text, or the default where the key is not there."""
        value = self.held.get(key, default)
        if value is not None and not isinstance(value, str):
            self.refuse(key, f"is {value!r}; give a text")
        return value

    def texts(self, key: str) -> list[str]:
        """Returns a list of texts, empty where the key is not there."""
        value = self.held.get(key, [])
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            self.refuse(key, f"is {value!r}; give a list of texts, also for one")
        return value


def _find(lines: tuple[str, ...], pattern: str, begin: int) -> int | None:
    return next((number for number in range(begin, len(lines)) if re.match(pattern, lines[number])), None)

"""The namespace of declared tasks and mixtures: a name is one or the other.

It knows neither class: `registry.py` is what users see. Reading loads the declarations files
first, when they are needed; see `discovery.py`.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

from t5mix.internal.suggestions import suggestion


@dataclasses.dataclass(frozen=True)
class Entry:
    """A task or mixture: its kind, "task" or "mixture", and the line that declared it."""

    kind: str
    provider: Any
    declared_at: str


class Namespace:
    """Entries by name.

    Attributes:
        load: called before a name is given up, with a test of whether enough is loaded. `discovery` sets it.
    """

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._sorted: dict[str, list[str]] = {}
        self.load: Callable[[Callable[[], bool]], None] = lambda enough: None

    def add(self, kind: str, name: str, provider: Any, declared_at: str) -> None:
        """Adds an entry.

        Raises:
            ValueError: when the name is taken, naming both places.
        """
        there = self._entries.get(name)
        if there is not None:
            raise ValueError(
                f"Attempting to register duplicate provider: {name}: {kind} {name!r}, declared at {declared_at}, has "
                f"the name of the {there.kind} declared at {there.declared_at}; rename one, or remove that one first"
            )
        self._entries[name] = Entry(kind, provider, declared_at)
        self._sorted.clear()

    def remove(self, kind: str, name: str) -> None:
        """Removes an entry.

        Raises:
            ValueError: when there is none.
        """
        self.get(kind, name)
        del self._entries[name]
        self._sorted.clear()

    def clear(self, kind: str) -> None:
        """Removes every entry of `kind`, those of declarations files too."""
        self.load(lambda: False)
        self._entries = {k: entry for k, entry in self._entries.items() if entry.kind != kind}
        self._sorted.clear()

    def names(self, kind: str) -> list[str]:
        """Returns the names of every entry of `kind`, sorted."""
        self.load(lambda: False)
        if kind not in self._sorted:
            self._sorted[kind] = sorted(k for k, e in self._entries.items() if e.kind == kind)
        return list(self._sorted[kind])

    def find(self, name: str, kind: str | None = None) -> Entry | None:
        """Returns the entry of that name, and of that kind if one is given, or None."""
        if name not in self._entries:
            self.load(lambda: name in self._entries)
        entry = self._entries.get(name)
        return entry if entry is not None and kind in (None, entry.kind) else None

    def get(self, kind: str | None, name: str) -> Entry:
        """Returns the entry of that name and kind; None is either kind.

        Raises:
            ValueError: when there is none, with the names that come near.
        """
        if not isinstance(name, str):
            raise ValueError(f"a {kind or 'task or mixture'} is looked up by its name, not {name!r}")
        entry = self.find(name, kind)
        if entry is not None:
            return entry
        other = self._entries.get(name)
        if other is not None:
            raise ValueError(f"{name!r} is a {other.kind}, declared at {other.declared_at}, not a {kind}")
        kinds = [kind] if kind else ["task", "mixture"]
        known = [known for each in kinds for known in self.names(each)]
        what = " or ".join(kinds)
        hint = suggestion(name, known) or f"; {len(known)} are known: t5mix list"
        raise ValueError(f"there is no {what} {name!r}{hint}")

    @contextlib.contextmanager
    def undone(self) -> Iterator[None]:
        """Restores the namespace on leaving, also on an error."""
        before = dict(self._entries)
        try:
            yield
        finally:
            self._entries = before
            self._sorted.clear()

    @contextlib.contextmanager
    def undone_on_error(self) -> Iterator[None]:
        """Restores the namespace when the body fails, so that half a file is never in it."""
        before = dict(self._entries)
        try:
            yield
        except BaseException:
            self._entries = before
            self._sorted.clear()
            raise


namespace = Namespace()

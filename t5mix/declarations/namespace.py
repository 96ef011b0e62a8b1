"""The namespace of declared tasks and mixtures: a name is one or the other.

It knows neither class: `registry.py` is what users see. Reading loads the declarations files
first, when they are needed; see `discovery.py`.

What a user names wins over what an installed package declares, and that over what t5mix ships, whichever is loaded
first; a line says so. Two declarations of one name from equal places are refused.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Collection, Iterator
from typing import Any, NoReturn

from t5mix.internal.suggestions import suggestion
from t5mix.internal.terminal import say

# Whose declaration of a name is used: that of the higher rank.
SHIPPED, INSTALLED, NAMED = range(3)
_WHOSE = {SHIPPED: "the one that t5mix ships", INSTALLED: "the one of an installed package"}


@dataclasses.dataclass(frozen=True, eq=False)
class Origin:
    """One load of a declarations file; the origin without a file is code that was run by other means.

    Attributes:
        file: the file or entry point; "" for other code, such as a notebook.
        rank: SHIPPED, INSTALLED or NAMED.
        keep_going: whether a declaration that cannot work is left out, with a line, instead of raised.
    """

    file: str = ""
    rank: int = NAMED
    keep_going: bool = False


HERE = Origin()


class Faulty:
    """A task or mixture that cannot work, in the place of one; whatever is asked of it raises its error.

    Args:
        kind: "task" or "mixture".
        name: its name.
        error: why it cannot work.
        declared_at: the line that declared it.
    """

    def __init__(self, kind: str, name: str, error: Exception, declared_at: str) -> None:
        self.kind, self.name, self.error, self.declared_at = kind, name, error, declared_at

    def refuse(self) -> NoReturn:
        """Raises the error, with the line that declared it."""
        where = "" if self.declared_at in str(self.error) else f"{self.declared_at}: "
        raise ValueError(f"{where}{self.error}") from self.error

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        self.refuse()

    def __repr__(self) -> str:
        return f"<{self.kind} {self.name!r}, which cannot work: {self.error}>"


@dataclasses.dataclass(frozen=True)
class Entry:
    """A task or mixture: its kind, "task" or "mixture", the line that declared it, and whose it is."""

    kind: str
    provider: Any
    declared_at: str
    origin: Origin = HERE


class Namespace:
    """Entries by name.

    Attributes:
        load: called before a name is given up, with a test of whether enough is loaded. `discovery` sets it.
        remember: called when an overlay begins, gives what forgets the files that are named within it; likewise.
        hints: what more is said where a name is missing.
        stale_below: entries of lower ranks were made with a name that another declaration took over since.
        stale_files: likewise of these files, which looked the name up before.
    """

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._sorted: dict[str, list[str]] = {}
        self._removed: set[str] = set()  # what was taken out stays out when its file is loaded again
        self._origin = HERE
        self._unsaid: dict[str, tuple[Entry, Entry]] = {}
        self._unsuited: dict[str, str] = {}
        self._said: set[str] = set()
        self.hints: list[str] = []
        self._looked_up: dict[str, set[str]] = {}  # files by a name of lower rank that they looked up
        self.stale_below, self.stale_files = SHIPPED, set[str]()
        self.load: Callable[[Callable[[], bool]], None] = lambda enough: None
        self.remember: Callable[[], Callable[[], None]] = lambda: lambda: None

    def add(self, kind: str, name: str, provider: Any, declared_at: str) -> None:
        """Adds an entry, unless one of a higher rank has the name.

        Raises:
            ValueError: when one of the same rank has the name, naming both places.
        """
        entry = Entry(kind, provider, declared_at, self._origin)
        there, rank = self._entries.get(name), self._origin.rank
        if there is None:
            if rank < NAMED and name in self._removed:
                return
        elif rank < there.origin.rank:
            self._unsaid[name] = (there, entry)
            return
        elif rank > there.origin.rank:
            self._unsaid[name] = (entry, there)
            self.stale_below = max(self.stale_below, rank)
            self.stale_files |= self._looked_up.pop(name, set()) - {self._origin.file}
        elif not self._is_loaded_again(there):
            raise ValueError(
                f"Attempting to register duplicate provider: {name}: {kind} {name!r}, declared at {declared_at}, has "
                f"the name of the {there.kind} declared at {there.declared_at}; rename one, or remove that one first"
            )
        self._entries[name] = entry
        self._sorted.clear()
        if self._origin is HERE:
            self.tell()

    def _is_loaded_again(self, there: Entry) -> bool:
        return bool(there.origin.file) and there.origin.file == self._origin.file and there.origin is not self._origin

    def put_aside(self, kind: str, name: Any, error: Exception, declared_at: str) -> Faulty | None:
        """Leaves a declaration out that cannot work, where its origin keeps going; looking it up raises its error.

        What t5mix ships may not suit what a user declares in its stead, and is left out alike.

        Returns:
            What stands for it, or None where the error is to be raised.
        """
        unsuited = self._origin.rank == SHIPPED and bool(self._unsaid)
        if not (self._origin.keep_going or unsuited):
            return None
        faulty = Faulty(kind, str(name), error, declared_at)
        self._entries.setdefault(str(name), Entry(kind, faulty, declared_at, self._origin))
        if unsuited:
            self._unsuited[str(name)] = kind
        else:
            where = "" if declared_at in str(error) else f"{declared_at}: "
            say(f"t5mix: left out: {where}{' '.join(str(error).split())}")
        return faulty

    @contextlib.contextmanager
    def loading(self, origin: Origin) -> Iterator[None]:
        """Makes what the body declares that of `origin`; when the body fails, nothing of it stays."""
        outer, self._origin = self._origin, origin
        try:
            with self.undone_on_error():
                yield
        finally:
            self._origin = outer

    def drop(self, files: Collection[str]) -> None:
        """Forgets what these files declared, which are about to be loaded again."""
        self._entries = {name: entry for name, entry in self._entries.items() if entry.origin.file not in files}
        self._sorted.clear()
        self.stale_below, self.stale_files = SHIPPED, set()

    def overrides(self, rank: int) -> list[str]:
        """Returns the names of files of that rank that a declaration of a higher one took over."""
        return sorted(name for name, (_, loser) in self._unsaid.items() if loser.origin.rank == rank)

    def tell(self) -> None:
        """Prints a line for each file, or place, whose declarations are used instead of others."""
        groups: dict[tuple[str, int], list[str]] = {}
        for name, (winner, loser) in self._unsaid.items():
            if name not in self._said:
                where = winner.origin.file or winner.declared_at
                groups.setdefault((where, loser.origin.rank), []).append(name)
        for (where, rank), names in groups.items():
            self._said.update(names)
            if len(names) == 1:
                winner, loser = self._unsaid[names[0]]
                what, where = f"{winner.kind} {names[0]!r}", winner.declared_at
                say(f"t5mix: {what} is the one declared at {where}, not {_WHOSE[rank]} ({loser.declared_at})")
            else:
                shown = ", ".join(sorted(names)[:3]) + (", ..." if len(names) > 3 else "")
                whose = _WHOSE[rank].replace("the one", "those")
                say(f"t5mix: {len(names)} names are those declared in {where}, not {whose}: {shown}")
        if self._unsuited:
            shown = ", ".join(sorted(self._unsuited)[:3]) + (", ..." if len(self._unsuited) > 3 else "")
            say(f"t5mix: {len(self._unsuited)} shipped mixtures cannot hold them, and say why when used: {shown}")
            self._unsuited.clear()

    def remove(self, kind: str, name: str) -> None:
        """Removes an entry.

        Raises:
            ValueError: when there is none.
        """
        self.get(kind, name)
        del self._entries[name]
        self._removed.add(name)
        self._sorted.clear()

    def clear(self, kind: str) -> None:
        """Removes every entry of `kind`, those of declarations files too."""
        self.load(lambda: False)
        self._removed.update(self.names(kind))
        self._entries = {k: entry for k, entry in self._entries.items() if entry.kind != kind}
        self._sorted.clear()

    def names(self, kind: str) -> list[str]:
        """Returns the names of every entry of `kind`, sorted."""
        self.load(lambda: False)
        if kind not in self._sorted:
            self._sorted[kind] = sorted(
                k for k, e in self._entries.items() if e.kind == kind and not isinstance(e.provider, Faulty)
            )
        return list(self._sorted[kind])

    def find(self, name: str, kind: str | None = None) -> Entry | None:
        """Returns the entry of that name, and of that kind if one is given, or None."""
        self.load(lambda: name in self._entries)
        entry = self._entries.get(name)
        if entry is not None and entry.origin.rank < self._origin.rank and self._origin is not HERE:
            self._looked_up.setdefault(name, set()).add(self._origin.file)
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
            if isinstance(entry.provider, Faulty):
                entry.provider.refuse()
            return entry
        other = self._entries.get(name)
        if other is not None:
            raise ValueError(f"{name!r} is a {other.kind}, declared at {other.declared_at}, not a {kind}")
        kinds = [kind] if kind else ["task", "mixture"]
        known = [known for each in kinds for known in self.names(each)]
        what = " or ".join(kinds)
        hint = suggestion(name, known) or f"; {len(known)} are known: t5mix list"
        raise ValueError("; ".join([f"there is no {what} {name!r}{hint}", *self.hints]))

    @contextlib.contextmanager
    def undone(self) -> Iterator[None]:
        """Restores the namespace on leaving, also on an error."""
        before, removed, forget = dict(self._entries), set(self._removed), self.remember()
        try:
            yield
        finally:
            self._entries, self._removed = before, removed
            self.stale_below, self.stale_files = SHIPPED, set()
            self._sorted.clear()
            forget()

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

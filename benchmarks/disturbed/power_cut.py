"""What a disk may hold after a power cut: a file system of inodes, names and bytes, of which only some were forced out.

A list of operations, each with a copy of the files as every process saw them afterwards, is replayed. Two extremes are
what a file system may keep: every name, with the bytes of files that were not forced to the disk lost; and those names
only that a folder had when it was forced. See Pillai et al. 2014, "All File Systems Are Not Created Equal" (ALICE).
"""

import dataclasses
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Operation:
    """One operation on a file.

    Attributes:
        number: from 1.
        name: "open", "write", "fsync", "mkdir", "rename" or "unlink".
        path: absolute.
        to: where a rename leads.
    """

    number: int
    name: str
    path: str
    to: str


@dataclasses.dataclass(eq=False)
class _Node:
    """A file or a folder, whatever its name.

    Attributes:
        names: of a folder, what is in it now; None is a file.
        kept: of a folder, what was in it when it was last forced to the disk.
        is_lost: of a file, whether it has bytes that were not forced.
        seen: where its bytes were last seen: a copy of all files.
    """

    names: "dict[str, _Node] | None" = None
    kept: "dict[str, _Node]" = dataclasses.field(default_factory=dict)
    is_lost: bool = False
    seen: Path | None = None


def read_log(path: Path) -> list[Operation]:
    """Returns the operations that faults.c wrote down."""
    rows = (line.split("\t") for line in path.read_text().splitlines())
    return [Operation(int(number), name, where, to) for number, name, where, to in rows]


def states(
    root: Path, begin: Path, copies: Path, operations: Sequence[Operation], into: Path
) -> Iterator[tuple[str, Path]]:
    """Yields what a disk may hold after each operation: what was lost, and a folder that is gone afterwards.

    Args:
        root: the folder that operations are under.
        begin: a copy of it as it was at first, all of which is on the disk.
        copies: one of it after each operation, by its number.
        operations: in their order.
        into: a folder to put the states in.
    """
    top = _tree(begin)
    for operation in operations:
        _do(top, root, operation)
        here = copies / str(operation.number)
        _see(top, here)
        for name, keeps_names in (("bytes lost", True), ("names lost", False)):
            state = into / "state"
            _write(top, state, keeps_names)
            yield f"{name} after {operation.number} {operation.name} {os.path.relpath(operation.path, root)}", state
            shutil.rmtree(state)


def _tree(folder: Path) -> _Node:
    names = {entry.name: _tree(entry) if entry.is_dir() else _Node(seen=entry) for entry in sorted(folder.iterdir())}
    return _Node(names=names, kept=dict(names))


def _folder(top: _Node, root: Path, path: str) -> tuple[_Node, str]:
    """Returns the folder that a path is in, and the path's last name."""
    *before, last = Path(path).relative_to(root).parts
    node = top
    for name in before:
        assert node.names is not None
        node = node.names[name]
    return node, last


def _do(top: _Node, root: Path, operation: Operation) -> None:
    if operation.path == str(root):
        if operation.name == "fsync":
            assert top.names is not None
            top.kept = dict(top.names)
        return
    folder, last = _folder(top, root, operation.path)
    names = folder.names
    assert names is not None
    if operation.name == "mkdir":
        names[last] = _Node(names={})
    elif operation.name in ("open", "write"):
        names.setdefault(last, _Node()).is_lost = True
    elif operation.name == "unlink":
        del names[last]
    elif operation.name == "rename":
        other, new = _folder(top, root, operation.to)
        assert other.names is not None
        other.names[new] = names.pop(last)
    elif operation.name == "fsync":
        node = names[last]
        node.is_lost = False
        node.kept = dict(node.names or {})


def _see(node: _Node, here: Path) -> None:
    for name, each in (node.names or {}).items():
        if each.names is None:
            each.seen = here / name
        else:
            _see(each, here / name)


def _write(node: _Node, to: Path, keeps_names: bool) -> None:
    to.mkdir()
    for name, each in (node.names if keeps_names else node.kept or {}).items():  # type: ignore[union-attr]
        if each.names is not None:
            _write(each, to / name, keeps_names)
        elif each.is_lost or each.seen is None:
            (to / name).write_bytes(b"")
        else:
            shutil.copy(each.seen, to / name)

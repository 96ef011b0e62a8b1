"""`t5mix diff`: what differs between two runs' settings, tasks and data."""

import argparse
from typing import TYPE_CHECKING

from t5mix.cli import output
from t5mix.internal.terminal import emit, put

if TYPE_CHECKING:
    from t5mix.runs.records.difference import Change

EPILOG = """\
examples:
  t5mix diff runs/a runs/b
  t5mix diff runs/a runs/b --format json

It reads what the folders record, and neither tasks nor weights. What the difference did to scores: `t5mix compare`.
"""

# The longest value that a table shows whole; JSON has all of it.
_LONGEST = 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this command."""
    parser.epilog = EPILOG
    parser.add_argument("first", metavar="RUN", help="a run folder")
    parser.add_argument("second", metavar="RUN", help="another")
    parser.add_argument("--format", choices=("table", "json"), default="table")


def run(args: argparse.Namespace) -> int:
    """Compares two records and prints what differs."""
    from t5mix.runs.records.difference import difference

    found = difference(args.first, args.second)
    if args.format == "json":
        output.print_json(found.as_json())
        return 0
    same = []
    for title, changes in (
        ("settings", found.settings),
        ("tasks", found.tasks),
        ("data", found.data),
        ("computed by", found.computed_by),
    ):
        if not changes:
            same.append(title)
        elif title == "data":
            emit(output.table(title, ("training", "what differs"), [(each.name, each.what) for each in changes]))
        else:
            _print(title, changes, args.first, args.second)
    if same:
        put(f"no difference: {', '.join(same)}")
    return 0


def _print(title: str, changes: "tuple[Change, ...]", first: str, second: str) -> None:
    with_parts = any(change.what for change in changes)
    rows = [
        (change.name, *([change.what] if with_parts else []), _shown(change.first), _shown(change.second))
        for change in changes
    ]
    emit(output.table(title, ("name", *(["what"] if with_parts else []), first, second), rows))


def _shown(value: str | None) -> str:
    if value is None:
        return "-"
    return value if len(value) <= _LONGEST else f"{value[: _LONGEST - 3]}..."

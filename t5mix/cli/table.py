"""How commands print: tables for people, JSON for programs."""

import json
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import RenderableType


def print_json(content: Any) -> None:
    """Prints `content` as JSON, keys in the order they have."""
    print(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False))


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> "RenderableType":
    """Returns a table whose first column is never folded.

    Args:
        title: Printed above it.
        columns: Headings; one that begins with ">" belongs to a column of numbers, set right.
            Where all are empty, none is shown.
        rows: One cell a column; anything but a string or a rich text is shown by `str`.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        show_header=any(columns),
    )
    for index, heading in enumerate(columns):
        made.add_column(
            heading.lstrip(">"),
            justify="right" if heading.startswith(">") else "left",
            no_wrap=index == 0,
            style="cyan" if index == 0 else "",
            overflow="fold",
        )
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else Text(str(cell)) for cell in row))
    return made


def bar(share: float, width: int = 30) -> str:
    """Returns a bar of `share`, in 0..1, of `width` characters, to an eighth of one."""
    eighths = round(share * width * 8)
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()


def plural(number: int, noun: str) -> str:
    """Returns "1 task", "2 tasks"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def count(number: int | None) -> str:
    """Returns "12,345", or "?" for what is not known."""
    return "?" if number is None else f"{number:,}"


def short_place(place: str) -> str:
    """Returns "file:line" with the file relative to the working folder when it lies inside it."""
    file, _, line = place.rpartition(":")
    relative = os.path.relpath(file) if file else place
    return place if relative.startswith("..") else f"{relative}:{line}"

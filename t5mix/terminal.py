"""Printing for people: to a terminal with colours and its own width, to a file as plain text."""

import io
import sys
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import RenderableType

_FILE_WIDTH = 140  # columns where the output is no terminal


def emit(*parts: "RenderableType", file: IO[str] | None = None) -> None:
    """Prints tables and texts below one another.

    Args:
        parts: What rich can render; strings are printed as they are, without markup.
        file: Where to print; standard output by default. A file gets no colours, a fixed width, and no blanks at
            the ends of lines.
    """
    from rich.console import Console

    target = file or sys.stdout
    if target.isatty():
        Console(file=target, highlight=False, markup=False).print(*parts, sep="\n")
        return
    text = io.StringIO()
    Console(file=text, highlight=False, markup=False, width=_FILE_WIDTH).print(*parts, sep="\n")
    for line in text.getvalue().splitlines():
        print(line.rstrip(), file=target)

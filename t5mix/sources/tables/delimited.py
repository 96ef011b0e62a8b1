"""TSV and CSV: lines in, cells out."""

import csv
import functools
import re
from collections.abc import Iterator

from t5mix.internal import text_files
from t5mix.sources import files

DELIMITERS = {"tsv": "\t", "csv": ","}
# Characters that tell whether a file quotes its cells.
_ENOUGH = 8 << 20
# A cell may be as long as a text.
_LONGEST = 1 << 30


def records(path: str, format: str, quotes: bool) -> Iterator[tuple[int, list[str]]]:
    """Yields the number of a record's last line, and its cells.

    Args:
        path: of the file.
        format: "tsv" or "csv".
        quotes: whether a cell may stand in quotes, and then hold delimiters, line ends and doubled quotes.

    Raises:
        ValueError: "file:line: what is wrong; the fix".
    """
    with files.open_bytes(path) as file:
        lines = text_files.lines(file, path)
        if not quotes:
            for number, line in enumerate(lines, start=1):
                yield number, line.split(DELIMITERS[format])
            return
        csv.field_size_limit(_LONGEST)
        reader = csv.reader((f"{line}\n" for line in lines), delimiter=DELIMITERS[format], strict=True)
        while True:
            try:
                cells = next(reader, None)
            except csv.Error as error:
                fix = "close every quote, and double one that stands inside"
                raise ValueError(f"{path}:{reader.line_num}: the quotes do not fit ({error}); {fix}") from None
            if cells is None:
                return
            yield reader.line_num, cells or [""]


def quotes_cells(path: str, format: str) -> bool:
    """Tells whether a file quotes its cells, as spreadsheets and pandas do; CSV does.

    In a TSV file a quote is a letter like any other, unless no cell holds one but in quotes, where it is doubled; and
    unless every quoted cell needs that, for a tab, a line's end or a quote, or every cell is quoted.
    """
    return format == "csv" or _quotes_cells(path, *files.state(path))


@functools.lru_cache(maxsize=1024)
def _quotes_cells(path: str, size: int, changed: int) -> bool:
    text, whole = _beginning(path)
    if '"' not in text:
        return False
    if not whole:  # ends behind a line that is not inside of a cell
        cut, is_inside = len(text), text.count('"') % 2
        while cut > 0 and is_inside:
            begin = text.rfind("\n", 0, cut - 1) + 1
            is_inside = (is_inside + text.count('"', begin, cut)) % 2
            cut = begin
        text = text[:cut]
    quoted, bare, needed = 0, 0, True
    position = 0
    while position < len(text):
        cell = _CELL.match(text, position)
        if cell is None:
            return False  # a quote inside of a cell, or behind one
        if cell[1] is None:
            bare += bool(cell[2])
        else:
            quoted += 1
            needed &= bool(re.search(r'[\t\n"]', cell[1]))
        position = cell.end()
    return quoted > 0 and (needed or not bare)


_CELL = re.compile(r'(?:"((?:[^"]|"")*)"|([^"\t\n]*))(?:\t|\n|\Z)')


def _beginning(path: str) -> tuple[str, bool]:
    """Returns the first lines of a file, and whether they are all."""
    held: list[str] = []
    length = 0
    with files.open_bytes(path) as file:
        for line in text_files.lines(file, path):
            held.append(f"{line}\n")
            length += len(line) + 1
            if length > _ENOUGH:
                return "".join(held), False
    return "".join(held), True

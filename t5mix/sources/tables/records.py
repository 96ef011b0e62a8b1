"""JSON and Parquet: objects in, texts out."""

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from t5mix.internal import text_files
from t5mix.sources import files


def objects(
    path: str, format: str, columns: Collection[str] | None = None, optional: Collection[str] = ()
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yields where a row stands, "file:line", and its values by column.

    Args:
        path: of the file.
        format: "jsonl", "json" or "parquet".
        columns: those that are looked at; others may be left out of rows that have all of these. None is all.
        optional: those of them that a row need not have.

    Raises:
        ValueError: "file:line: what is wrong; the fix".
    """
    if format == "parquet":
        return _parquet(path, columns, optional)
    return {"jsonl": _json_lines, "json": _json_list}[format](path)


def as_text(where: str, column: str, value: Any) -> str:
    """Returns a value as a text, a number as it is written.

    Raises:
        ValueError: when it is neither.
    """
    if isinstance(value, bool):
        value = str(value).lower()  # as JSON writes it
    elif isinstance(value, int | float):  # of Parquet: JSON's come as texts
        value = repr(value)
    elif isinstance(value, bytes):
        try:
            value = value.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(f"{where}: {column!r} is not UTF-8 ({error.reason}); give text") from None
    if not isinstance(value, str):
        kind = "null" if value is None else f"a {type(value).__name__}"
        fix = "give text or a number, a default for the column, or declare the task in Python"
        raise ValueError(f"{where}: {column!r} is {kind}; {fix}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{where}: {column!r} is no Unicode ({error.reason}); write whole characters") from None
    return value


def _json_lines(path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    with files.open_bytes(path) as file:
        for number, line in enumerate(text_files.lines(file, path), start=1):
            where = f"{path}:{number}"
            found = _parsed(where, line, "write one object a line")
            if not isinstance(found, dict):
                fix = 'write one a line, such as {"text": "..."}'
                more = f', or declare format "json", a list of them: {fix}' if isinstance(found, list) else f"; {fix}"
                raise ValueError(f"{where}: is no JSON object{more}")
            yield where, found


def _json_list(path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    with files.open_bytes(path) as file:
        text = "\n".join(text_files.lines(file, path))
    found = _parsed(f"{path}:1", text, 'write a list of objects, or declare format "jsonl"')
    if not isinstance(found, list):
        raise ValueError(f'{path}:1: is no JSON list; write a list of objects, or declare format "jsonl"')
    for number, each in enumerate(found, start=1):
        if not isinstance(each, dict):
            raise ValueError(f"{path}: row {number} is no JSON object; write a list of objects")
        yield f"{path}: row {number}", each


def _parsed(where: str, text: str, fix: str) -> Any:
    try:
        # Numbers stay as they are written: 1.50 is not 1.5.
        return json.loads(text, parse_int=str, parse_float=str)
    except json.JSONDecodeError as error:
        where = where if error.lineno == 1 else f"{where.rpartition(':')[0]}:{error.lineno}"
        raise ValueError(f"{where}: is no JSON ({error.msg}); {fix}") from None
    except RecursionError:
        raise ValueError(f"{where}: nests too deep; give text or numbers") from None


def _parquet(
    path: str, columns: Collection[str] | None, optional: Collection[str]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    import pyarrow as pa
    from pyarrow import parquet

    number = 0
    with files.open_bytes(path) as file:
        try:
            table = parquet.ParquetFile(file)
        except pa.ArrowInvalid as error:
            raise ValueError(f"{path}: is no Parquet file ({error}); see what wrote it") from None
        names = table.schema_arrow.names
        all_there = columns is not None and set(columns) - set(optional) <= set(names)
        read = [name for name in names if name in columns] if columns is not None and all_there else names
        try:
            for batch in table.iter_batches(columns=read):
                for row in batch.to_pylist():
                    number += 1
                    yield f"{path}: row {number}", row
        except (pa.ArrowInvalid, UnicodeDecodeError, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:  # the disk's, not Parquet's
                raise
            what = " ".join(str(error).split())
            raise ValueError(f"{path}: is damaged behind row {number} ({what}); copy or make it anew") from None

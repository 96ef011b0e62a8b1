"""Inputs for a model: lines of text, rows of TSV, CSV, JSON and Parquet files, standard input, or a task's split."""

import contextlib
import dataclasses
import io
import itertools
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from t5mix.declarations.task import Task
from t5mix.evaluation.examples import Example, read_examples
from t5mix.internal import text_files
from t5mix.internal.terminal import say
from t5mix.sources.tables import Reading, reading
from t5mix.sources.tables.reading import FORMATS as TABLES

LINES = "lines"
FORMATS = (LINES, *TABLES)

# What may stand behind the ending of a file that tells its format.
_COMPRESSED = (".gz", ".bz2", ".xz")


@dataclasses.dataclass(frozen=True)
class Question:
    """What a model is asked.

    Attributes:
        inputs: the text, without a prefix.
        target: what is to be answered, or scored; None where nobody says.
        ids: what the model reads, where that is known: of a task's example.
        target_ids: what it is to answer, where that is known and whole.
    """

    inputs: str
    target: str | None = None
    ids: tuple[int, ...] | None = None
    target_ids: tuple[int, ...] | None = None


def of_file(
    path: str,
    format: str | None = None,
    *,
    column: str = "inputs",
    target_column: str | None = None,
    limit: int | None = None,
) -> list[Question]:
    """Reads questions from a file, or from standard input for "-"; text may be compressed, see `text_files`.

    Args:
        path: the file.
        format: one of `FORMATS`; None is told by the file's ending, and is lines where that says nothing.
        column: of tables, where the inputs stand.
        target_column: of tables, where the targets stand; None reads none.
        limit: questions at most, the first ones: what comes behind them is not read; None is all.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no UTF-8 text, or a row does not fit; naming the line.
    """
    _check_file(path)
    format = format or format_of(path)
    if format == LINES:
        if target_column is not None:
            raise ValueError(
                f"--input_file {path!r} is read as lines, which have inputs alone: give a table with the columns "
                f"{column!r} and {target_column!r}, and say --input_format where its name does not tell it"
            )
        return [Question(line) for line in read_lines(path, limit)]
    columns = (column,) if target_column is None else (column, target_column)
    with _on_disk(path) as file:
        # Only the columns that are needed: others may hold lists or nothing.
        wanted = Reading(format) if format in ("tsv", "csv") else Reading(format, columns)
        if format in ("tsv", "csv"):
            _check_columns(path, file, wanted, columns)
        try:
            rows = [row for _, row in itertools.islice(reading.rows(file, wanted), limit)]
        except ValueError as error:
            raise ValueError(str(error).replace(file, f"--input_file {path}")) from None
    return [Question(row[column], None if target_column is None else row[target_column]) for row in rows]


def of_task(task: Task, split: str, lengths: dict[str, int], limit: int | None = None) -> list[Question]:
    """Reads questions from a task's split; says how many are truncated.

    Args:
        task: the task.
        split: name of the split.
        lengths: greatest number of tokens of each feature.
        limit: examples at most, the first ones; None is the whole split.

    Raises:
        ValueError: the task has no such split, or it is empty.
    """
    if split not in task.splits:
        raise ValueError(f"task {task.name!r} has no split {split!r}; it has {', '.join(task.splits)}")
    examples = read_examples(task, split, lengths, limit)
    truncated = sum(example.is_truncated for example in examples)
    if truncated:
        say(f"{truncated} of {len(examples)} inputs are longer than Run.sequence_length and were truncated")
    return [_of_example(example) for example in examples]


def _of_example(example: Example) -> Question:
    whole = "targets" in example.fields and not example.target_is_truncated
    target_ids = tuple(map(int, example.fields["targets"])) if whole else None
    return Question(example.input_text, example.target_text, example.inputs, target_ids)


def format_of(path: str) -> str:
    """Returns the format that a file's ending tells, also before that of a compression; else lines."""
    name = path.lower()
    for ending in _COMPRESSED:
        name = name.removesuffix(ending)
    found = Path(name).suffix.lstrip(".")
    return found if found in TABLES else LINES


def read_lines(path: str, limit: int | None = None) -> list[str]:
    """Reads the lines of a file, or of standard input for "-"; both may be compressed, see `text_files`.

    Args:
        path: the file.
        limit: lines at most, the first ones; None is all.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no UTF-8 text.
    """
    _check_file(path)
    if path == "-":
        if sys.stdin.isatty():
            say("type one input a line; Ctrl-D ends")
        return list(itertools.islice(text_files.lines(_standard_input(), "standard input"), limit))
    with open(path, "rb") as file:
        return list(itertools.islice(text_files.lines(file, f"--input_file {path}"), limit))


def _check_file(path: str) -> None:
    if path == "-":
        return
    if Path(path).is_dir():
        raise ValueError(f"--input_file {path!r} is a folder: give a file, one input a line")
    if not Path(path).exists():
        raise FileNotFoundError(f"--input_file {path!r}: there is no such file")


def _check_columns(path: str, file: str, wanted: Reading, columns: Sequence[str]) -> None:
    try:
        there = reading.columns_of(file, wanted)
    except ValueError as error:
        raise ValueError(str(error).replace(file, f"--input_file {path}")) from None
    for column in columns:
        if column not in there:
            raise ValueError(
                f"--input_file {path} has no column {column!r}: its first line names {', '.join(map(repr, there))}; "
                "say which with --column and --target_column"
            )


@contextlib.contextmanager
def _on_disk(path: str) -> Iterator[str]:
    """Gives a file's path, and a copy's of standard input: tables are read from files."""
    if path != "-":
        yield path
        return
    with tempfile.NamedTemporaryFile(prefix="t5mix-input-") as copy:
        shutil.copyfileobj(_standard_input(), copy)
        copy.flush()
        yield copy.name


def _standard_input() -> IO[bytes]:
    """Returns the bytes of standard input, which the locale does not change."""
    held = getattr(sys.stdin, "buffer", None)
    return held if held is not None else io.BytesIO(sys.stdin.read().encode())

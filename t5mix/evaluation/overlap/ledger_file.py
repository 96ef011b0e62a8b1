"""A ledger as a file: a line of JSON that says what was looked at, and one for each example that was found."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from t5mix.evaluation.overlap.ledger import KINDS, Ledger
from t5mix.internal.files import LARGEST_TEXT, read_text, without_nan, write_atomically

# Bytes that are read at most: a ledger has a line for each example that was found.
_LARGEST = 16 * LARGEST_TEXT


@dataclasses.dataclass(frozen=True)
class Found:
    """What a ledger's file says of evaluation examples.

    Attributes:
        path: of the file.
        examples: for each task and split that was looked at, how many examples it has.
        texts: for each of them, the examples of which something was found: number, and the end of their input.
    """

    path: str
    examples: Mapping[tuple[str, str], int]
    texts: Mapping[tuple[str, str], Mapping[int, str]]


def write_ledger(ledger: Ledger, path: str) -> None:
    """Writes a ledger."""
    head = {
        "words": ledger.words,
        "characters": ledger.characters,
        "splits": [{"task": task, "split": split, "examples": count} for (task, split), count in ledger.splits.items()],
        "trained_on": dict(ledger.trained_on),
    }
    lines = [json.dumps(each, ensure_ascii=False) for each in (head, *map(_line, ledger.entries))]
    write_atomically(Path(path), "".join(f"{line}\n" for line in lines))


def _line(entry: Any) -> dict[str, Any]:
    return without_nan(dataclasses.asdict(entry))


def read_found(path: str) -> Found:
    """Reads which evaluation examples a ledger found.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not a ledger that `t5mix overlap --output` wrote.
    """
    try:
        head, *lines = map(json.loads, read_text(Path(path), _LARGEST).removesuffix("\n").split("\n"))
        examples = {(str(one["task"]), str(one["split"])): _count(one["examples"]) for one in head["splits"]}
        texts: dict[tuple[str, str], dict[int, str]] = {of: {} for of in examples}
        for line in lines:
            of, index, text = (line["task"], line["split"]), _count(line["index"]), line["text"]
            if line["kind"] not in KINDS or not isinstance(text, str) or index >= examples[of]:
                raise ValueError(f"a line of {of[0]!r} is not one of an example that was found")
            texts[of][index] = text
    except FileNotFoundError:
        raise FileNotFoundError(
            f"no ledger {path!r}: there is no such file; t5mix overlap --output writes one"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"{path!r} is not a ledger that this t5mix wrote ({error}): make it anew with t5mix overlap --output"
        ) from None
    return Found(path, examples, texts)


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise TypeError(f"{value!r} is no count")
    return value

"""Files that a crash leaves whole."""

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write_atomically(path: Path, text: str) -> None:
    """Puts `text` into `path`: a reader, or a crash, finds the old file or the new one, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with open(temporary, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, content: Any) -> None:
    """Writes readable JSON, as `write_atomically` writes text; a NaN or an infinity is written as null."""
    write_atomically(path, json.dumps(without_nan(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def without_nan(content: Any) -> Any:
    """Returns JSON content with None for numbers that JSON cannot write: NaN and the infinities."""
    if isinstance(content, Mapping):
        return {key: without_nan(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [without_nan(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content

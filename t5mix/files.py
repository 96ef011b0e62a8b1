"""Files that a crash leaves whole."""

import os
from pathlib import Path


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

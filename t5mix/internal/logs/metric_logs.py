"""Numbers by step, on disk: as lines of JSON, and as event files that TensorBoard reads.

Runs keep their own logs with them; the loggers of an `Evaluator` are in `loggers`. Both take `log(step, values)` and
can go back to an earlier step when a run is resumed.
"""

import contextlib
import json
import os
import re
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from t5mix.internal.files import named, without_nan, write_atomically
from t5mix.internal.lazy import tensorflow as tf
from t5mix.internal.logs.closing import Closing


class JsonlLogger(Closing):
    """Appends one line `{"step": 100, "loss": 2.5, ...}` a call.

    What it writes depends on its arguments only, never on a clock, so a run that was killed and
    resumed leaves the same bytes as one that was not. A NaN or an infinity is written as null.

    Args:
        path: the file; made with its folders when missing.
        resume_step: when given, lines of later steps are removed first, atomically, together with a
            last line that a kill cut short.
    """

    def __init__(self, path: str | os.PathLike[str], resume_step: int | None = None):
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if resume_step is not None and self.path.exists():
            _truncate(self.path, resume_step)
        self._file: IO[str] = open(self.path, "a", encoding="utf-8", newline="\n")

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Appends a line and hands it to the operating system at once.

        Args:
            step: steps done so far.
            values: numbers by name; "step" is not a name.
        """
        if "step" in values:
            raise ValueError(f"{self.path}: 'step' is the line's own key; rename that value")
        numbers = {name: int(value) if isinstance(value, int) else float(value) for name, value in values.items()}
        row = without_nan({"step": int(step), **numbers})
        try:
            self._file.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")
            self._file.flush()
        except OSError as error:
            raise named(error, self.path) from None

    def sync(self) -> None:
        """Waits until all lines are on disk, so that a checkpoint written next is never ahead of them."""
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise named(error, self.path) from None

    def close(self) -> None:
        """Closes the file."""
        try:
            self._file.close()
        except OSError as error:  # the rest of a line that a full disk did not take
            raise named(error, self.path) from None


class EventFile(Closing):
    """Writes summaries into an event file that TensorBoard reads.

    The records are written here rather than by `tf.summary`, which since TensorFlow 2.21 works only
    where the package tensorboard is installed.

    Args:
        folder: the folder of event files; each object makes one of its own in it.
        resume_step: when given, TensorBoard forgets what older files say of later steps.
    """

    def __init__(self, folder: str | os.PathLike[str], resume_step: int | None = None):
        path = Path(folder)
        path.mkdir(parents=True, exist_ok=True)
        self._folder = path
        stamp = f"{_later_than_all(path):.6f}.{socket.gethostname()}.{os.getpid()}"
        with self._errors_named():
            self._writer = tf.io.TFRecordWriter(str(path / f"events.out.tfevents.{stamp}"))
        self._write(file_version="brain.Event:2")
        if resume_step is not None:
            start = tf.compat.v1.SessionLog(status=tf.compat.v1.SessionLog.START)
            self._write(step=resume_step + 1, session_log=start)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Records `values` at `step`; slashes in a name make TensorBoard's groups."""
        kind = tf.compat.v1.Summary.Value
        self.write(step, [kind(tag=tag, simple_value=float(v)) for tag, v in values.items()])

    def write(self, step: int, summaries: "Sequence[tf.compat.v1.Summary.Value]") -> None:
        """Records summaries of any kind at `step`."""
        self._write(step=int(step), summary=tf.compat.v1.Summary(value=summaries))

    def close(self) -> None:
        """Closes the file."""
        with self._errors_named():
            self._writer.close()

    def _write(self, **fields: Any) -> None:
        event = tf.compat.v1.Event(wall_time=time.time(), **fields)
        with self._errors_named():
            self._writer.write(event.SerializeToString())
            self._writer.flush()

    @contextlib.contextmanager
    def _errors_named(self) -> Iterator[None]:
        try:
            yield
        except tf.errors.OpError as error:
            raise OSError(f"{self._folder} cannot be written: {error.message}") from None


def _later_than_all(folder: Path) -> float:
    """Returns the time, in seconds, or one behind those of all event files: TensorBoard reads them by their names.

    A clock that was set back would else let what was logged before a restart hide what comes after it.
    """
    names = (re.match(r"events\.out\.tfevents\.(\d{1,12}\.\d{6})\.", path.name) for path in folder.iterdir())
    return max(time.time_ns() / 1e9, *(float(found[1]) + 1e-5 for found in names if found), 0.0)


def _truncate(path: Path, step: int) -> None:
    """Keeps the lines of `path` up to `step`, by writing a new file and renaming it."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is damaged at byte {error.start}: fix it, or move it away") from None
    whole = lines[:-1] if lines and not lines[-1].endswith("\n") else lines
    lines_until_step = [line for number, line in enumerate(whole, 1) if _step(path, number, line) <= step]
    if lines_until_step != lines:
        write_atomically(path, "".join(lines_until_step))


def _step(path: Path, number: int, line: str) -> int:
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path}:{number} is not a line of metrics ({line.strip()[:60]!r}): "
            "fix or remove that line, or move the file away"
        ) from error

"""What a training writes down as it goes: losses, speeds, and what services of the user's choice follow."""

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path

from t5mix.internal.logs.metric_logs import EventFile, JsonlLogger
from t5mix.internal.logs.trackers import Trackers
from t5mix.internal.processes import agreement

METRICS = "metrics.jsonl"
# Beside it: how the gradients of tasks lie to one another.
CONFLICT = "conflict.jsonl"


@dataclasses.dataclass(frozen=True)
class Logs:
    """The logs of one training.

    Attributes:
        metrics: losses; the same bytes however often the training was interrupted.
        timing: speeds.
        board: both, for TensorBoard.
        trackers: both, for services.
        conflict: how gradients lie to one another; None where that is not measured.
    """

    metrics: JsonlLogger
    timing: JsonlLogger
    board: EventFile
    trackers: Trackers
    conflict: JsonlLogger | None


def is_logged(folder: Path, step: int) -> bool:
    """Tells whether the losses up to a step, and no later ones, are in a folder's log: it has a line of that step."""
    path = folder / METRICS
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    # One without its end is no line: `opened` removes it.
    return any(line.startswith(b'{"step": %d, ' % step) and line.endswith(b"}\n") for line in lines)


@contextlib.contextmanager
def opened(folder: Path, step: int, with_conflict: bool) -> Iterator[Logs | None]:
    """Opens the logs of a folder, without what an earlier start logged of steps that will be done again.

    Of several processes the first has logs, and the others have None.

    Args:
        folder: of the training.
        step: steps done.
        with_conflict: whether gradients are compared.
    """
    if not agreement.is_first():
        yield None
        return
    conflict = folder / CONFLICT
    with contextlib.ExitStack() as stack:
        metrics = stack.enter_context(JsonlLogger(folder / METRICS, step))
        timing = stack.enter_context(JsonlLogger(folder / "timing.jsonl", step))
        board = stack.enter_context(EventFile(folder / "tensorboard", step))
        trackers = stack.enter_context(Trackers(folder))
        wanted = with_conflict or conflict.exists()
        lines = stack.enter_context(JsonlLogger(conflict, step)) if wanted else None
        yield Logs(metrics, timing, board, trackers, lines)

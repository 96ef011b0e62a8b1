"""What a person sees of a run in training: on a terminal a live display, elsewhere plain lines."""

import contextlib
import math
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import IO, TYPE_CHECKING, Self

from t5mix.internal.terminal import console, duration, put

if TYPE_CHECKING:
    from rich.console import RenderableType

_WINDOW = 60.0  # seconds over which speeds are averaged
_PAUSE = 10.0  # seconds between plain lines, unless told how many steps


class Reporter:
    """Shows step, loss, speed, time left and the loss of each task; use it as `with Reporter(...)`.

    On a terminal the display is redrawn in place a few times a second. Anywhere else a line is
    printed every ten seconds or so many steps, and at the first and the last update: log files
    stay short.

    Args:
        total_steps: The step at which training ends.
        task_names: The tasks, in the order in which to show them.
        first_step: Steps done before, when a run is resumed.
        every: Steps between plain lines; by default there is one every ten seconds.
        title: What is being trained, a few words.
        stream: Where to write; standard error by default.
    """

    def __init__(
        self,
        total_steps: int,
        task_names: Sequence[str],
        *,
        first_step: int = 0,
        every: int | None = None,
        title: str = "training",
        stream: IO[str] | None = None,
    ):
        if not 0 <= first_step <= total_steps:
            raise ValueError(f"cannot go on from step {first_step} in a run of {total_steps} steps")
        if every is not None and every < 1:
            raise ValueError(f"a line every {every} steps: give a whole number from 1")
        self._total = total_steps
        self._names = tuple(task_names)
        self._shared = _shared_words(self._names)
        self._title = title
        self._every = every
        self._stream = stream or sys.stderr
        self._speed = Speed()
        self._step = first_step
        self._shown_step: int | None = None
        self._shown_time = -math.inf
        self._summary = ""
        self._losses: dict[str, float] = {}
        self._display = _LiveDisplay(self._stream) if _is_terminal(self._stream) else None

    def __enter__(self) -> Self:
        if self._display:
            self._display.start()
            self._display.show(self._render())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._display:
            self._display.show(self._render())
            self._display.stop()
        elif self._summary and self._shown_step != self._step:
            self._print_line()

    def update(
        self,
        step: int,
        loss: float,
        task_losses: Mapping[str, float],
        tokens: int,
        learning_rate: float,
    ) -> None:
        """Takes in what has happened since the last update; call it after every step or every few.

        Args:
            step: Steps done.
            loss: Mean loss of a target token, in nats.
            task_losses: The same task by task; a task that was not seen may be missing or NaN, and
                keeps the figure it had.
            tokens: Tokens trained on since the last update.
            learning_rate: Of the latest step.
        """
        self._step = step
        self._speed.add(step, tokens)
        seen = {name: value for name, value in task_losses.items() if not math.isnan(value)}
        self._losses.update(seen)
        self._summary = f"loss {loss:.3f}  lr {learning_rate:.2e}"
        if self._display:
            self._display.show(self._render())
        elif self._is_due():
            self._print_line()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Leaves the terminal to others, and the time that passes out of the speeds."""
        if self._display:
            self._display.show(self._render())
            self._display.stop()
        try:
            yield
        finally:
            self._speed.restart()
            if self._display:
                self._display = _LiveDisplay(self._stream)
                self._display.start()

    def speeds(self) -> dict[str, float]:
        """Returns `steps_per_second` and `tokens_per_second` of the last minute, NaN at first."""
        steps, tokens = self._speed.rates()
        return {"steps_per_second": steps, "tokens_per_second": tokens}

    def _is_due(self) -> bool:
        if self._shown_step is None or self._step >= self._total:
            return True
        if self._every is None:
            return time.monotonic() - self._shown_time >= _PAUSE
        return self._step // self._every > self._shown_step // self._every

    def _print_line(self) -> None:
        self._shown_step, self._shown_time = self._step, time.monotonic()
        known = [name for name in self._names if name in self._losses]
        tasks = " ".join(f"{name[self._shared :]} {self._losses[name]:.2f}" for name in known)
        line = "  ".join([f"{self._title}: {self._where()}", self._summary, self._pace()])
        put(line + (f"  | {tasks}" if tasks else ""), file=self._stream)

    def _where(self) -> str:
        return f"step {self._step:,}/{self._total:,}"

    def _pace(self) -> str:
        steps, tokens = self._speed.rates()
        if math.isnan(steps) or steps <= 0:
            return "speed not known yet"
        left = duration((self._total - self._step) / steps)
        return f"{tokens:,.0f} tokens/s  {left} left"

    def _render(self) -> "RenderableType":
        from rich.columns import Columns
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        head = Table.grid(padding=(0, 2))
        bar = ProgressBar(total=max(1, self._total), completed=self._step, width=30)
        head.add_row(Text(self._title, style="bold"), bar, self._where(), self._summary)
        head.add_row("", self._pace(), "", "")
        width = max((len(name) for name in self._names), default=0)
        losses = [Text.assemble((name.ljust(width), "cyan"), " ", self._loss_of(name)) for name in self._names]
        return Group(head, Columns(losses, padding=(0, 3), equal=True))

    def _loss_of(self, name: str) -> str:
        return f"{self._losses[name]:6.3f}" if name in self._losses else "     -"


class Speed:
    """Steps and tokens a second over a sliding window of time.

    The clock starts at the first update, so that compiling the program is not counted.

    Args:
        window: Seconds to average over.
        clock: Returns the time in seconds.
    """

    def __init__(self, window: float = _WINDOW, clock: Callable[[], float] = time.monotonic):
        self._window = window
        self._clock = clock
        self._tokens = 0
        self._marks: deque[tuple[float, int, int]] = deque()

    def add(self, step: int, tokens: int) -> None:
        """Notes that `step` steps are done, and `tokens` tokens more than at the last call."""
        now = self._clock()
        self._tokens += tokens
        self._marks.append((now, step, self._tokens))
        while len(self._marks) > 2 and now - self._marks[1][0] >= self._window:
            self._marks.popleft()

    def restart(self) -> None:
        """Begins anew: what passed between the last update and the next is not counted."""
        self._marks.clear()

    def rates(self) -> tuple[float, float]:
        """Returns steps a second and tokens a second; NaN until there are two updates."""
        if len(self._marks) < 2:
            return math.nan, math.nan
        (start, first_step, first_tokens), (end, step, tokens) = self._marks[0], self._marks[-1]
        seconds = max(end - start, 1e-9)
        return (step - first_step) / seconds, (tokens - first_tokens) / seconds


def _shared_words(names: Sequence[str]) -> int:
    """Returns how many characters all names begin with, up to an underscore; lines leave them out."""
    if len(names) < 2:
        return 0
    shared = os.path.commonprefix(list(names))  # noqa: RUF071, characters are meant
    return shared.rfind("_") + 1


class _LiveDisplay:
    """A thin wrapper around rich's Live, which is imported only where it is used."""

    def __init__(self, stream: IO[str]):
        from rich.live import Live

        self._live = Live(console=console(stream), auto_refresh=False, transient=False)
        self._drawn = 0.0

    def start(self) -> None:
        self._live.start()

    def show(self, content: "RenderableType") -> None:
        # Steps of a small model take milliseconds; drawing each would cost more than they do.
        now = time.monotonic()
        self._live.update(content, refresh=now - self._drawn > 0.2)
        self._drawn = now if now - self._drawn > 0.2 else self._drawn

    def stop(self) -> None:
        self._live.refresh()
        self._live.stop()


def _is_terminal(stream: IO[str]) -> bool:
    return hasattr(stream, "isatty") and stream.isatty()

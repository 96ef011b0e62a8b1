"""Plain lines stay few, a terminal stays readable, and speeds leave compilation out."""

import io
import math

import pytest

from t5mix.training.reporter import Reporter, Speed, duration


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def run(stream: io.StringIO, total: int = 1000, **kwargs) -> str:
    with Reporter(total, ["span", "de"], stream=stream, **kwargs) as reporter:
        for step in range(kwargs.get("first_step", 0) + 1, total + 1):
            losses = {"span": 3.0, "de": math.nan if step > 1 else 1.25}
            reporter.update(step, 2.5, losses, tokens=64, learning_rate=0.01)
    return stream.getvalue()


def test_a_log_file_gets_few_lines() -> None:
    lines = run(io.StringIO()).splitlines()
    assert len(lines) == 2  # the first and the last: it took less than ten seconds
    assert lines[0].startswith("training: step 1/1,000  loss 2.500  lr 1.00e-02")
    assert lines[-1].startswith("training: step 1,000/1,000")
    assert lines[-1].endswith("| span 3.00 de 1.25")


def test_lines_leave_out_what_all_names_share() -> None:
    stream = io.StringIO()
    with Reporter(1, ["toy_span", "toy_de"], stream=stream) as reporter:
        reporter.update(1, 1.0, {"toy_span": 2.0, "toy_de": 3.0}, 1, 0.1)
    assert stream.getvalue().endswith("| span 2.00 de 3.00\n")


def test_every_says_how_many() -> None:
    lines = run(io.StringIO(), total=10, every=5).splitlines()
    assert [line.split("  ")[0] for line in lines] == [
        "training: step 1/10", "training: step 5/10", "training: step 10/10"
    ]  # fmt: skip


def test_a_resumed_run_goes_on_from_its_step() -> None:
    lines = run(io.StringIO(), total=100, first_step=90, every=100).splitlines()
    assert [line.split("  ")[0] for line in lines] == [
        "training: step 91/100", "training: step 100/100"
    ]  # fmt: skip


def test_a_run_that_stops_early_says_where() -> None:
    stream = io.StringIO()
    with Reporter(100, ["a"], every=50, stream=stream) as reporter:
        for step in (1, 2, 3):
            reporter.update(step, 1.0, {}, 1, 0.1)
    assert [line.split("  ")[0] for line in stream.getvalue().splitlines()] == [
        "training: step 1/100", "training: step 3/100"
    ]  # fmt: skip


def test_a_terminal_sees_losses_by_task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    text = run(Terminal(), total=3)
    assert "span" in text and "3.000" in text and "1.250" in text and "3/3" in text


def test_speed_counts_from_the_first_update() -> None:
    now = iter([100.0, 102.0, 104.0, 200.0])
    speed = Speed(window=60, clock=lambda: next(now))
    speed.add(1, 1000)
    assert all(math.isnan(rate) for rate in speed.rates())
    speed.add(2, 10)
    assert speed.rates() == (0.5, 5.0)
    speed.add(4, 30)
    assert speed.rates() == (0.75, 10.0)
    speed.add(100, 960)  # the window has moved on: from the update at 104 s
    assert speed.rates() == (1.0, 10.0)


def test_durations_read_as_people_say_them() -> None:
    assert [duration(s) for s in (0.4, 59, 60, 190, 7500)] == ["0s", "59s", "1m00s", "3m10s", "2h05m"]


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot go on from step 11"):
        Reporter(10, [], first_step=11)
    with pytest.raises(ValueError, match="every 0 steps"):
        Reporter(10, [], every=0)


def test_a_pause_is_in_no_speed_and_leaves_the_terminal_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([0.0, 1.0, 500.0, 501.0])
    speed = Speed(window=60, clock=lambda: next(now))
    speed.add(1, 10)
    speed.add(2, 10)
    speed.restart()
    speed.add(3, 10)
    assert math.isnan(speed.rates()[0])
    speed.add(4, 10)
    assert speed.rates() == (1.0, 10.0)
    monkeypatch.setenv("TERM", "xterm-256color")
    stream = Terminal()
    with Reporter(2, ["span"], stream=stream) as reporter:
        reporter.update(1, 2.5, {"span": 3.0}, 64, 0.1)
        with reporter.paused():
            before = stream.getvalue()
            stream.write("scoring\n")
        reporter.update(2, 2.5, {"span": 1.0}, 64, 0.1)
    assert "step 1/2" in before and "step 2/2" in stream.getvalue().partition("scoring\n")[2]

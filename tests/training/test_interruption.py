"""The first signal is handled, and what was there before takes the second."""

import signal
import threading

import pytest

from t5mix.training.interruption import first_signal, noted_signal

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_is_noted_and_the_second_does_what_it_did(number: signal.Signals) -> None:
    seen: list[int] = []
    before = signal.signal(number, lambda number, frame: seen.append(number))
    try:
        with noted_signal() as stop:
            assert stop.number is None
            signal.raise_signal(number)
            assert (stop.number, seen) == (number, [])
            signal.raise_signal(number)
            assert seen == [number]
    finally:
        signal.signal(number, before)


def test_handlers_are_put_back_after_an_error() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with pytest.raises(ValueError, match="mine"), first_signal(lambda number: None):
        raise ValueError("mine")
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_another_thread_handles_no_signals() -> None:
    found: list[object] = []

    def body() -> None:
        with noted_signal() as stop:
            found.extend([stop.number, signal.getsignal(signal.SIGTERM)])

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    assert found == [None, before]

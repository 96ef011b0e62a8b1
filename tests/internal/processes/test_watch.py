"""Processes that notice when one of them ends: three ends of connections within one process."""

import contextlib
import json
import queue
import socket
import threading
import time
from pathlib import Path

import pytest

from t5mix.internal.processes.watch import Watch

# What somebody may say who has found the port; the first two say no more, and stay.
STRANGERS = (
    b"",
    b"GET / HTTP/1.1",
    b'{"secret": "guessed", "index": 1}\n',
    b'{"secret": "\\ud800", "index": [1]}\n',
    b"[" * 4095 + b"\n",
    b"\xff\n",
)


class Three:
    """Three connected watches, and what each was told."""

    def __init__(self):
        self.told = [queue.Queue() for _ in range(3)]
        self.watches = [Watch(index, 3, self.told[index].put) for index in range(3)]
        said = json.loads(json.dumps(self.watches[0].listen()))
        with contextlib.ExitStack() as strangers:
            for words in STRANGERS:
                stranger = strangers.enter_context(socket.create_connection(("localhost", said["port"])))
                stranger.sendall(words)
            accepting = threading.Thread(target=self.watches[0].accept)
            accepting.start()
            for watch in self.watches[1:]:
                watch.connect(["localhost"], said)
            accepting.join(30)
            assert not accepting.is_alive()

    def dies(self, index: int) -> None:
        """Does what the system does for a process that is killed; that says no more."""
        self.watches[index]._over = True
        for connection in self.watches[index]._connections.values():
            connection.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def three() -> Three:
    return Three()


def test_all_are_told_which_process_has_died(three):
    three.dies(2)
    for index in (0, 1):
        assert three.told[index].get(timeout=60).startswith("process 2 of 3 ")
        assert three.told[index].empty()


def test_all_are_told_that_the_first_has_died(three):
    three.dies(0)
    for index in (1, 2):
        line = three.told[index].get(timeout=60)
        assert line.startswith("process 0 of 3 (pid ") and line.endswith(" has died")


def test_all_are_told_why_a_process_has_ended(three):
    three.watches[1].leave("ValueError: no such file")
    three.dies(1)
    for index in (0, 2):
        line = three.told[index].get(timeout=60)
        assert line.startswith("process 1 of 3 ") and line.endswith("has ended (ValueError: no such file)")


def test_an_error_that_all_have_is_told_by_the_first(three):
    """Whoever finds it last, and whatever closes meanwhile."""
    speak, failing = {}, []
    for index in (2, 0, 1):
        watch = three.watches[index]
        call = threading.Thread(target=lambda i=index, w=watch: speak.update({i: w.fail("ValueError: x", 0.0)}))
        call.start()
        failing.append(call)
    for call in failing:
        call.join(30)
    assert speak == {0: True, 1: False, 2: False}
    assert all(told.empty() for told in three.told)


def test_an_error_of_its_own_is_told_by_a_process_whose_first_says_nothing(three):
    assert three.watches[1].fail("ValueError: x", time.monotonic(), patience=0.1)
    three.dies(1)
    assert three.told[0].get(timeout=60).endswith("has ended (ValueError: x)")


def test_what_follows_from_another_s_failure_is_told_as_that(three):
    three.watches[1].leave("ValueError: x")
    while 1 not in three.watches[0]._failed:
        time.sleep(0.01)
    assert not three.watches[0].fail("RuntimeError: Gloo has lost somebody", time.monotonic() + 1)
    assert three.told[0].get(timeout=60).endswith("has ended (ValueError: x)")
    assert three.told[2].get(timeout=60).endswith("has ended (ValueError: x)")


def test_nobody_is_told_of_an_end_that_was_to_be(three):
    for watch in three.watches:
        watch.leave()
    for index in range(3):
        three.dies(index)
    with pytest.raises(queue.Empty):
        three.told[0].get(timeout=0.3)


def test_a_first_process_that_cannot_be_reached_is_refused(monkeypatch):
    monkeypatch.setattr("t5mix.internal.processes.watch._PATIENCE", 0.2)
    with socket.create_server(("localhost", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(OSError, match=r"refused|port"):
        Watch(1, 2, print).connect(["localhost"], {"port": port, "secret": "", "name": ""})


def test_a_process_that_the_first_does_not_take_in_watches_nothing(monkeypatch):
    """Under a name of the first process somebody else was found, or it has given up waiting: it has not died."""
    monkeypatch.setattr("t5mix.internal.processes.watch._PATIENCE", 0.5)
    told: list[str] = []
    watch = Watch(1, 3, told.append)
    with socket.create_server(("localhost", 0)) as server:
        said = {"port": server.getsockname()[1], "secret": "", "name": ""}
        closing = threading.Thread(target=lambda: server.accept()[0].close())
        closing.start()
        with pytest.raises(OSError, match=r"not that of the first process|refused|timed out"):
            watch.connect(["localhost"], said)
        closing.join()
    assert not told and not watch._connections


def test_who_has_come_is_watched_though_others_have_not(monkeypatch):
    monkeypatch.setattr("t5mix.internal.processes.watch._PATIENCE", 1.0)
    told: queue.Queue = queue.Queue()
    first, second = Watch(0, 3, told.put), Watch(1, 3, print)
    said = first.listen()
    connecting = threading.Thread(target=second.connect, args=(["localhost"], said))
    connecting.start()
    with pytest.raises(TimeoutError, match="1 of 2 other processes did not connect"):
        first.accept()
    connecting.join()
    second._over = True
    second._connections[0].shutdown(socket.SHUT_RDWR)
    assert told.get(timeout=60).startswith("process 1 of 3 ")


def test_a_process_that_has_failed_and_hangs_ends_the_others(three, monkeypatch):
    monkeypatch.setattr("t5mix.internal.processes.watch._GOING", 0.1)
    three.watches[1].leave("ValueError: no such file")
    for index in (0, 2):
        assert three.told[index].get(timeout=60).endswith("has ended (ValueError: no such file)")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_first_process_is_reached_by_both_kinds_of_addresses(host):
    first, second = Watch(0, 2, print), Watch(1, 2, print)
    said = first.listen()
    try:
        socket.create_connection((host, said["port"])).close()
    except OSError:
        if host != "127.0.0.1" and not Path("/proc/net/if_inet6").exists():
            pytest.skip("this machine has no address of version 6")
        raise
    connecting = threading.Thread(target=second.connect, args=([host], said))
    connecting.start()
    first.accept()
    connecting.join()
    assert list(second._connections) == [0]

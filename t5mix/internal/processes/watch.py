"""Processes that notice when one of them ends: it says why, or the system closes its connection.

Each process holds a connection to the first one. What ends without a word has died, and the first tells all others
which one that was; where the first itself has died, each sees that. A machine that loses its power closes
nothing: JAX's heartbeats find that, see `joining`.
"""

import contextlib
import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

_PATIENCE = 60.0  # seconds for all connections to be made
_PAUSE = 0.05  # seconds between two looks whether all have come
_GOING = 10.0  # seconds that a process has to end, once it has said why; and others to find the same error themselves
_CLOSE = 0.2  # seconds by which news may come later than what they explain
_STRANGERS = 100  # that may be waiting for an answer
_LONGEST = 4096  # bytes of a message
_WELL = "well"


class Watch:
    """The connections of this process, and what is to happen when another one ends too early.

    Args:
        index: of this process.
        count: of processes.
        ended: called once, on a thread, with a line that names the process which has ended.
    """

    def __init__(self, index: int, count: int, ended: Callable[[str], None]) -> None:
        self._index, self._count, self._ended = index, count, ended
        self._lock, self._over, self._accepting = threading.Lock(), False, True
        self._left: dict[int, str] = {}
        self._failed: dict[int, tuple[str, float]] = {}  # why, and when that was heard
        self._fails, self._first_speaks = threading.Event(), threading.Event()
        self._connections: dict[int, socket.socket] = {}
        self._names: dict[int, str] = {index: f"pid {os.getpid()} on {socket.gethostname()}"}

    def listen(self) -> dict[str, Any]:
        """Opens the first process's port; returns what the others must know of it, JSON."""
        self._server = _server(self._count + _STRANGERS)
        self._secret = secrets.token_hex(16)
        return {"port": self._server.getsockname()[1], "secret": self._secret, "name": self._names[0]}

    def accept(self) -> None:
        """Takes the connections of all others, and begins to watch them.

        Raises:
            TimeoutError: not all have come; those that have are watched.
        """
        end = time.monotonic() + _PATIENCE
        with self._server:
            self._server.settimeout(_PAUSE)
            while (missing := self._count - 1 - len(self._connections)) and time.monotonic() < end:
                with contextlib.suppress(TimeoutError):
                    connection, _ = self._server.accept()
                    # A thread each: who says nothing, such as a scanner of ports, holds nobody up.
                    threading.Thread(target=self._greet, args=(connection,), daemon=True).start()
        with self._lock:
            self._accepting = False
        for index in self._connections:
            self._begin(index)
        if missing:
            raise TimeoutError(f"{missing} of {self._count - 1} other processes did not connect")

    def connect(self, hosts: Sequence[str], said: dict[str, Any]) -> None:
        """Connects to the first process, and begins to watch it.

        Args:
            hosts: names under which it may be found.
            said: by its `listen`.

        Raises:
            OSError: it cannot be reached under any, or does not take this process in.
        """
        self._names[0] = str(said["name"])
        hello = {"secret": said["secret"], "index": self._index, "name": self._names[self._index]}
        self._connections[0] = _welcomed(hosts, int(said["port"]), hello)
        self._begin(0)

    def leave(self, why: str = _WELL) -> None:
        """Says that this process ends.

        Args:
            why: what went wrong, a few words; by default nothing did.
        """
        with self._lock:
            self._over = True
        self._fails.set()
        for connection in self._connections.values():
            _write(connection, {"left": self._index, "why": why})

    def fail(self, why: str, since: float, patience: float = _GOING) -> bool:
        """Says that this process ends, for it has an error; returns whether it is to tell that.

        An error that others have, too, such as a setting that can not be right, is the first process's to tell. What
        has come after the news that another process failed, and is something else, is a consequence: then this process
        ends because of that one.

        Args:
            why: what went wrong, a few words.
            since: when it did, as `time.monotonic` has it.
            patience: seconds in which the first process may find the same.
        """
        if self._over:  # the thread that has heard of another's end is about to say so, and to end this process
            time.sleep(1.0)
        before = {who: other for who, (other, heard) in self._failed.items() if heard < since + _CLOSE}
        if before and why not in before.values():
            who, other = next(iter(before.items()))
            self._note(who, f"has ended ({other})")
            return False
        self.leave(why)
        if self._index:
            self._first_speaks.wait(patience)
        return self._failed.get(0, ("", 0.0))[0] != why

    def _greet(self, connection: socket.socket) -> None:
        """Takes in a process that says hello, or closes the connection of a stranger."""
        hello = _read(connection, timeout=_PATIENCE) or {}
        index, secret = hello.get("index"), str(hello.get("secret")).encode(errors="replace")
        known = secrets.compare_digest(secret, self._secret.encode())
        if known and isinstance(index, int) and 0 < index < self._count:
            with self._lock:
                if self._accepting and index not in self._connections:
                    self._names[index] = str(hello.get("name"))
                    # Before it counts as one that has come, and the first process goes on.
                    _write(connection, {"welcome": index})
                    self._connections[index] = connection
                    return
        connection.close()

    def _begin(self, index: int) -> None:
        self._connections[index].settimeout(None)
        threading.Thread(target=self._follow, args=(index,), name=f"t5mix-process-{index}", daemon=True).start()

    def _follow(self, index: int) -> None:
        """Reads what another process says until it has nothing more to say."""
        while True:
            # One that has failed closes the connection when it has told its user; it may also hang there.
            failed = self._left.get(index, _WELL) != _WELL
            message = _read(self._connections[index], _GOING if failed else None)
            if message is None:
                if index in self._failed:
                    self._fails.wait(max(0.0, self._failed[index][1] + _GOING - time.monotonic()))
                self._first_speaks.set()  # or never will
                return self._note(index, self._left.get(index, "has died"))
            who, why = message.get("left"), str(message.get("why"))
            if isinstance(who, int):
                self._names.setdefault(who, str(message.get("name")))
                self._left[who] = why if why == _WELL else f"has ended ({why})" if who == index else why
                if who == index and why != _WELL:
                    self._failed[who] = why, time.monotonic()
                    self._first_speaks.set()
            if who != index and who in self._left:
                return self._note(who, self._left[who])

    def _note(self, index: int, what: str) -> None:
        """Ends this process, for another one has; once, and not where that was to be."""
        with self._lock:
            if self._over or what == _WELL:
                return
            self._over = True
        for other, connection in self._connections.items():
            if other != index and self._index == 0:
                _write(connection, {"left": index, "why": what, "name": self._names[index]})
        name = self._names.get(index)
        self._ended(f"process {index} of {self._count}{f' ({name})' if name else ''} {what}")


def _server(backlog: int) -> socket.socket:
    """Opens a port of this machine under all of its addresses, of both kinds where it has both."""
    if socket.has_dualstack_ipv6():
        with contextlib.suppress(OSError):
            return socket.create_server(("", 0), family=socket.AF_INET6, backlog=backlog, dualstack_ipv6=True)
    return socket.create_server(("", 0), backlog=backlog)


def _welcomed(hosts: Sequence[str], port: int, hello: dict[str, Any]) -> socket.socket:
    """Returns a connection to the first process, which has taken this one in.

    Under one of its names somebody else may be found: 127.0.0.1 is every machine's.
    """
    problem = OSError(f"no host is known for port {port}")
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        for host in hosts:
            try:
                connection = socket.create_connection((host, port), timeout=5)
            except OSError as error:
                problem = error
                continue
            _write(connection, hello)
            answer = _read(connection, timeout=max(_PAUSE, end - time.monotonic())) or {}
            if answer.get("welcome") == hello["index"]:
                return connection
            connection.close()
            problem = OSError(f"port {port} of {host} is not that of the first process")
        time.sleep(0.2)
    raise problem


def _write(connection: socket.socket, message: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):  # it is gone, and whoever reads there sees that
        connection.sendall(json.dumps(message).encode()[: _LONGEST - 1] + b"\n")


def _read(connection: socket.socket, timeout: float | None = None) -> dict[str, Any] | None:
    """Returns the next message; None where the other end is gone, speaks otherwise, or too slowly.

    Args:
        connection: to read.
        timeout: seconds for all of the message.
    """
    end = None if timeout is None else time.monotonic() + timeout
    line = b""
    try:
        while not line.endswith(b"\n") and len(line) < _LONGEST:
            connection.settimeout(None if end is None else max(0.001, end - time.monotonic()))
            byte = connection.recv(1)
            if not byte or (end is not None and time.monotonic() > end):
                return None
            line += byte
        message = json.loads(line)
    except (OSError, ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None

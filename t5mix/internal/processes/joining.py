"""How the processes of a run find each other, and how they end: together.

On a TPU slice, under SLURM and under Open MPI JAX finds them; elsewhere they are told where the first one is.
"""

import atexit
import contextlib
import functools
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any

from t5mix.internal.processes import agreement, tpu_machine
from t5mix.internal.processes.watch import Watch
from t5mix.internal.terminal import say

# Seconds without a sign of life after which JAX takes a process for dead, of a machine that is gone, say, and ends the
# others with a trace of its own. Gloo, which waits for 30 for each to connect, is to speak first.
_HEARTBEAT = 40
# Seconds that a process waits, after an error, for news that another one has caused it by its end.
_NEWS = 2.0
# Seconds more in which the first process may find the same error.
_SAME = 8.0
# How SLURM, Open MPI and MPICH tell a process how many there are, and which it is.
_LAUNCHERS = (
    ("SLURM_NTASKS", "SLURM_PROCID"),
    ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"),
    ("PMI_SIZE", "PMI_RANK"),
)
# Words of lines that every process shows.
_TOLD = ("warning", "error", "t5mix:")
_ADVICE = (
    "start all of them, each with its own number and the same coordinator, whose port must be free and within reach"
)
_ADVICE_ALONE = f"; a TPU machine that stands alone is told so by {tpu_machine.HOSTS}=localhost"
# The exit status of a process that ends because another one did.
ENDED = 3


@contextlib.contextmanager
def joined(
    coordinator: str | None,
    processes: int | None,
    process: int | None,
    prepare: Callable[[], None],
    wait: int = 300,
) -> Iterator[None]:
    """Makes this process one of several, in the body, where it is told to or finds that it is.

    All but the first print warnings and errors alone, with the number of the process before them. When one ends before
    the others, all end, with a line that names it.

    Args:
        coordinator: HOST:PORT of the first process, which opens that port; None is to find out by the environment.
        processes: how many there are.
        process: which of them this is, from 0.
        prepare: called before JAX looks for devices.
        wait: seconds within which all must have come.

    Raises:
        ValueError: an argument is missing or wrong; or the others do not come.
    """
    if coordinator is not None and processes is process is None:
        processes, process = launched_as(os.environ)
    _check(coordinator, processes, process)
    if coordinator is None and not is_launched(os.environ):
        yield
        return
    prepare()
    _initialize(coordinator, processes, process, wait)
    with _output_alone():
        watch = _meet(coordinator)
        if watch is None:
            yield
            return
        with _as_one_of_several():
            try:
                yield
                agreement.wait_for_all("the end")
            except BaseException as error:
                _leave(watch, error)
                raise
            watch.leave()


def is_launched(environment: Mapping[str, str]) -> bool:
    """Tells whether something that JAX knows has started this process as one of several.

    Args:
        environment: variables of the process.
    """
    # The shell that `salloc` may give is a step of one task, in a job of several.
    in_step = int(environment.get("SLURM_STEP_NUM_TASKS") or 2) > 1 and "SLURM_STEP_NODELIST" in environment
    if int(environment.get("SLURM_NTASKS") or 1) > 1 and in_step:
        return True
    if int(environment.get("OMPI_COMM_WORLD_SIZE") or 1) > 1:
        return True
    hosts = environment.get("TPU_PROCESS_ADDRESSES") or environment.get("TPU_WORKER_HOSTNAMES") or ""
    if "," in hosts or int(environment.get("MEGASCALE_NUM_SLICES") or 1) > 1:
        return True
    # A TPU machine whose environment says nothing: JAX asks the machine's own metadata.
    return not hosts and tpu_machine.may_be_of_a_slice(environment)


def launched_as(environment: Mapping[str, str]) -> tuple[int, int] | tuple[None, None]:
    """Returns how many processes were launched, and which of them this is, where SLURM or an MPI says so.

    Args:
        environment: variables of the process.
    """
    for size, rank in _LAUNCHERS:
        if size in environment and rank in environment:
            return int(environment[size]), int(environment[rank])
    return None, None


def _check(coordinator: str | None, processes: int | None, process: int | None) -> None:
    given = {"--coordinator": coordinator, "--processes": processes, "--process": process}
    missing = [name for name, value in given.items() if value is None]
    if missing and len(missing) < len(given):
        raise ValueError(
            f"{' and '.join(missing)} missing: several processes need --coordinator HOST:PORT --processes N "
            "--process I, each with its own I from 0; leave all out where SLURM, MPI or a TPU slice says them"
        )
    if processes is not None and process is not None and not process < processes:
        raise ValueError(f"--process is {process}: with --processes {processes} it is one of 0 to {processes - 1}")
    host, _, port = (coordinator or "localhost:1").rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise ValueError(f"--coordinator is {coordinator!r}: give HOST:PORT of the first process, such as node0:29400")


def _initialize(coordinator: str | None, processes: int | None, process: int | None, wait: int) -> None:
    from t5mix.internal.lazy import import_quietly

    jax = import_quietly("jax")
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.config.update("jax_enable_preemption_service", False)  # it takes SIGTERM away from `training.interruption`
    given: dict[str, Any] = {}
    if coordinator is not None:
        say(f"process {process} of {processes}: waiting for the others at {coordinator}")
        given = {"coordinator_address": coordinator, "num_processes": processes, "process_id": process}
        given["cluster_detection_method"] = "deactivate"
    where = f"at {coordinator}" if coordinator else "as the environment (SLURM, MPI or TPU) says"
    missing = f"the processes of this run did not find each other {where}"
    # JAX would end the process with a trace of its own.
    advice = _ADVICE + ("" if coordinator else _ADVICE_ALONE)
    late = threading.Timer(wait, _give_up, [f"{missing} within {wait}s: {advice}"])
    late.daemon = True
    late.start()
    try:
        jax.distributed.initialize(
            **given, heartbeat_timeout_seconds=_HEARTBEAT, initialization_timeout=wait + 2 * _HEARTBEAT
        )
    except (RuntimeError, ValueError) as error:
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"{missing} ({why}): {advice}") from error
    finally:
        late.cancel()


def _give_up(why: str) -> None:
    say(f"t5mix: error: {why}")
    _exit_now(2)


def _meet(coordinator: str | None) -> Watch | None:
    """Returns what watches over the others; None where there is but this process."""
    try:
        if agreement.count() == 1:
            return None
        watch = Watch(agreement.index(), agreement.count(), _end)
        _connect(watch, coordinator)
    except RuntimeError as error:  # JAX's; at the end of the process it would wait for the one that is gone
        why = (str(error).splitlines() or [type(error).__name__])[0][:200]
        _give_up(f"another process ended while all met ({why}): see what each said last, and start all of them again")
    return watch


def _connect(watch: Watch, coordinator: str | None) -> None:
    """Connects all processes to the first; where a network forbids that, JAX's heartbeats must do."""
    said = agreement.first_says(lambda: {**watch.listen(), "hosts": _own_names()})
    try:
        if agreement.is_first():
            watch.accept()
        else:
            named = coordinator.rpartition(":")[0].strip("[]") if coordinator else None
            watch.connect([*([named] if named else []), *said["hosts"]], said)
    except OSError as error:
        say(
            f"warning: process {agreement.index()} has no connection to the others ({error}): should one die, "
            f"that is noticed only after {_HEARTBEAT}s"
        )


def _own_names() -> list[str]:
    name = socket.gethostname()
    with contextlib.suppress(OSError):
        found = {str(address[0]) for *_, address in socket.getaddrinfo(name, None)}
        return [name, *sorted(found)]
    return [name]


def _leave(watch: Watch, error: BaseException) -> None:
    """Ends this process's part: well, where all were asked to stop; else with the news why.

    What the first process tells its user of the same error, this one does not tell again.
    """
    if isinstance(error, SystemExit) and getattr(error, "together", False):
        watch.leave()
        return
    since, patience = time.monotonic(), 0.0
    # What a collective says when another process is gone is no error of this one, whatever has been made of it on its
    # way up: news of that process are about to come, and end this one.
    if isinstance(error, Exception):
        time.sleep(_NEWS)
        patience = _SAME
    why = f"{type(error).__name__}: {str(error).splitlines()[0][:200] if str(error) else ''}"
    if not watch.fail(why, since, patience):
        _exit_now(_status(error))
    # JAX, at the end of a process, waits minutes for others, which do not come.
    atexit.register(functools.partial(_exit_now, _status(error)))


def _status(error: BaseException) -> int:
    if isinstance(error, SystemExit) and isinstance(error.code, int):
        return error.code
    return 128 + error.number if hasattr(error, "number") else 2


def _exit_now(status: int) -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


def _end(what: str) -> None:
    """Ends this process, for another one has: its next collective would wait forever."""
    with contextlib.suppress(OSError, ValueError):
        say(f"t5mix: {what}: all processes end; start them again, and the run goes on from its last checkpoint")
    _exit_now(ENDED)


@contextlib.contextmanager
def _output_alone() -> Iterator[None]:
    """Keeps standard output for what this program prints: Gloo says there, too, who is connected."""
    sys.stdout.flush()
    kept = os.dup(1)
    with open(kept, "w", encoding=sys.stdout.encoding, errors=sys.stdout.errors) as output:
        os.dup2(2, 1)
        try:
            with contextlib.redirect_stdout(output):
                yield
        finally:
            output.flush()
            os.dup2(kept, 1)


class _Numbered:
    """Standard error of a process that is not the first: warnings and errors, with the number of the process.

    What else it says, the first says as well.
    """

    def __init__(self, file: IO[str], index: int) -> None:
        self._file, self._start, self._line = file, f"[{index}] ", ""

    def write(self, text: str) -> int:
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            if any(word in line.lower() for word in _TOLD):
                self._file.write(f"{self._start}{line}\n")
        return len(text)

    def isatty(self) -> bool:
        return False  # bars of several processes would overwrite each other

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


@contextlib.contextmanager
def _as_one_of_several() -> Iterator[None]:
    if agreement.is_first():
        yield
        return
    numbered: Any = _Numbered(sys.stderr, agreement.index())
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(numbered):
            yield

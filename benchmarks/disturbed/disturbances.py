"""What may happen to a process: killed once or again and again, asked to stop, paused, its clock set, its disk bad."""

import errno
import os
import random
import signal
import subprocess
import time
from pathlib import Path

from disturbed.results import consumed
from disturbed.scene import PATIENCE, Scene, notes_of

# What operations on files fail with.
ERRORS = (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EMFILE)


def wait_for_work(kind: str, run: Path, process: subprocess.Popen) -> None:
    """Waits until a process trains, or has ended: a step was noted since it was started, or a score is there."""

    def so_far() -> int:
        scores = len(list(run.glob("scores/*/*/*.json"))) if kind == "eval" else 0
        return scores + (notes_of(run).stat().st_size if notes_of(run).exists() else 0)

    before = so_far()
    while process.poll() is None and so_far() == before:
        time.sleep(0.02)


def newest_steps(run: Path) -> dict[str, int]:
    """Returns the newest checkpoint of each training; a name shows a checkpoint that is whole."""
    found: dict[str, int] = {}
    for folder in run.rglob("checkpoints"):
        steps = [int(entry.name) for entry in folder.iterdir() if entry.name.isdecimal()]
        found[str(folder.relative_to(run))] = max(steps, default=0)
    return found


def kill(scene: Scene, kind: str, run: Path, chance: random.Random, seconds: float) -> str:
    """Kills a command once, at any instant, and finishes it."""
    process = scene.start(kind, run)
    delay = chance.uniform(0, seconds)
    try:
        process.wait(delay)
        return "had ended"
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    scene.finish(kind, run)
    return f"killed after {delay:.2f} s"


def storm(scene: Scene, kind: str, run: Path, chance: random.Random, seconds: float) -> str:
    """Kills a command again and again; at last it is done, and no checkpoint was lost on the way."""
    kills, before = 0, newest_steps(run)
    while True:
        process = scene.start(kind, run)
        wait_for_work(kind, run, process)
        try:
            if process.wait(chance.uniform(0.1, 1.5)):
                raise RuntimeError(f"{run} failed:\n{run.with_suffix('.err').read_text()[-2000:]}")
            return f"{kills} kills"
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        kills += 1
        now = newest_steps(run)
        lost = [name for name in before if now.get(name, 0) < before[name]]
        if lost:
            raise RuntimeError(f"{run}: checkpoints went back in {lost}, from {before} to {now}")
        before = now


def ask(scene: Scene, kind: str, run: Path, chance: random.Random, seconds: float) -> str:
    """Asks a command to stop: it leaves with the right code, and of a training with a checkpoint of its last step.

    One time in three a second signal follows at once: it may leave without a checkpoint, and then goes on from the one
    before.
    """
    number = chance.choice((signal.SIGTERM, signal.SIGINT, signal.SIGHUP))
    twice = chance.random() < 1 / 3
    process = scene.start(kind, run)
    wait_for_work(kind, run, process)
    time.sleep(chance.uniform(0, 1.0))
    noted = consumed(run)
    process.send_signal(number)
    if twice:
        time.sleep(chance.uniform(0, 0.2))
        process.send_signal(number)
    status = process.wait(PATIENCE)
    if status == 0:
        return f"{number.name} came too late"
    if status == -number and not twice:  # while Python was ending; were it earlier, results would be missing
        return f"{number.name} came when all was done"
    if status not in (128 + number, -number if twice else 128 + number):  # a shell says 128 + number of both
        raise RuntimeError(f"{run} ended with {status} after {number.name}{' twice' * twice}")
    if kind == "train" and not twice and len(noted) > 2 and max(newest_steps(run).values(), default=0) < len(noted) - 2:
        raise RuntimeError(
            f"{run} noted {len(noted)} steps, and has checkpoints {newest_steps(run)} after {number.name}"
        )
    scene.finish(kind, run)
    return f"{number.name}{' twice' * twice}"


def pause(scene: Scene, kind: str, run: Path, chance: random.Random, seconds: float) -> str:
    """Stops a command for a second, and lets its wall clock jump by days, forwards or back."""
    jump = chance.choice((-3, -1, 1, 30)) * 86_400
    clock = {"T5MIX_CLOCK_JUMP": str(jump), "T5MIX_CLOCK_AT": str(chance.randrange(2000))}
    process = scene.start(kind, run, **({**clock, "LD_PRELOAD": str(scene.preload)} if scene.preload else {}))
    wait_for_work(kind, run, process)
    process.send_signal(signal.SIGSTOP)
    time.sleep(1)
    process.send_signal(signal.SIGCONT)
    if process.wait(PATIENCE):
        raise RuntimeError(f"{run} failed:\n{run.with_suffix('.err').read_text()[-2000:]}")
    return f"paused{f', the clock jumped by {jump // 86_400} days' if scene.preload else ''}"


def fail(scene: Scene, kind: str, run: Path, chance: random.Random, seconds: float) -> str:
    """Lets every operation on the files of a run fail from some one on; it says so, and is finished on a whole disk.

    Raises:
        RuntimeError: the command fails otherwise than with one line that names something in the run folder.
    """
    error, number = chance.choice(ERRORS), chance.randint(1, scene.operations[kind])
    run.mkdir(exist_ok=True)
    faults = {"T5MIX_FAULT_AT": str(number), "T5MIX_FAULT_ERRNO": str(error), "T5MIX_FAULT_LASTS": "1"}
    process = scene.start(kind, run, LD_PRELOAD=str(scene.preload), T5MIX_FAULT_UNDER=str(run), **faults)
    what = f"{os.strerror(error)!r} from operation {number} of {scene.operations[kind]} on"
    return _refused_and_finished(scene, kind, run, process.wait(PATIENCE), what)


def fill(scene: Scene, kind: str, run: Path, chance: random.Random, seconds: float) -> str:
    """Gives a run too small a disk, and then room: a tmpfs, which only root can mount.

    Raises:
        RuntimeError: the command fails otherwise than with one line that names something in the run folder.
    """
    needed, given = _kib_of(run.with_name(f"whole-{kind}")), _kib_of(run)
    size = given + chance.randint(16, max(needed - given, 17))
    scene.mount(run, size)
    status = scene.start(kind, run).wait(PATIENCE)
    scene.mount(run, 4 * needed + 1024)
    return _refused_and_finished(scene, kind, run, status, f"a disk of {size:,} of {needed:,} KiB")


def _kib_of(folder: Path) -> int:
    """Returns the room that a folder takes, in pages of 4 KiB."""
    return sum(4 if path.is_dir() else -(-path.stat().st_size // 4096) * 4 for path in folder.rglob("*"))


def count_operations(scene: Scene, kind: str) -> None:
    """Notes how many operations on its files a command makes; `fail` needs it."""
    run = scene.begin(kind, f"counted-{kind}")
    run.mkdir(exist_ok=True)
    log = run.with_suffix(".log")
    faults = {"T5MIX_FAULT_UNDER": str(run), "T5MIX_FAULT_LOG": str(log)}
    scene.finish(kind, run, LD_PRELOAD=str(scene.preload), **faults)
    scene.operations[kind] = len(log.read_text().splitlines())


def _refused_and_finished(scene: Scene, kind: str, run: Path, status: int, what: str) -> str:
    if status == 0:
        return f"{what}: not noticed"
    said = run.with_suffix(".err").read_text().splitlines()
    lines = [line for line in said if line.startswith("t5mix: error: ")]
    if status != 2 or len(lines) != 1 or str(run) not in lines[0]:
        raise RuntimeError(f"{what}: {kind} in {run} ended with {status}:\n" + "\n".join(said[-20:]))
    scene.finish(kind, run)
    return f"{what}: refused"

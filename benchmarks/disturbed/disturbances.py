"""What may happen to a process: killed once or again and again, asked to stop, paused, its clock set."""

import random
import signal
import subprocess
import time
from pathlib import Path

from disturbed.results import consumed
from disturbed.scene import Scene, notes_of


def wait_for_work(kind: str, run: Path, process: subprocess.Popen) -> None:
    """Waits until a process trains, or has ended: a step was noted since it was started, or a score is there."""

    def so_far() -> int:
        scores = len(list(run.rglob("scores/*/*/*.json")))
        return scores + (notes_of(run).stat().st_size if notes_of(run).exists() else 0)

    before = so_far()
    while process.poll() is None and so_far() == before:
        time.sleep(0.005)


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
    """Asks a command to stop: it leaves with the right code, and of a training with a checkpoint of its last step."""
    number = chance.choice((signal.SIGTERM, signal.SIGINT, signal.SIGHUP))
    process = scene.start(kind, run)
    wait_for_work(kind, run, process)
    time.sleep(chance.uniform(0, 1.0))
    noted = consumed(run)
    process.send_signal(number)
    status = process.wait(120)
    if status == 0:
        return f"{number.name} came too late"
    if status != 128 + number:
        raise RuntimeError(f"{run} ended with {status} after {number.name}")
    if kind == "train" and len(noted) > 2 and max(newest_steps(run).values(), default=0) < len(noted) - 2:
        raise RuntimeError(
            f"{run} noted {len(noted)} steps, and has checkpoints {newest_steps(run)} after {number.name}"
        )
    scene.finish(kind, run)
    return f"{number.name}"


def pause(scene: Scene, kind: str, run: Path, chance: random.Random, seconds: float) -> str:
    """Stops a command for a second, and lets its wall clock jump by days, forwards or back."""
    jump = chance.choice((-3, -1, 1, 30)) * 86_400
    clock = {"T5MIX_CLOCK_JUMP": str(jump), "T5MIX_CLOCK_AT": str(chance.randrange(2000))}
    process = scene.start(kind, run, **({**clock, "LD_PRELOAD": str(scene.preload)} if scene.preload else {}))
    wait_for_work(kind, run, process)
    process.send_signal(signal.SIGSTOP)
    time.sleep(1)
    process.send_signal(signal.SIGCONT)
    if process.wait(600):
        raise RuntimeError(f"{run} failed:\n{run.with_suffix('.err').read_text()[-2000:]}")
    return f"paused{f', the clock jumped by {jump // 86_400} days' if scene.preload else ''}"

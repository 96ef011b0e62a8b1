"""One of two processes is killed at any instant: does the other end, and does the run go on as if nothing had been?

    python benchmarks/kill_one_process.py [--runs 20] [--quick] [--seed 0]

A tiny model is trained by two processes, on a mesh `batch:2`. Each time one of them, by turns the first and the second,
is killed (SIGKILL) at an instant that is drawn evenly from the time of a whole run, start of Python included. The other
must end by itself within 60 seconds, with a line that names the one that is gone, or, where that had not yet joined it,
says that nobody came. Started again, the run's weights, its optimizer's slots and metrics.jsonl must be those of a run
that was not disturbed, bit for bit.

The last line is JSON: {"runs": 20, "ended": 20, "equal": 20}; "slowest_end" is in seconds.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from pathlib import Path

from disturbed.results import checkpoint
from disturbed.scene import SETTINGS, TRAINING, Scene, write_declarations
from several import group

STEPS = 60
WITHIN = 60.0


def main() -> None:
    """Kills, waits, starts again and compares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="one run")
    args = parser.parse_args()
    runs = 1 if args.quick else args.runs
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_declarations(folder)
        (folder / "run.gin").write_text(SETTINGS + TRAINING.replace("STEPS", str(STEPS)))
        seconds, chance = 0.0, random.Random(args.seed)
        for name in ("whole",) if args.quick else ("first", "whole"):  # the first makes caches and programs
            begun = time.monotonic()
            group.finish(command(folder, name), 2, 1, folder, name)
            seconds = time.monotonic() - begun
        truth = results(folder / "whole")
        ended, equal, slowest = 0, 0, 0.0
        for run in range(runs):
            name, victim, after = f"run{run}", run % 2, chance.uniform(0.0, seconds)
            took, said = kill(folder, name, victim, after)
            ended += took <= WITHIN and said != ""
            group.finish(command(folder, name), 2, 1, folder, name)
            same = results(folder / name) == truth
            equal += same
            slowest = max(slowest, took)
            tell(f"{run + 1}/{runs}: process {victim} killed after {after:.1f}s; the other ended in {took:.1f}s")
            tell(f"{run + 1}/{runs}: {said}: {'equal' if same else 'DIFFERS'}")
    print(json.dumps({"runs": runs, "ended": ended, "equal": equal, "slowest_end": round(slowest, 1)}))


def command(folder: Path, name: str) -> list[str]:
    """Returns the command of a run."""
    run = ["--gin_file", str(folder / "run.gin"), "--run_folder", str(folder / name)]
    run += ["--gin_param", "MeshConfig.shape='batch:2'", "--include", str(folder / "tasks.py")]
    return group.t5mix("train", *run)


def kill(folder: Path, name: str, victim: int, after: float) -> tuple[float, str]:
    """Kills one process; returns how long the other lived on, and what it said of that, or that the run was over."""
    processes = group.start(command(folder, name), 2, 1, folder, name)
    time.sleep(after)
    was_over = processes[victim].poll() is not None
    processes[victim].kill()
    killed = time.monotonic()
    status = group.ends(processes)[1 - victim]
    took = 0.0 if was_over else time.monotonic() - killed
    if status == 0:  # all was done: a process that is killed on its way out holds nobody up
        return took, "the run was over"
    lines = (folder / f"{name}.{1 - victim}.err").read_text(errors="replace").splitlines()
    telling = (f"process {victim} of 2 (pid", "did not find each other", "another process ended while all met")
    found = next((line for line in lines if any(words in line for words in telling)), "")
    if not found:
        tell("\n".join(["the other said nothing of it:", *lines[-20:]]))
    return took, found


def results(run: Path) -> tuple:
    """Returns checksums of the last checkpoint's weights and slots, and metrics.jsonl."""
    last = checkpoint(Scene(run.parent, STEPS), run / "checkpoints" / str(STEPS))
    return last, (run / "metrics.jsonl").read_bytes()


def tell(text: str) -> None:
    """Says how far it is, on standard error."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

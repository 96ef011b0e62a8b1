"""Runs that are killed at any instant and started again: do they end as runs that were never killed?

    python benchmarks/kill_resume.py [--runs 100] [--quick] [--seed 0] [--jobs 2] [--storms N] [--signals N] ...

A tiny model is trained on a mixture of two tasks, fine-tuned on each, and all its checkpoints are scored: `t5mix
train`, `t5mix finetune` and `t5mix eval`, in turn. Each run is killed (SIGKILL) at an instant that is drawn evenly from
the time that the command takes, start of Python included, started again, and left to finish. Then all that it computed
must equal an unkilled run's: weights and optimizer slots of every checkpoint, what else the checkpoints hold,
metrics.jsonl, scores, predictions, reports, and the id (task, epoch, index) of each example of each step.

    --storms N    killed again and again, 0.1 to 1.5 s after work has begun, until it is done; steps never go back
    --signals N   SIGTERM, SIGINT or SIGHUP at such an instant: the exit code, a checkpoint of the step, and the end;
                  one time in three the signal comes twice
    --pauses N    SIGSTOP for a second, then SIGCONT; and a wall clock that jumps by days, where there is a C compiler
    --faults N    from some operation on, all that change files of the run fail, with ENOSPC, EIO, EROFS or EMFILE: one
                  line that names the place, and the end on a disk that works (faults.c needs a C compiler)
    --full N      the same on a tmpfs that is too small, and made larger then; only root can mount one
    --jobs N      so many trials at once

The last line is JSON: {"runs": 100, "equal": 100}, and the same for what else was asked for.
"""

import argparse
import functools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from disturbed import disturbances
from disturbed.results import differences, results
from disturbed.scene import KINDS, Scene, child, compiled, notes_of, write_declarations

# What is done to how many runs, and how the last line names those that are equal.
DONE = {
    "runs": (disturbances.kill, "equal"),
    "storms": (disturbances.storm, "storms_equal"),
    "signals": (disturbances.ask, "signals_equal"),
    "pauses": (disturbances.pause, "pauses_equal"),
    "faults": (disturbances.fail, "faults_equal"),
    "full": (disturbances.fill, "full_equal"),
}
# Of those, the ones that need faults.c.
WITH_FAULTS = ("pauses", "faults")

# One at a time: what reads results has one model.
_READING = threading.Lock()


def tell(text: str) -> None:
    """Says how far it is, on standard error."""
    print(text, file=sys.stderr, flush=True)


def is_equal(scene: Scene, what: str, trial: int, seed: int, truth: Mapping[str, Any], kinds: Sequence[str]) -> bool:
    """Tells whether a trial's results are those of a run that nobody disturbed."""
    disturb, _ = DONE[what]
    kind = kinds[trial % len(kinds)]
    run = scene.begin(kind, f"{what}-{trial}")
    expected, seconds = truth[kind]
    try:
        said = disturb(scene, kind, run, random.Random(f"{what} {seed} {trial}"), seconds)
        with _READING:
            differing = differences(expected, results(scene, run), stopped=what == "signals")
    except (RuntimeError, ValueError, OSError, subprocess.SubprocessError) as error:
        said, differing = str(error), ["it failed"]
    found = f"DIFFERS: {'; '.join(differing[:5])}" if differing else "equal"
    tell(f"{what} {trial + 1}: {kind} {said}: {found}")
    scene.unmount(run)
    if not differing:  # what differs stays, to be looked at in --folder
        for path in (notes_of(run), run.with_suffix(".err")):
            path.unlink(missing_ok=True)
        shutil.rmtree(run)
    return not differing


def truths(scene: Scene, kinds: Sequence[str], jobs: int) -> dict[str, Any]:
    """Returns the results of runs that nobody disturbs, and the seconds that one takes with all caches made."""
    found = {}
    scene.finish("train", scene.folder / "base")
    for kind in kinds:
        first = scene.begin(kind, f"first-{kind}")
        scene.finish(kind, first)  # makes caches and programs
        runs = [scene.begin(kind, f"whole-{kind}{number or ''}") for number in range(jobs)]
        begin = time.monotonic()
        with ThreadPoolExecutor(jobs) as pool:
            list(pool.map(functools.partial(scene.finish, kind), runs))
        found[kind] = results(scene, runs[0]), time.monotonic() - begin
        tell(f"{kind}, undisturbed: {found[kind][1]:.1f} s, {len(found[kind][0])} results")
        for other in (first, *runs[1:]):
            again = differences(found[kind][0], results(scene, other))
            if again:
                raise RuntimeError(f"two undisturbed runs of {kind} differ: {again[:5]}")
    return found


def main() -> None:
    """Runs what was asked for."""
    if sys.argv[1:2] == ["--child"]:
        sys.exit(child(sys.argv[2], sys.argv[3:]))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--quick", action="store_true", help="6 runs of few steps")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", default=",".join(KINDS), help="which commands [train,finetune,eval]")
    for name in [name for name in DONE if name != "runs"]:
        parser.add_argument(f"--{name}", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="trials at once [1]")
    parser.add_argument("--folder", type=Path, help="an empty folder to work in, which is left behind")
    args = parser.parse_args()
    asked = {name: getattr(args, name) for name in DONE}
    if args.quick:
        asked["runs"] = min(args.runs, 6)
    kinds = args.kinds.split(",")
    signal.signal(signal.SIGINT, signal.default_int_handler)  # children would ignore what a shell's & and nohup
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # have this process ignore
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        folder = (args.folder or Path(place)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        os.environ["T5MIX_CACHE"] = str(folder / "cache")
        wants_faults = any(asked[name] for name in WITH_FAULTS)
        scene = Scene(folder, 60 if args.quick else 240, compiled(folder) if wants_faults else None)
        write_declarations(folder)
        if args.faults and scene.preload is None:
            parser.error("--faults needs a C compiler, for faults.c")
        if args.full and not scene.can_mount():
            parser.error("--full mounts a tmpfs, which only root can")
        truth = truths(scene, kinds, args.jobs)
        if args.faults:
            for kind in kinds:
                disturbances.count_operations(scene, kind)
        figures = {}
        for what in [name for name in DONE if asked[name]]:
            trial = functools.partial(is_equal, scene, what, seed=args.seed, truth=truth, kinds=kinds)
            with ThreadPoolExecutor(args.jobs) as pool:
                figures[what], figures[DONE[what][1]] = asked[what], sum(pool.map(trial, range(asked[what])))
    tell(f"in {time.monotonic() - begin:.0f} s")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()

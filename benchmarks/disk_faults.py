"""Checkpoints, logs, scores and caches on a disk that fails: is anything lost, or read as something else?

    python benchmarks/disk_faults.py [--quick]

faults.c, compiled with the machine's C compiler, stands between a process and libc, and counts what changes files.

  1. A save is stopped after its k-th operation, for every k, as a kill does it: the checkpoint before is found whole,
     or the new one, and the next save succeeds.
  2. The power is cut there: what was not forced to the disk is lost, the bytes of files, or the names in folders. The
     same must hold; and once `save` has returned, the new checkpoint stays.
  3. The k-th operation fails, for every k, once or from there on: EIO, ENOSPC, EROFS, EMFILE. `save` fails with an
     error that names the folder, and the checkpoint before is whole; or it succeeds, and the new one is. Nothing
     private is left where cleaning up can succeed.
  4. The same for a line of a log, a record of a start, a score with its predictions, and a token cache: an error names
     the place, and the next try gives what it should.

What is written by TensorFlow's event files goes through libc's own buffers, which faults.c does not see.  The last line
is JSON: how many trials of each kind, and how many of them failed.
"""

import argparse
import ctypes
import errno
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from disturbed.power_cut import read_log, states
from disturbed.scene import ROOT, compiled, write_declarations

ERRORS = (errno.EIO, errno.ENOSPC, errno.EROFS, errno.EMFILE)
LAST, NEXT = 20, 30  # the step of the checkpoint before, and of the one whose save is disturbed


class Faults:
    """faults.c in this process."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None)

    def arm(self, number: int, error: int, lasts: bool) -> None:
        """Lets an operation fail, counted from now; -1 is none."""
        self._library.t5mix_fault_arm(ctypes.c_long(number), ctypes.c_int(error), ctypes.c_int(lasts))

    def record(self, log: Path | None = None, copies: Path | None = None) -> None:
        """Begins to write operations down, and to copy what they leave; or ends that."""
        texts = [None if path is None else str(path).encode() for path in (log, copies)]
        self._library.t5mix_fault_record(*map(ctypes.c_char_p, texts))

    def count(self) -> int:
        """Returns how many operations there were."""
        return int(self._library.t5mix_fault_count())


class Saving:
    """A folder of two checkpoints, and the save of a third.

    Args:
        folder: that the folder of checkpoints is in.
    """

    def __init__(self, folder: Path) -> None:
        import numpy as np

        from t5mix.mesh.engine import jax
        from t5mix.training.checkpoints import Checkpoints

        self.folder, self._before = folder / "checkpoints", folder.parent / "before"
        self._made = Checkpoints
        self._state = {
            name: jax.numpy.asarray(np.arange(size, dtype=np.float32)) for name, size in (("a", 3000), ("b_slot_v", 7))
        }
        for step in (10, LAST):
            self.save(step)
        shutil.copytree(self.folder, self._before)

    @classmethod
    def of(cls, folder: Path, other: "Saving") -> "Saving":
        """Returns the same for another folder of checkpoints."""
        made = cls.__new__(cls)
        made.__dict__.update(other.__dict__)
        made.folder = folder
        return made

    def save(self, step: int = NEXT) -> None:
        """Saves a checkpoint."""
        extra = {"stream": {"step": step}, "tokens": step}
        self._made(self.folder, keep=2).save(step, self._state, extra)  # type: ignore[arg-type]

    def reset(self) -> None:
        """Puts the two checkpoints back."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self._before, self.folder)


def found_in(folder: Path) -> int | str:
    """Returns the step of the newest whole checkpoint, or what is wrong."""
    from t5mix.training import checkpoint_files

    try:
        step = checkpoint_files.newest_whole(folder)
        if step is None:
            return "there is no checkpoint"
        content = checkpoint_files.verify(folder / str(step))
        return step if content["extra"] == {"stream": {"step": step}, "tokens": step} else "it is another"
    except (ValueError, OSError) as error:
        return f"{type(error).__name__}: {error}"


def stopped_saves(faults: Faults, saving: Saving, work: Path) -> Iterator[tuple[str, str]]:
    """Yields of each trial of parts 1 and 2 its kind, and what is wrong, "" where nothing is."""
    log, copies, place = work / "log", work / "copies", saving.folder.parent
    copies.mkdir()
    shutil.copytree(place, work / "begin")
    faults.record(log, copies)
    saving.save()
    faults.record()
    operations = read_log(log)
    for number, (name, state) in enumerate(states(place, work / "begin", copies, operations, work)):
        found = found_in(state / saving.folder.name)
        is_done = number >= 2 * len(operations) - 2
        yield "cuts", "" if found == NEXT or (found == LAST and not is_done) else f"{name}: {found}"
    for operation in operations:
        stopped = Saving.of(copies / str(operation.number) / saving.folder.name, saving)
        found = found_in(stopped.folder)
        again = _error_of(lambda stopped=stopped: stopped.save(40))
        fits = found in (LAST, NEXT) and again is None and found_in(stopped.folder) == 40
        yield "kills", "" if fits else f"killed after {operation}: {found}; the next save: {again}"


def failing_saves(faults: Faults, saving: Saving, every: int) -> Iterator[str]:
    """Yields of each trial of part 3 what is wrong, "" where nothing is."""
    saving.reset()
    faults.arm(-1, 0, False)
    saving.save()
    operations = faults.count()
    for error in ERRORS:
        for lasts in (False, True):
            for number in range(1 + ERRORS.index(error) % every, operations + 1, every):
                saving.reset()
                faults.arm(number, error, lasts)
                said = _error_of(saving.save)
                faults.arm(-1, 0, False)
                yield _wrong_save(saving, said, lasts, f"{os.strerror(error)} at {number}{' and on' if lasts else ''}")


def _wrong_save(saving: Saving, said: str | None, lasts: bool, what: str) -> str:
    found = found_in(saving.folder)
    if said is None and found != NEXT:
        return f"{what}: saved without an error, and {found} is found"
    if said is not None and found not in (LAST, NEXT):
        return f"{what}: {found}"
    if said is not None and str(saving.folder) not in said:
        return f"{what}: the error does not name the folder: {said}"
    left = [entry.name for entry in saving.folder.iterdir() if entry.name.startswith(".")]
    if left and not lasts and said is not None:
        return f"{what}: {left} is left"
    again = _error_of(saving.save)
    return "" if again is None and found_in(saving.folder) == NEXT else f"{what}: the next save fails: {again}"


def _error_of(do: Callable[[], Any]) -> str | None:
    """Returns what an action failed with, of the kinds that end a command with one line."""
    try:
        do()
        return None
    except (OSError, ValueError) as error:
        return str(error)


def failing_writers(faults: Faults, place: Path, tasks: Path) -> Iterator[str]:
    """Yields of each trial of part 4 what is wrong, "" where nothing is."""
    for name, (do, read) in _writers(place, tasks).items():
        shutil.rmtree(place / name, ignore_errors=True)
        (place / name).mkdir()
        do(place / name)
        truth = read(place / name)
        faults.arm(-1, 0, False)
        shutil.rmtree(place / name)
        (place / name).mkdir()
        faults.arm(-1, 0, False)
        do(place / name)
        operations = faults.count()
        for error in ERRORS:
            for number in range(1, operations + 1):
                shutil.rmtree(place / name)
                (place / name).mkdir()
                faults.arm(number, error, True)
                said = _error_of(lambda do=do, name=name: do(place / name))
                faults.arm(-1, 0, False)
                what = f"{name}: {os.strerror(error)} from operation {number} on"
                if said is None and read(place / name) != truth:
                    yield f"{what}: no error, and it reads otherwise"
                elif said is not None and str(place / name) not in said:
                    yield f"{what}: the error names no place: {said}"
                else:
                    again = _error_of(lambda do=do, name=name: do(place / name))
                    same = again is None and read(place / name) == truth
                    yield "" if same else f"{what}: the next try gives another result ({again})"


def _writers(place: Path, tasks: Path) -> dict[str, tuple[Callable[[Path], Any], Callable[[Path], Any]]]:
    """Returns for each kind of file how it is written, again after an error too, and how it is read."""
    from t5mix.data.cache import store
    from t5mix.data.cache.identity.key import cache_job
    from t5mix.declarations import discovery
    from t5mix.declarations.registry import TaskRegistry
    from t5mix.evaluation.evaluate_task import Prediction, Score
    from t5mix.evaluation.scoring.baselines import Baseline
    from t5mix.internal.files import write_json
    from t5mix.internal.logs.metric_logs import JsonlLogger
    from t5mix.runs.scores.score_files import read_predictions, read_score, write_score

    discovery.include(str(tasks))
    job = cache_job(TaskRegistry.get("kill_letters"), "train")
    predictions = (Prediction("a", "b", "c"), Prediction("d", "é", "f"))
    score = Score("t", "test", 3, None, 2, {"m": 1.5}, Baseline("majority", 1.0), 0.5, 0, predictions=predictions)

    def log(folder: Path) -> None:
        with JsonlLogger(folder / "metrics.jsonl", 0) as logger:
            for step in (1, 2, 3):
                logger.log(step, {"loss": step / 7})
                logger.sync()

    def read_cache(folder: Path) -> list[Any]:
        tokens = store.find_or_make(job, folder)
        rows = range(tokens.examples)
        return [[part.tolist() for part in tokens.column(name).gather(list(rows))] for name in ("inputs", "targets")]

    return {
        "log": (log, lambda folder: (folder / "metrics.jsonl").read_text()),
        "record": (
            lambda folder: write_json(folder / "lineage.json", {"a": 1}),
            lambda f: (f / "lineage.json").read_text(),
        ),
        "score": (
            lambda folder: write_score(folder / "3.json", score),
            lambda folder: (str(read_score(folder / "3.json")), read_predictions(folder / "3.json")),
        ),
        "cache": (lambda folder: store.find_or_make(job, folder), read_cache),
    }


def child(work: Path, quick: bool, chosen: Sequence[int]) -> None:
    """Does all trials, in a process that has faults.c, and prints figures."""
    place = work / "place"
    faults, saving = Faults(), Saving(place)
    figures: dict[str, int] = {}
    parts = (
        stopped_saves(faults, saving, work),
        (("errors_in_saves", wrong) for wrong in failing_saves(faults, saving, 7 if quick else 1)),
        (("errors_in_writers", wrong) for wrong in failing_writers(faults, place, work / "tasks.py")),
    )
    trials = itertools.chain(*(parts[number] for number in chosen))
    for number, (name, wrong) in enumerate(trials, 1):
        if number % 50 == 0:
            print(f"{number} trials: {figures}", file=sys.stderr, flush=True)
        figures[name] = figures.get(name, 0) + 1
        figures[f"{name}_failed"] = figures.get(f"{name}_failed", 0) + bool(wrong)
        if wrong:
            print(wrong, flush=True)
    print(json.dumps(figures))


def main() -> None:
    """Starts the process with faults.c."""
    if sys.argv[1:2] == ["--child"]:
        child(Path(sys.argv[2]), "--quick" in sys.argv, [int(part) for part in sys.argv[3].split(",")])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="each seventh operation of part 3")
    parser.add_argument("--parts", default="0,1,2", help="0 is 1 and 2 of the above, 1 is 3, and 2 is 4 [0,1,2]")
    args = parser.parse_args()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder).resolve()
        library = compiled(work)
        if library is None:
            parser.error("there is no C compiler, which faults.c needs")
        (work / "place").mkdir()
        write_declarations(work)
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "LD_PRELOAD": str(library),
            "T5MIX_FAULT_UNDER": str(work / "place"),
        }
        command = [sys.executable, __file__, "--child", str(work), args.parts, *(["--quick"] if args.quick else [])]
        subprocess.run(command, env=environment, check=True)
    print(f"in {time.monotonic() - begin:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()

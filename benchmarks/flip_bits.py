"""Flipped bits and cut files in checkpoints and in token caches: is one ever read as something else, without a word?

    python benchmarks/flip_bits.py [--quick] [--seed 0]

Checkpoints: a small T5 with Adafactor's slots, saved at two steps.  A bit of a random byte of a random file of the
newer one is flipped; then, in turn, the newest checkpoint is restored, and the damaged one by its step.  Caches: two
tasks, one of short files and one of files of several blocks; a bit is flipped in any file, then the cache is opened and
every token is read.  Then every file of both is cut, at each 64th of its length.  A flip or a cut is silent when what
comes back differs from the truth and nothing refused it: a refusal, the older checkpoint with a warning, a cache that
is made anew, or an equal result are right.  The last line is JSON.
"""

import argparse
import contextlib
import functools
import io
import json
import random
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

LENGTHS = {"inputs": 32, "targets": 16}
BATCH = 4
FLIPS, QUICK_FLIPS = 1000, 100
CUTS, QUICK_CUTS = 64, 4

# A file, and what it holds after a disk or somebody has damaged it.
Damage = tuple[Path, bytes]


def damages(folder: Path, flips: int, cuts: int, chance: random.Random) -> Iterator[Damage]:
    """Yields flips of a bit of a random byte of a random file; then each file, cut at so many places."""

    def files() -> list[Path]:
        return [path for path in sorted(folder.rglob("*")) if path.is_file() and path.stat().st_size]

    for _ in range(flips):
        path = chance.choice(files())
        content = bytearray(path.read_bytes())
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        yield path, bytes(content)
    for path in files():
        whole = path.read_bytes()
        lengths = {len(whole) * part // cuts for part in range(cuts)}
        for length in sorted(lengths):
            yield path, whole[:length]


@contextlib.contextmanager
def damaged(path: Path, content: bytes) -> Iterator[None]:
    """Puts other bytes into a file, and those from before back."""
    before = path.read_bytes()
    path.write_bytes(content)
    try:
        yield
    finally:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(before)


def checkpoints(flips: int, cuts: int, seed: int) -> tuple[int, int]:
    """Returns how many damages of checkpoints there were besides flips, and how many of all were silent."""
    from t5mix.mesh.engine import Engine
    from t5mix.mesh.layouts import MeshConfig
    from t5mix.mesh.t5.config import T5Config
    from t5mix.training.checkpoint_files import DamagedCheckpointError
    from t5mix.training.checkpoints import Checkpoints

    sizes = {"vocab_size": 259, "d_model": 16, "d_ff": 32, "num_heads": 2, "d_kv": 8}
    config = T5Config(**sizes, num_encoder_layers=1, num_decoder_layers=1)
    engine = Engine(config, MeshConfig(), batch_size=BATCH, lengths=LENGTHS, num_tasks=1)
    chance, silent, kinds = random.Random(seed), 0, {"refused": 0, "older": 0, "equal": 0}
    with tempfile.TemporaryDirectory() as place:
        there = Checkpoints(place)
        truth = {}
        for step in (10, 20):
            state = engine.initialize(step)
            extra = {"stream": {"step": step, "shares": [0.25, 0.75]}, "tokens": step * 1000}
            there.save(step, state, extra)
            truth[step] = {name: np.asarray(value) for name, value in state.items()}, extra
        number = -1
        for number, (path, content) in enumerate(damages(Path(place, "20"), flips, cuts, chance)):
            said = io.StringIO()
            with damaged(path, content), contextlib.redirect_stderr(said):
                try:
                    step, state, extra = there.restore(20 if number % 2 else None, engine)
                except DamagedCheckpointError:
                    kinds["refused"] += 1
                    continue
            arrays, expected = truth[step]
            same = extra == expected and all(np.array_equal(array, state[name]) for name, array in arrays.items())
            told = step == 20 or len(said.getvalue().splitlines()) == 1
            kinds["equal" if step == 20 else "older"] += 1
            if not (same and told):
                silent += 1
                print(f"silent: {path.relative_to(place)}, number {number}, {len(content)} bytes")
    print(f"checkpoints, {flips:,} flips and {number + 1 - flips:,} cuts: {kinds}")
    return number + 1 - flips, silent


def caches(flips: int, cuts: int, seed: int) -> tuple[int, int]:
    """Returns how many damages of token caches there were besides flips, and how many of all were silent."""
    from t5mix.data.cache import store
    from t5mix.data.cache.identity.key import cache_job
    from t5mix.data.cache.shard_record import DamagedError

    chance, silent = random.Random(seed), 0
    kinds = {"refused": 0, "made anew": 0, "equal": 0}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "caches")
        jobs = [cache_job(task, "train") for task in tasks(Path(place))]
        truth = [read(store.find_or_make(job, folder)) for job in jobs]
        each = [damages(store.path_of(job, folder), flips // len(jobs), cuts, chance) for job in jobs]
        number = -1
        for number, (which, (path, content)) in enumerate((i, one) for i, some in enumerate(each) for one in some):
            with damaged(path, content), warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always")
                try:
                    found = read(store.find_or_make(jobs[which], folder))
                except DamagedError:
                    kinds["refused"] += 1
                    continue
                kinds["made anew" if told else "equal"] += 1
                if not all(
                    np.array_equal(array, expected) for array, expected in zip(found, truth[which], strict=True)
                ):
                    silent += 1
                    print(f"silent: {path.relative_to(folder)}, number {number}, {len(content)} bytes")
    print(f"token caches, {flips:,} flips and {number + 1 - flips:,} cuts: {kinds}")
    return number + 1 - flips, silent


def tasks(folder: Path) -> list[Any]:
    """Returns a task of two files of a few lines, and one of two files of several blocks of 64 KiB."""
    import t5mix

    chance, made = random.Random(0), []
    feature = t5mix.Feature(t5mix.ByteVocabulary())
    parse = functools.partial(t5mix.preprocessors.parse_tsv, field_names=["inputs", "targets"])
    for name, lines, longest in (("short", 30, 20), ("long", 600, 200)):
        for number in range(2):
            words = ("".join(chance.choices("abcdef ", k=chance.randint(1, longest))) for _ in range(2 * lines))
            text = "".join(f"{first}\t{next(words)}\n" for first in words)
            (folder / f"{name}{number}.tsv").write_text(text)
        source = t5mix.TextLineDataSource({"train": f"{folder}/{name}*.tsv"})
        steps = [parse, t5mix.preprocessors.tokenize, t5mix.CacheDatasetPlaceholder(), t5mix.preprocessors.append_eos]
        features = {"inputs": feature, "targets": feature}
        made.append(t5mix.Task(name, source=source, preprocessors=steps, output_features=features))
    return made


def read(tokens: Any) -> list[np.ndarray]:
    """Returns all tokens of a cache, and the lengths of its examples."""
    rows = np.arange(tokens.examples)
    return [array for name in ("inputs", "targets") for array in tokens.column(name).gather(rows)]


def main() -> None:
    """Runs both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_FLIPS} flips, and {QUICK_CUTS} cuts a file")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    flips = QUICK_FLIPS if args.quick else FLIPS
    begin = time.monotonic()
    cuts = QUICK_CUTS if args.quick else CUTS
    figures = {}
    for name, damage in (("checkpoint", checkpoints), ("cache", caches)):
        figures[f"{name}_flips"] = flips
        figures[f"{name}_cuts"], figures[f"{name}_silent"] = damage(flips, cuts, args.seed)
    print(f"in {time.monotonic() - begin:.0f} s", file=sys.stderr)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()

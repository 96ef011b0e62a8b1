"""Rates that change: the law that counts keep to, a seek far ahead, and the speed beside rates that stay.

    python benchmarks/schedules.py [--quick]

1000 tasks of 50 lines of text, rows of 512 and 128, batch 8, packed; all rates are others from steps 1000, 2000, ..
5000 on. "largest_deviation" is the greatest distance of a task's count from its intended sum, over all tasks and every
97th of the first 200,000 draws, through all changes (bar 1). "seek_1e6_s" is the time to the batch of step 10**6 in a
stream that has just been opened (bar 0.2); each is compared with that of another stream. "ratio" is tokens per second
through the changes over those of the same mixture with the rates of step 0, of streams read in turns, medians (bar
0.9). The last line is JSON.
"""

import argparse
import functools
import json
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import stream_state

LENGTHS, BATCH = stream_state.LENGTHS, stream_state.BATCH
STAGE, STAGES = 1000, 6
# Steps that a stream is read for before it is the other's turn.
TURN = 250


def declared(paths: dict[str, str]) -> list[Any]:
    """Returns a task for each file."""
    import t5mix

    feature = t5mix.Feature(t5mix.ByteVocabulary(), add_eos=False)
    parse = functools.partial(t5mix.preprocessors.parse_tsv, field_names=["inputs", "targets"])
    return [
        t5mix.Task(
            name,
            source=t5mix.TextLineDataSource({"train": path}),
            preprocessors=[parse, t5mix.preprocessors.tokenize, t5mix.CacheDatasetPlaceholder()],
            output_features={"inputs": feature, "targets": feature},
        )
        for name, path in paths.items()
    ]


def rates(tasks: list[Any]) -> dict[int, dict[str, float]]:
    """Returns rates over two decades, other ones for each stage."""
    chance = random.Random(0)
    return {stage * STAGE: {task.name: 10 ** chance.uniform(0, 2) for task in tasks} for stage in range(STAGES)}


def largest_deviation(stream: Any, draws: int) -> float:
    """Returns how far a count is from what is intended, at most, over prefixes of so many draws."""
    intended, drawn = stream._timetable.intended, stream._mixer.draws(0, draws).task
    counts = np.zeros(len(stream.task_names), dtype=np.int64)
    worst = 0.0
    for draw, task in enumerate(drawn.tolist()):
        if draw % 97 == 0:
            whole, part = intended.sums(draw)
            worst = max(worst, float(np.abs(counts - whole - part / 2**48).max()))
        counts[task] += 1
    return worst


def tokens(stream: Any, start: int, stop: int) -> tuple[int, float]:
    """Returns the tokens of the batches of some steps, and the seconds that they take."""
    begin, found = time.perf_counter(), 0
    for step in range(start, stop):
        batch = stream.batch(step)
        found += sum(int(np.count_nonzero(batch[f"{name}_segment_ids"])) for name in LENGTHS)
    return found, time.perf_counter() - begin


def main() -> None:
    """Measures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="100 tasks")
    parser.add_argument("--folder", type=Path, help="keeps files and caches here for the next time")
    args = parser.parse_args()
    from t5mix.data import Stream
    from t5mix.declarations.mixture import Mixture

    with tempfile.TemporaryDirectory() as place:
        folder = args.folder or Path(place)
        folder.mkdir(parents=True, exist_ok=True)
        tasks = declared(stream_state.write(folder, 100 if args.quick else 1000))
        by_step = rates(tasks)
        mixtures = {"constant": Mixture("m", tasks, rates=by_step[0]), "changing": Mixture("m", tasks, rates=by_step)}

        def opened(name: str) -> Any:
            return Stream(mixtures[name], LENGTHS, BATCH, cache_dir=folder / "cache")

        opened("constant")  # makes the caches
        begin = time.perf_counter()
        streams = {name: opened(name) for name in mixtures}
        print(f"{len(tasks)} tasks opened twice in {time.perf_counter() - begin:.1f} s", flush=True)
        seeks = []
        for stream in (streams["changing"], opened("changing"), opened("changing")):
            begin = time.perf_counter()
            batch = stream.batch(10**6)
            seeks.append(time.perf_counter() - begin)
            assert all(np.array_equal(batch[key], array) for key, array in opened("changing").batch(10**6).items())
        print(f"seeks: {', '.join(f'{seconds:.3f}' for seconds in seeks)} s", flush=True)
        speeds: dict[str, list[float]] = {name: [] for name in streams}
        for start in range(0, STAGE * STAGES, TURN):
            for name, stream in streams.items():
                found, seconds = tokens(stream, start, start + TURN)
                speeds[name].append(found / seconds)
        middle = {name: statistics.median(speed) for name, speed in speeds.items()}
        print({name: f"{speed:,.0f} tokens/s" for name, speed in middle.items()}, flush=True)
        result = {
            "largest_deviation": round(largest_deviation(streams["changing"], 20_000 if args.quick else 200_000), 4),
            "seek_1e6_s": round(statistics.median(seeks), 4),
            "ratio": round(middle["changing"] / middle["constant"], 3),
        }
    print(json.dumps(result))


if __name__ == "__main__":
    main()

"""Seconds from the command to the first finished training step, with an empty cache of programs and with a full one.

    python benchmarks/start.py               # --quick is a first look: tiny alone

The demo's tiny model and T5 1.1's small and base, 8 rows of 128 + 32 tokens, on two cores.  Each start is a process of
its own and counts from Python's start: imports, first weights, tracing, compiling and one step.  Cold is with an
empty `T5MIX_CACHE`, warm is the same command again.
"""

import argparse
import os

import models
import side_by_side
from side_by_side import Bench, Figures


def start_side(options: argparse.Namespace) -> Figures:
    """Returns the seconds until the first step is finished, and until the engine was imported."""
    os.environ["T5MIX_CPU_DEVICES"] = "1"
    engine = models.engine(options.size)
    imported = side_by_side.since_start()
    state = engine.initialize(seed=0)
    for value in state.values():
        value.block_until_ready()
    initialized = side_by_side.since_start()
    _, metrics = engine.train_step(
        state, models.batch(options.size), learning_rate=1e-3, decay_rate=0.0, step=0, seed=0
    )
    float(metrics.loss)
    return {"first_step_s": side_by_side.since_start(), "imported_s": imported, "initialized_s": initialized}


SIDES = {"start": start_side}


def compare(bench: Bench) -> Figures:
    """Returns the figures of the last line: medians."""
    found: Figures = {}
    for size in ("tiny",) if bench.options.quick else ("tiny", "small", "base"):
        cold, warm = [], []
        for round_ in range(bench.options.times):
            os.environ["T5MIX_CACHE"] = str(bench.folder / f"{size}-{round_}")
            for kind, seconds in (("cold", cold), ("warm", warm)):
                figures = bench.run("start", size=size)
                seconds.append(figures["first_step_s"])
                print(
                    f"{round_ + 1}  {size:6} {kind}  " + "  ".join(f"{k} {v:.2f}" for k, v in figures.items()),
                    flush=True,
                )
        found[f"{size}_cold"], found[f"{size}_warm"] = (sorted(x)[len(x) // 2] for x in (cold, warm))
    return found


if __name__ == "__main__":
    side_by_side.main(__doc__, SIDES, compare)

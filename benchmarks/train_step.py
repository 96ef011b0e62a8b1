"""A training step against transformers, eager and compiled, and against the rate of a large matrix product.

    python benchmarks/train_step.py          # --quick is a first look: the tiny model alone, once

T5 1.1-small and the demo's tiny model, 8 rows of 128 + 32 tokens, float32, dropout 0.1, Adafactor; two threads.  Each
side is a process of its own and they alternate; of each the fastest step counts, and of transformers the better of
eager and torch.compile.  `share_of_peak` is the floor of T5 1.1-small's step, its matrix products' FLOPs over the rate
of a 2048 x 2048 product in the same process, as a share of the step's time; `ratio_*` is transformers' seconds over
ours.
"""

import argparse
import time
from typing import Any

import models
import side_by_side
from side_by_side import Bench, Figures


def t5mix_side(options: argparse.Namespace) -> Figures:
    """Returns seconds of a step, and its floor."""
    import os

    os.environ["T5MIX_CPU_DEVICES"] = "1"
    size = options.size
    engine, batch = models.engine(size), models.batch(size)
    state = engine.initialize(seed=0)
    rate = models.matrix_product_rate()
    seconds = []
    begin, step = time.perf_counter(), 0
    while step < 4 or time.perf_counter() - begin < options.seconds:
        start = time.perf_counter()
        state, metrics = engine.train_step(state, batch, learning_rate=1e-3, decay_rate=0.5, step=step, seed=0)
        float(metrics.loss)
        next(iter(state.values())).block_until_ready()
        seconds.append(time.perf_counter() - start)
        step += 1
    rate = max(rate, models.matrix_product_rate())
    fastest = min(seconds[1:])
    return {"step_s": fastest, "floor_s": models.flops(size) / rate, "gflops": rate / 1e9}


def transformers_side(options: argparse.Namespace) -> Figures:
    """Returns seconds of a step of transformers' T5 with its Adafactor."""
    import torch
    import transformers

    torch.set_num_threads(side_by_side.THREADS)
    model = models.hugging_face(options.size).train()
    compiled = torch.compile(model) if options.compiled else model
    settings: dict[str, Any] = {"scale_parameter": True, "relative_step": False, "warmup_init": False, "lr": 1e-3}
    optimizer = transformers.Adafactor(model.parameters(), **settings)
    batch = {name: torch.tensor(array).long() for name, array in models.batch(options.size).items()}
    seconds = []
    begin, step = time.perf_counter(), 0
    while step < 4 or time.perf_counter() - begin < options.seconds:
        start = time.perf_counter()
        loss = compiled(
            input_ids=batch["inputs"], attention_mask=batch["inputs_segment_ids"], labels=batch["targets"]
        ).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        float(loss)
        seconds.append(time.perf_counter() - start)
        step += 1
    return {"step_s": min(seconds[1:])}


SIDES = {"t5mix": t5mix_side, "transformers": transformers_side}


def compare(bench: Bench) -> Figures:
    """Returns the figures of the last line."""
    found: Figures = {}
    for size in ("tiny",) if bench.options.quick else ("tiny", "small"):
        sides = {
            f"t5mix {size}": {"side": "t5mix", "size": size},
            f"transformers {size} eager": {"side": "transformers", "size": size, "compiled": 0},
            f"transformers {size} compiled": {"side": "transformers", "size": size, "compiled": 1},
        }
        ours, eager, compiled = bench.alternate(sides).values()
        theirs = min(eager["step_s"], compiled["step_s"])
        name = {"tiny": "ratio_tiny", "small": "ratio_f32"}[size]
        found[name] = theirs / ours["step_s"]
        if size == "small":
            found["share_of_peak"] = ours["floor_s"] / ours["step_s"]
            found["tokens_per_s"] = models.ROWS * sum(models.LENGTHS.values()) / ours["step_s"]
    return found


if __name__ == "__main__":
    side_by_side.main(__doc__, SIDES, compare)

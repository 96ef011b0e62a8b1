"""A training step against transformers, eager and compiled, and against the rate of a large matrix product.

    python benchmarks/train_step.py          # --quick is a first look: the tiny model alone, once

T5 1.1-small and the demo's tiny model, 8 rows of 128 + 32 tokens, float32, dropout 0.1, Adafactor; two threads.  Each
side is a process of its own and they alternate; of each the fastest step counts, and of transformers the better of
eager and torch.compile.  `share_of_peak` is the floor of T5 1.1-small's step, its matrix products' FLOPs over the rate
of a 2048 x 2048 product in the same process, as a share of the step's time, where its blocks are written out
(`T5Config.block_loop = "off"`, for long runs); `share_of_peak_loop` that where they are a loop, which starts sooner
and is the default. `ratio_*` is transformers' seconds over ours, by default settings.
"""

import argparse
import os
import time
from collections.abc import Callable
from typing import Any

import models
import side_by_side
from side_by_side import Bench, Figures


def fastest(step: Callable[[], Any], seconds: float) -> float:
    """Returns the seconds of the fastest step of at least four; the first, which compiles, does not count."""
    taken, begin = [], time.perf_counter()
    while len(taken) < 4 or time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        step()
        taken.append(time.perf_counter() - start)
        if len(taken) == 1:
            begin = time.perf_counter()
    return min(taken[1:])


def t5mix_side(options: argparse.Namespace) -> Figures:
    """Returns for each size seconds of a step, and its floor."""
    os.environ["T5MIX_CPU_DEVICES"] = "1"
    found, rate = {}, 0.0  # not measured before an engine has set up XLA and the allocator, as a run does
    sizes = options.size.split(",")
    for size, loop in [*((size, "auto") for size in sizes), *((size, "off") for size in sizes if size != "tiny")]:
        engine, batch = models.engine(size, block_loop=loop), models.batch(size)
        state = engine.initialize(seed=0)

        def step(engine: Any = engine, batch: Any = batch) -> None:
            nonlocal state
            state, metrics = engine.train_step(state, batch, learning_rate=1e-3, decay_rate=0.5, step=0, seed=0)
            float(metrics.loss)
            next(iter(state.values())).block_until_ready()

        found[f"{size}_s" if loop == "auto" else f"{size}_written_out_s"] = fastest(step, options.seconds)
        rate = max(rate, models.matrix_product_rate())
    floors = {f"{size}_floor_s": models.flops(size) / rate for size in sizes}
    return {**found, **floors, "gflops": rate / 1e9}


def transformers_side(options: argparse.Namespace) -> Figures:
    """Returns for each size seconds of a step of transformers' T5 with its Adafactor, eager and compiled."""
    import torch
    import transformers

    torch.set_num_threads(side_by_side.THREADS)
    settings: dict[str, Any] = {"scale_parameter": True, "relative_step": False, "warmup_init": False, "lr": 1e-3}
    found = {}
    for size in options.size.split(","):
        model = models.hugging_face(size).train()
        optimizer = transformers.Adafactor(model.parameters(), **settings)
        batch = {name: torch.tensor(array).long() for name, array in models.batch(size).items()}
        given = {
            "input_ids": batch["inputs"],
            "attention_mask": batch["inputs_segment_ids"],
            "labels": batch["targets"],
        }
        for kind, called in (("eager", model), ("compiled", torch.compile(model))):

            def step(called: Any = called, optimizer: Any = optimizer, given: Any = given) -> None:
                loss = called(**given).loss
                loss.backward()
                optimizer.step()
                optimizer.zero_grad()
                float(loss)

            found[f"{size}_{kind}_s"] = fastest(step, options.seconds)
    return found


SIDES = {"t5mix": t5mix_side, "transformers": transformers_side}


def compare(bench: Bench) -> Figures:
    """Returns the figures of the last line."""
    sizes = ["tiny"] if bench.options.quick else ["tiny", "small"]
    given = {"size": ",".join(sizes)}
    ours, theirs = bench.alternate({"t5mix": given, "transformers": given}).values()
    best = {size: min(theirs[f"{size}_eager_s"], theirs[f"{size}_compiled_s"]) for size in sizes}
    found = {"ratio_tiny": best["tiny"] / ours["tiny_s"]}
    if "small" in sizes:
        found["ratio_f32"] = best["small"] / ours["small_s"]
        found["share_of_peak"] = ours["small_floor_s"] / ours["small_written_out_s"]
        found["share_of_peak_loop"] = ours["small_floor_s"] / ours["small_s"]
        found["tokens_per_s"] = models.ROWS * sum(models.LENGTHS.values()) / ours["small_s"]
    return found


if __name__ == "__main__":
    side_by_side.main(__doc__, SIDES, compare, seconds=6)

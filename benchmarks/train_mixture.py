"""Training on a GLUE mixture, packed, against a loop with transformers that interleaves tasks and pads to the longest.

    python benchmarks/train_mixture.py          # --quick is a first look: each side once, for a few steps

T5 1.0-small, float32, dropout 0.1, Adafactor; two threads. The mixture is the GLUE tasks that lie in --data, by their
numbers of examples, with T5's vocabulary. t5mix trains on packed rows, end to end: batches are made while steps run.
transformers' loop takes the same examples in the same order, tokenized before the clock starts, in batches padded to
their longest. Each side is a process of its own, and they alternate. What counts is tokens that are no padding, inputs
and targets, a second, after the first two steps; `ratio` is t5mix's over transformers'.
"""

import argparse
import os
import time
from typing import Any

import numpy as np
import side_by_side
from side_by_side import DATA, Bench, Figures

SHAPE: dict[str, Any] = {"vocab_size": 32100, "d_model": 512, "d_ff": 2048, "num_heads": 8, "d_kv": 64}
LAYERS = 6
TASKS = ("cola", "sst2", "mrpc", "stsb", "rte")
# Inputs are cut at 128 tokens on both sides, as is usual for GLUE: 7 of 1,000 examples are longer. A packed row holds
# four or five; longer rows would hold as many for their size, and attention costs more in them.
ROWS, LENGTHS = 16, {"inputs": 128, "targets": 16}
EXAMPLES = 16  # a batch of transformers' loop
RATE = 1e-3


def stream(options: argparse.Namespace, rows: int, *, pack: bool) -> Any:
    """Returns the mixture's batches; tokens are made once, for both sides."""
    os.environ["TFDS_DATA_DIR"] = str(DATA / "tfds")
    os.environ["T5MIX_T5_VOCAB"] = str(options.vocabulary)
    import t5mix
    from t5mix.data import Stream
    from t5mix.declarations.registry import get_mixture_or_task

    tasks = [get_mixture_or_task(f"glue_{name}_v002") for name in TASKS]
    mixture = t5mix.Mixture("glue_here", tasks, default_rate=t5mix.rates.proportional())
    return Stream(mixture, LENGTHS, rows, seed=0, pack=pack, cache_dir=options.folder / "tokens")


def useful(batch: Any) -> int:
    """Returns how many tokens of a batch are no padding."""
    return sum(int(np.count_nonzero(batch[f"{name}_segment_ids"])) for name in LENGTHS)


def t5mix_side(options: argparse.Namespace) -> Figures:
    """Trains on packed rows."""
    os.environ["T5MIX_CPU_DEVICES"] = "1"
    batches = stream(options, ROWS, pack=True)
    from concurrent.futures import ThreadPoolExecutor

    from t5mix.mesh.engine import Engine
    from t5mix.mesh.layouts import MeshConfig
    from t5mix.mesh.t5.config import T5Config

    config = T5Config(**SHAPE, num_encoder_layers=LAYERS, num_decoder_layers=LAYERS, dropout_rate=0.1)
    engine = Engine(config, MeshConfig(), batch_size=ROWS, lengths=LENGTHS, num_tasks=len(TASKS))
    state = engine.initialize(seed=0)
    clock = Clock(options.seconds)
    with ThreadPoolExecutor(1) as pool:  # as t5mix's training loop does
        future = pool.submit(batches.batch, 0)
        while clock.goes_on():
            batch = future.result()
            future = pool.submit(batches.batch, clock.steps + 1)
            state, metrics = engine.train_step(state, batch, learning_rate=RATE, step=clock.steps, seed=0)
            float(metrics.loss)
            clock.add(useful(batch), sum(batch[name].size for name in LENGTHS))
    return clock.figures()


def transformers_side(options: argparse.Namespace) -> Figures:
    """Trains on interleaved examples, padded to the longest of a batch."""
    batches = stream(options, EXAMPLES, pack=False)
    made = []
    for step in range(64):
        batch = batches.batch(step)
        longest = {name: int(batch[f"{name}_segment_ids"].sum(1).max()) for name in LENGTHS}
        made.append({name: array[:, : longest[name.split("_")[0]]] for name, array in batch.items()})
    import torch
    import transformers

    torch.set_num_threads(side_by_side.THREADS)
    shape = {**SHAPE, "vocab_size": 32128}
    config = transformers.T5Config(**shape, num_layers=LAYERS, dropout_rate=0.1, decoder_start_token_id=0)
    model = transformers.T5ForConditionalGeneration(config).train()
    optimizer = transformers.Adafactor(
        model.parameters(), scale_parameter=True, relative_step=False, warmup_init=False, lr=RATE
    )
    clock = Clock(options.seconds)
    while clock.goes_on():
        batch = made[clock.steps % len(made)]
        ids, mask, labels = (torch.tensor(batch[name]).long() for name in ("inputs", "inputs_segment_ids", "targets"))
        labels[torch.tensor(batch["targets_segment_ids"]) == 0] = -100
        loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        float(loss)
        clock.add(useful(batch), sum(batch[name].size for name in LENGTHS))
    return clock.figures()


class Clock:
    """Counts useful tokens a second, from the third step on.

    Args:
      seconds: how long to go on, and at least three steps.
    """

    WARM_UP = 2

    def __init__(self, seconds: float):
        self._seconds = seconds
        self.steps = self._useful = self._all = 0
        self._begin = 0.0

    def goes_on(self) -> bool:
        """Tells whether another step is to be done."""
        if self.steps == self.WARM_UP:
            self._begin = time.perf_counter()
        enough = self.steps >= self.WARM_UP + 3 and time.perf_counter() - self._begin >= self._seconds
        return not enough

    def add(self, useful: int, all_: int) -> None:
        """Notes a step: its tokens, without and with padding."""
        if self.steps >= self.WARM_UP:
            self._useful, self._all = self._useful + useful, self._all + all_
        self.steps += 1

    def figures(self) -> Figures:
        """Returns what was counted."""
        seconds = time.perf_counter() - self._begin
        return {
            "useful_tokens_per_s": self._useful / seconds,
            "step_s": seconds / (self.steps - self.WARM_UP),
            "useful_share": self._useful / self._all,
        }


SIDES = {"t5mix": t5mix_side, "transformers": transformers_side}


def compare(bench: Bench) -> Figures:
    """Returns the figures of the last line."""
    if not (DATA / "tfds" / "glue").is_dir():
        raise SystemExit(f"there is no GLUE: put prepared TFDS data sets into {DATA / 'tfds'}")
    ours, theirs = bench.alternate({name: {} for name in SIDES}).values()
    return {
        "ratio": ours["useful_tokens_per_s"] / theirs["useful_tokens_per_s"],
        "tokens_per_s": ours["useful_tokens_per_s"],
        "tokens_per_s_transformers": theirs["useful_tokens_per_s"],
        "useful_share": ours["useful_share"],
        "useful_share_transformers": theirs["useful_share"],
    }


if __name__ == "__main__":
    side_by_side.main(__doc__, SIDES, compare, seconds=15.0, quick_seconds=4.0)

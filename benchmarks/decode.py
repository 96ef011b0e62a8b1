"""Decoding against transformers' generate and CTranslate2, greedy and with four beams.

    pip install 't5mix[hf]' ctranslate2
    python benchmarks/decode.py              # --quick: batches of 8 alone, once

T5 1.1-small with equal random weights, 128 tokens in, 32 out (nothing ends before), float32; batches of 1, 8 and 32;
two threads.  Each side is a process of its own and they alternate; of each the median of all batches counts.
transformers decodes by `generate`, CTranslate2 by a model that its converter made of transformers' folder, with
MKL or oneDNN as it chooses.  Four beams are searched by transformers' and CTranslate2's rules.

`ratio_hf` and `ratio_ct2_f32` are the geometric means, over the six cases, of their seconds over ours; `worst_*` the
smallest.  The lines above say for each case the milliseconds of all, and `floor`: the time in which this machine reads
every weight of the decoder once for each token, or does the multiplications of these and of the encoder at the rate of
a 2048 x 2048 product, whichever takes longer.
"""

import argparse
import functools
import importlib.util
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import models
import numpy as np
import side_by_side
from side_by_side import Bench, Figures

BATCHES, BEAMS = (1, 8, 32), (1, 4)
LENGTHS = {"inputs": 128, "targets": 32}
# How long batches of one size are timed in a round, one at least.
SECONDS = 1.0


def cases(options: argparse.Namespace) -> list[tuple[int, int]]:
    """Returns rows and beams of each case."""
    return [(int(rows), beams) for rows in options.size.split(",") for beams in BEAMS]


def inputs_of(rows: int) -> np.ndarray:
    """Returns full rows that end in EOS."""
    ids = np.random.default_rng(rows).integers(3, 32000, (rows, LENGTHS["inputs"])).astype(np.int32)
    ids[:, -1] = 1
    return ids


def no_end(model: Any) -> None:
    """Gives EOS a logit of 0, which never is among the best of 32,128 random ones."""
    model.lm_head.weight.data[1] = 0.0


def convert(model: Any, folder: Path) -> None:
    """Writes the model as CTranslate2's converter does, with numbers as names of tokens."""
    from ctranslate2.converters import transformers as converters

    class Numbers:
        """What the converter asks a tokenizer for."""

        pad_token, eos_token, unk_token = "0", "1", "2"
        added_tokens_encoder: ClassVar[dict[str, int]] = {}

        def get_vocab(self) -> dict[str, int]:
            return {str(number): number for number in range(model.config.vocab_size)}

        def convert_ids_to_tokens(self, number: int) -> str:
            return str(number)

    converters.TransformersConverter.load_tokenizer = lambda *unused: Numbers()
    converters.TransformersConverter(str(folder.parent)).convert(str(folder))


def timed(decode: Callable[[], Any], is_whole: Callable[[Any], bool]) -> float:
    """Returns the median seconds of a batch, after one that does not count but is looked at."""
    assert is_whole(decode()), "an answer ended early"
    seconds: list[float] = []
    while sum(seconds) < SECONDS:
        start = time.perf_counter()
        decode()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def t5mix_side(options: argparse.Namespace) -> Figures:
    """Returns seconds of each case, and their floors."""
    import os

    os.environ["T5MIX_CPU_DEVICES"] = "1"
    from t5mix.mesh.decoding.settings import Decoding
    from t5mix.mesh.engine import Engine
    from t5mix.mesh.interop import open_checkpoint
    from t5mix.mesh.interop.engine_state import initial_state
    from t5mix.mesh.layouts import MeshConfig

    opened = open_checkpoint(str(options.folder))
    found: Figures = {}
    state = None
    for rows, beams in cases(options):
        engine = Engine(opened.config, MeshConfig(), batch_size=rows, lengths=LENGTHS)
        state = state or initial_state(engine, opened.weights, opened.source)
        decoding = Decoding() if beams == 1 else Decoding(beams=beams, length_penalty=1.0, rules="transformers")
        ids = inputs_of(rows)
        decode = functools.partial(engine.decode, state, ids, decoding)
        found[f"{rows}x{beams}"] = timed(decode, lambda answers: not (answers.ids == 1).any())
    # Not measured before an engine has set up XLA and the allocator, as a run does.
    rate, reading = models.matrix_product_rate(), reading_rate()
    floors = {f"floor {rows}x{beams}": floor(rows, beams, rate, reading) for rows, beams in cases(options)}
    return {**found, **floors}


def transformers_side(options: argparse.Namespace) -> Figures:
    """Returns seconds of each case, by `generate`."""
    import torch
    import transformers

    torch.set_num_threads(side_by_side.THREADS)
    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(options.folder).eval()
    found: Figures = {}
    for rows, beams in cases(options):
        ids = torch.tensor(inputs_of(rows)).long()
        settings = {"num_beams": beams, "max_new_tokens": LENGTHS["targets"], "do_sample": False}
        decode = functools.partial(model.generate, ids, attention_mask=torch.ones_like(ids), **settings)
        found[f"{rows}x{beams}"] = timed(decode, lambda answers: answers.shape[1] == LENGTHS["targets"] + 1)
    return found


def ctranslate2_side(options: argparse.Namespace) -> Figures:
    """Returns seconds of each case, by a Translator of token names."""
    import ctranslate2

    translator = ctranslate2.Translator(
        str(options.folder / "ct2"), device="cpu", compute_type="float32", intra_threads=side_by_side.THREADS
    )
    found: Figures = {}
    for rows, beams in cases(options):
        tokens = [[str(number) for number in row] for row in inputs_of(rows).tolist()]
        settings = {"beam_size": beams, "max_decoding_length": LENGTHS["targets"]}
        decode = functools.partial(translator.translate_batch, tokens, **settings)
        found[f"{rows}x{beams}"] = timed(
            decode, lambda answers: all(len(answer.hypotheses[0]) == LENGTHS["targets"] for answer in answers)
        )
    return found


SIDES = {"t5mix": t5mix_side, "transformers": transformers_side, "ctranslate2": ctranslate2_side}


def reading_rate() -> float:
    """Returns the bytes that this machine reads in a second, with all threads, of an array that no cache holds."""
    import jax

    array = jax.numpy.ones((2**27,), np.float32)
    total = jax.jit(jax.numpy.sum)
    total(array).block_until_ready()
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        total(array).block_until_ready()
        seconds.append(time.perf_counter() - start)
    return array.nbytes / min(seconds)


def floor(rows: int, beams: int, rate: float, reading: float) -> float:
    """Returns the seconds that reading the weights, or multiplying with them, takes at least."""
    shape = models.SIZES["small"]
    attention = 4 * shape["d_model"] * shape["num_heads"] * shape["d_kv"]
    feed_forward = 3 * shape["d_model"] * shape["d_ff"]
    encoder = shape["num_layers"] * (attention + feed_forward)
    # Keys and values of the inputs are made once: half of the second attention.
    once = shape["num_layers"] * attention // 2
    step = shape["num_layers"] * (attention + attention // 2 + feed_forward) + 32128 * shape["d_model"]
    tokens = rows * LENGTHS["inputs"]
    start = max(2 * (encoder + once) * tokens / rate, 4 * (encoder + once) / reading)
    return start + LENGTHS["targets"] * max(2 * step * rows * beams / rate, 4 * step / reading)


def compare(bench: Bench) -> Figures:
    """Returns the figures of the last line."""
    model = models.hugging_face("small").eval()
    no_end(model)
    model.save_pretrained(bench.folder)
    # CTranslate2 names tokens; its converter reads a tokenizer only for these names.
    size = ",".join(map(str, (8,) if bench.options.quick else BATCHES))
    sides: dict[str, dict[str, Any]] = {"t5mix": {"size": size}, "transformers": {"size": size}}
    if importlib.util.find_spec("ctranslate2"):
        convert(model, bench.folder / "ct2")
        sides["ctranslate2"] = {"size": size}
    else:
        print("ctranslate2 is not installed: not compared")
    found = bench.alternate(sides)
    ours = found.pop("t5mix")
    figures: Figures = {}
    keys = [key for key in ours if not key.startswith("floor")]
    for key in keys:
        print(f"{key:>5}: {1e3 * ours[key]:.1f} ms, floor {1e3 * ours['floor ' + key]:.1f} ms", flush=True)
    for side, name in (("transformers", "hf"), ("ctranslate2", "ct2_f32")):
        if side in found:
            ratios = [found[side][key] / ours[key] for key in keys]
            print(f"{side}: " + ", ".join(f"{key} {ratio:.2f}" for key, ratio in zip(keys, ratios, strict=True)))
            figures[f"ratio_{name}"] = statistics.geometric_mean(ratios)
            figures[f"worst_{name}"] = min(ratios)
    figures["share_of_floor"] = statistics.geometric_mean(ours["floor " + key] / ours[key] for key in keys)
    return figures


if __name__ == "__main__":
    side_by_side.main(__doc__, SIDES, compare)

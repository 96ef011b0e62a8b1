"""Compares the engine with transformers on equal random weights: T5 1.0-small, 1.1-small, mT5-small, UMT5-small.

    pip install 't5mix[hf]'
    python benchmarks/parity_hf.py             # --quick: small shapes of the same kinds, few inputs
    python benchmarks/parity_hf.py --models t5-1.1

transformers makes a model and saves it; t5mix opens that folder.  Compared are logits, loss, the root mean squares of
gradients (Adafactor's slots after its first step, when they hold nothing else), three steps of Adafactor against one
written here in float64 on transformers' gradients, greedy and beam-4 outputs token for token, and the weights bit for
bit after the way back: transformers -> t5mix -> transformers, and t5mix -> transformers -> t5mix.  The last line is
JSON; a figure is null where a model is not compared yet, and the lines above say why.
"""

import argparse
import contextlib
import copy
import dataclasses
import gc
import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Models come and go here: what is freed goes back to the system.
os.environ.setdefault("MALLOC_ARENA_MAX", "2")

import numpy as np
import torch
import transformers

from t5mix.mesh.decoding.settings import Decoding
from t5mix.mesh.engine import Engine, State
from t5mix.mesh.interop import OpenedCheckpoint, open_checkpoint
from t5mix.mesh.interop.architecture import Architecture
from t5mix.mesh.interop.engine_state import initial_state, weights_of_state
from t5mix.mesh.interop.hugging_face.writing import Export, write_folder
from t5mix.mesh.layouts import MeshConfig
from t5mix.mesh.optimizers import settings as optimizers
from t5mix.vocabularies import ByteVocabulary

T5, MT5, UMT5 = "T5", "MT5", "UMT5"
SMALL_1_1 = {
    "d_model": 512,
    "d_ff": 1024,
    "num_layers": 8,
    "num_heads": 6,
    "d_kv": 64,
    "feed_forward_proj": "gated-gelu",
}
SMALL_1_0 = {"d_model": 512, "d_ff": 2048, "num_layers": 6, "num_heads": 8, "d_kv": 64, "feed_forward_proj": "relu"}
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "t5-1.0": (T5, {**SMALL_1_0, "vocab_size": 32128, "tie_word_embeddings": True}),
    "t5-1.1": (T5, {**SMALL_1_1, "vocab_size": 32128, "tie_word_embeddings": False}),
    "mt5": (MT5, {**SMALL_1_1, "vocab_size": 250112, "tie_word_embeddings": False}),
    "umt5": (UMT5, {**SMALL_1_1, "vocab_size": 256384, "tie_word_embeddings": False}),
}
QUICK = {"d_model": 64, "d_ff": 160, "num_layers": 2, "num_heads": 4, "d_kv": 16, "vocab_size": 512}
LENGTHS = {"inputs": 64, "targets": 16}
BATCH, STEPS, LEARNING_RATE = 8, 3, 1e-3
ROWS = 50  # that are decoded at once
# transformers' beam search has a length penalty of its own.
BEAMS = Decoding(beams=4, length_penalty=1.0, rules="transformers")


def main() -> None:
    """Compares every model, and prints a line for each figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small shapes, 32 inputs")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--inputs", type=int, help="inputs that are decoded, of each model [50; 32 with --quick]")
    args = parser.parse_args()
    count = args.inputs or (32 if args.quick else 50)
    torch.set_num_threads(os.cpu_count() or 1)  # by default it leaves out what it takes for second threads of a core
    print(f"torch {torch.__version__}, transformers {transformers.__version__}, {os.cpu_count()} cores", flush=True)
    results: dict[str, dict[str, float]] = {}
    for name in args.models:
        kind, settings = MODELS[name]
        with tempfile.TemporaryDirectory() as folder:
            started = time.monotonic()
            try:
                model = random_model(kind, {**settings, **(QUICK if args.quick else {})})
                results[name] = compare(model, Path(folder), count)
                del model  # before the next one is made
            except ValueError as error:  # an architecture that the engine lacks
                print(f"{name}: not compared: {error}", flush=True)
                continue
        seconds = time.monotonic() - started
        print(f"{name} ({seconds:.0f} s): {json.dumps(results[name])}", flush=True)
    print(json.dumps(summary(results, args.models)))


def summary(results: dict[str, dict[str, float]], models: list[str]) -> dict[str, Any]:
    """Returns the worst figure over all models."""

    def worst(key: str, pick: Any) -> float | None:
        return pick(result[key] for result in results.values()) if results else None

    return {
        "max_relative_logit_difference": worst("logits", max),
        "max_relative_loss_difference": worst("loss", max),
        "max_relative_gradient_difference": worst("gradients", max),
        "max_relative_step_difference": worst("steps", max),
        "greedy_equal": worst("greedy", min),
        "beam_equal": worst("beam", min),
        "roundtrip_equal": worst("roundtrip", min),
        "not_compared": [name for name in models if name not in results],
    }


def random_model(kind: str, settings: dict[str, Any]) -> Any:
    """Returns a model of transformers whose norms and biases differ, and whose outputs come to an end."""
    torch.manual_seed(0)
    config_class = getattr(transformers, f"{kind}Config")
    config = config_class(**settings, dropout_rate=0.0, decoder_start_token_id=0)
    model = getattr(transformers, f"{kind}ForConditionalGeneration")(config).eval()
    with torch.no_grad():
        for name, value in model.named_parameters():
            if name.endswith("layer_norm.weight"):
                value.copy_(1 + 0.2 * torch.randn_like(value))
            elif "relative_attention_bias" in name:
                value.copy_(torch.randn_like(value))
        if not settings["tie_word_embeddings"]:
            if model.lm_head.weight is model.shared.weight:  # as transformers 5 makes every one
                model.lm_head.weight = torch.nn.Parameter(torch.randn_like(model.shared.weight))
            model.lm_head.weight[1] *= 2
    return model


def compare(model: Any, folder: Path, count: int) -> dict[str, float]:
    """Returns the figures of one model."""
    model.save_pretrained(folder / "theirs")
    opened = open_checkpoint(str(folder / "theirs"))
    # transformers' loss has neither.
    config = dataclasses.replace(opened.config, z_loss=0.0, dropout_rate=0.0)
    engine = Engine(config, MeshConfig(), batch_size=BATCH, lengths=LENGTHS)
    decoder = Engine(config, MeshConfig(), batch_size=min(ROWS, count), lengths=LENGTHS)
    state = initial_state(engine, opened.weights, opened.source)
    batch = random_batch(config.vocab_size, seed=1)
    real = batch["targets"] > 0
    theirs, loss, _ = torch_step(model, batch)
    ours = engine.logits(state, batch)
    figures = {
        "logits": float(np.abs(ours - theirs)[real].max() / np.abs(theirs[real]).max()),
        "loss": abs(float(-engine.score(state, batch).sum() / real.sum()) / loss - 1),
        "greedy": decoded_equal(model, decoder, state, count, Decoding()),
        "beam": decoded_equal(model, decoder, state, count, BEAMS),
        "roundtrip": roundtrip_equal(model, engine, state, opened, folder),
    }
    exact = exact_slots(model, batch)
    gc.collect()  # models of the steps above
    return figures | compare_training(model, engine, state, batch, exact)


def random_batch(vocab_size: int, seed: int, rows: int = BATCH) -> dict[str, np.ndarray]:
    """Returns one example a row, of varied length."""
    rng = np.random.default_rng(seed)
    batch: dict[str, np.ndarray] = {}
    for name, length in LENGTHS.items():
        ids = rng.integers(3, vocab_size, (rows, length)).astype(np.int32)
        for row, size in enumerate(rng.integers(2, length + 1, rows)):
            ids[row, size - 1], ids[row, size:] = 1, 0
        batch |= {name: ids, f"{name}_segment_ids": (ids > 0).astype(np.int32)}
    return batch | {"targets_task": np.zeros_like(batch["targets"])}


def torch_step(model: Any, batch: dict[str, np.ndarray]) -> tuple[np.ndarray, float, dict[str, np.ndarray]]:
    """Returns transformers' logits, loss, and gradients by its own names."""
    shifted = np.concatenate([np.zeros((BATCH, 1), np.int32), batch["targets"][:, :-1]], axis=1)
    outputs = model(
        input_ids=torch.tensor(batch["inputs"]),
        attention_mask=torch.tensor(batch["inputs_segment_ids"]),
        decoder_input_ids=torch.tensor(shifted),
        labels=torch.tensor(np.where(batch["targets"] > 0, batch["targets"], -100)).long(),
    )
    outputs.loss.backward()
    gradients = {name: p.grad.numpy() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()  # they are ours now
    return outputs.logits.detach().numpy(), outputs.loss.item(), gradients


def decoded_equal(model: Any, engine: Engine, state: State, count: int, decoding: Decoding) -> float:
    """Returns the share of inputs whose answers are the same, token for token."""
    rows, equal, seconds = engine.batch_size, 0, [0.0, 0.0]
    others: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []  # input, our answer, theirs
    for start in range(0, count, rows):
        batch = random_batch(engine.model.vocab_size, seed=1000 + start, rows=rows)
        begin = time.monotonic()
        theirs = generated(model, batch, decoding)
        between = time.monotonic()
        ours = engine.decode(state, batch["inputs"], decoding).ids[:, 0]
        seconds = [seconds[0] + between - begin, seconds[1] + time.monotonic() - between]
        same = (ours == theirs).all(axis=1)[: count - start]
        equal += int(same.sum())
        others += [(batch["inputs"][row], ours[row], theirs[row]) for row in np.flatnonzero(~same)]
    what = f"{count} inputs, {decoding.beams} beams"
    print(f"  {what}: {equal} equal; transformers {seconds[0]:.0f} s, t5mix {seconds[1]:.0f} s", flush=True)
    if others:
        exact = copy.deepcopy(model).double()
        with float64():
            found = ", ".join(f"{gap(exact, *other, decoding):.1e}" for other in others)
        print(f"  where they differ, transformers in float64 prefers its own answer by {found}", flush=True)
    return equal / count


@contextlib.contextmanager
def float64() -> Iterator[None]:
    """Lets float64 stay what it is in transformers' norms and softmax, which turn whatever they get to float32."""
    cast, to = torch.Tensor.float, torch.Tensor.to

    def stay(x: torch.Tensor) -> torch.Tensor:
        return x if x.dtype == torch.float64 else cast(x)

    def stay_to(x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        return x if x.dtype == torch.float64 and args[:1] == (torch.float32,) else to(x, *args, **kwargs)

    torch.Tensor.float, torch.Tensor.to = stay, stay_to
    try:
        yield
    finally:
        torch.Tensor.float, torch.Tensor.to = cast, to


def gap(exact: Any, inputs: np.ndarray, ours: np.ndarray, theirs: np.ndarray, decoding: Decoding) -> float:
    """Returns by how much a model prefers one answer to another, relative: so near a tie was what rounding decided.

    Of beams it compares the mean log-probabilities of both answers, else the logits of the first tokens that differ.
    """
    inputs, answers = inputs[None].repeat(2, axis=0), np.stack([theirs, ours]).astype(np.int64)
    shifted = np.concatenate([np.zeros((2, 1), np.int64), answers[:, :-1]], axis=1)
    with torch.no_grad():
        logits = exact(
            input_ids=torch.tensor(inputs),
            attention_mask=torch.tensor((inputs > 0).astype(np.int64)),
            decoder_input_ids=torch.tensor(shifted),
        ).logits
        if decoding.beams == 1:
            first = int(np.flatnonzero(theirs != ours)[0])
            scores = logits[0, first, answers[:, first]].numpy()
        else:
            chosen = logits.log_softmax(-1).gather(-1, torch.tensor(answers)[..., None])[..., 0].numpy()
            scores = (chosen * (answers > 0)).sum(axis=1) / (answers > 0).sum(axis=1)
    return float((scores[0] - scores[1]) / abs(scores[0]))


def generated(model: Any, batch: dict[str, np.ndarray], decoding: Decoding) -> np.ndarray:
    """Returns transformers' answers, padded with 0: int32 [rows, targets length]."""
    with torch.no_grad():
        found = model.generate(
            input_ids=torch.tensor(batch["inputs"]),
            attention_mask=torch.tensor(batch["inputs_segment_ids"]),
            max_new_tokens=LENGTHS["targets"],
            num_beams=decoding.beams,
            length_penalty=decoding.length_penalty,
            early_stopping=False,
            do_sample=False,
        )[:, 1:].numpy()
    answers = np.zeros((len(found), LENGTHS["targets"]), np.int32)
    answers[:, : found.shape[1]] = found
    answers[np.cumsum(answers == 1, axis=1) - (answers == 1) > 0] = 0  # beam search fills up with EOS
    return answers


def roundtrip_equal(model: Any, engine: Engine, state: State, opened: OpenedCheckpoint, folder: Path) -> float:
    """Returns the share of weights that are bit for bit what they were, after either way there and back."""
    weights = weights_of_state(engine, state)
    architecture = Architecture.of(opened.config)
    vocabulary = ByteVocabulary(0)
    write_folder(Export(model=architecture, weights=weights, vocabulary=vocabulary), str(folder / "ours"))
    again = transformers.AutoModelForSeq2SeqLM.from_pretrained(folder / "ours").state_dict()
    equal = [torch.equal(again[name], value) for name, value in model.state_dict().items()]
    read = open_checkpoint(str(folder / "ours")).weights
    equal += [np.array_equal(read[name].read(), np.asarray(state[name])) for name in weights]
    return sum(equal) / len(equal)


def exact_slots(model: Any, batch: dict[str, np.ndarray]) -> dict[str, tuple[np.ndarray, ...]]:
    """Returns Adafactor's slots after its first step, in float64, by transformers' names.

    In float32 transformers' own gradients are up to 1e-3 off: where rounding turns the sign of a ReLU's input.
    """
    with float64():
        gradients = torch_step(copy.deepcopy(model).double(), batch)[2]
    adafactor, decay = Adafactor(), optimizers.adafactor().numbers(0)[0]
    for name, parameter in model.named_parameters():
        if name in gradients:
            adafactor.step(name, parameter.detach().numpy(), gradients.pop(name), decay)
    return adafactor.slots


def compare_training(
    model: Any,
    engine: Engine,
    state: State,
    batch: dict[str, np.ndarray],
    exact: dict[str, tuple[np.ndarray, ...]],
) -> dict[str, float]:
    """Returns how far gradients and three steps of Adafactor differ from those of transformers' gradients.

    Gradients: by the slots, from those of `exact_slots`, relative to the largest of a weight.  Steps: the way that all
    weights have gone, by its norm.
    """
    names = our_names(model, engine)
    before = {theirs: parameter.detach().numpy().copy() for theirs, parameter in model.named_parameters()}
    adafactor = Adafactor()
    worst = 0.0
    for step in range(STEPS):
        gradients = torch_step(model, batch)[2]
        decay = optimizers.adafactor().numbers(step)[0]
        state, _ = engine.train_step(state, batch, learning_rate=LEARNING_RATE, decay_rate=decay, step=step, seed=0)
        for theirs, parameter in model.named_parameters():
            if theirs not in gradients:
                continue
            new = adafactor.step(theirs, parameter.detach().numpy(), gradients.pop(theirs), decay)
            if not step:
                worst = max(worst, slot_difference(state, names[theirs], exact[theirs]))
            parameter.data.copy_(torch.tensor(new))
    gone = difference = 0.0
    for theirs, parameter in model.named_parameters():
        ours = np.asarray(state[names[theirs][0]], np.float64)
        ours = ours.T if names[theirs][1] else ours
        theirs_now = parameter.detach().numpy().astype(np.float64)
        gone += float(np.square(theirs_now - before[theirs]).sum())
        difference += float(np.square(theirs_now - ours).sum())
    return {"gradients": worst, "steps": (difference / gone) ** 0.5}


def our_names(model: Any, engine: Engine) -> dict[str, tuple[str, bool]]:
    """Returns t5mix's name of each parameter, and whether its dimensions are the other way round."""
    from t5mix.mesh.interop.names import hugging_face_weights

    wanted = hugging_face_weights(Architecture.of(engine.model))
    return {weight.theirs: (weight.name, weight.transpose) for weight in wanted}


def slot_difference(state: State, name: tuple[str, bool], slots: tuple[np.ndarray, ...]) -> float:
    """Returns how far the roots of Adafactor's slots differ, relative to the largest."""
    ours = [np.asarray(state[key]) for key in sorted(state) if key.startswith(f"{name[0]}_slot_")]
    if len(slots) == 1:
        pairs = [(ours[0], slots[0].T if name[1] else slots[0])]
    else:  # transposed or not, rows and columns are two vectors
        pairs = [(a, b) for a in ours for b in slots if a.shape == b.shape]
        if len(pairs) == 4:  # a square: each of ours is one of theirs
            return max(min(_relative(a, b) for b in slots) for a in ours)
    return max(_relative(a, b) for a, b in pairs)


def _relative(ours: np.ndarray, theirs: np.ndarray) -> float:
    a, b = np.sqrt(ours.astype(np.float64)), np.sqrt(theirs)
    return float(np.abs(a - b).max() / max(b.max(), 1e-12))


class Adafactor:
    """Shazeer and Stern 2018 (https://arxiv.org/abs/1804.04235), algorithms 4 and 5, as T5 uses it, in float64."""

    def __init__(self) -> None:
        self.slots: dict[str, tuple[np.ndarray, ...]] = {}

    def step(self, name: str, value: np.ndarray, gradient: np.ndarray, decay: float) -> np.ndarray:
        """Returns the new value of a parameter."""
        value, gradient = value.astype(np.float64), gradient.astype(np.float64)
        square = gradient**2 + 1e-30
        factored = value.ndim == 2 and min(value.shape) >= 128
        new = (square.mean(1), square.mean(0)) if factored else (square,)
        old = self.slots.get(name, tuple(np.zeros_like(slot) for slot in new))
        slots = self.slots[name] = tuple(decay * a + (1 - decay) * b for a, b in zip(old, new, strict=True))
        second = np.outer(slots[0], slots[1]) / slots[0].mean() if factored else slots[0]
        update = gradient / np.sqrt(second)
        update /= max(1.0, float(np.sqrt(np.mean(update**2))))
        scale = max(float(np.sqrt(np.mean(value**2))), 1e-3)
        return value - LEARNING_RATE * scale * update


if __name__ == "__main__":
    main()

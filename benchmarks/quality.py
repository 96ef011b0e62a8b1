"""Fine-tuning by t5mix and by transformers' Trainer: same model, same examples, same order; losses are compared.

    pip install 't5mix[hf]' accelerate
    python benchmarks/quality.py               # --quick is a first look: the demo's tiny model, 20 steps

A T5 1.1-small is trained by t5mix on a GLUE mixture for a few steps and exported to a Hugging Face folder. From there
it is fine-tuned twice: by transformers' Trainer, with the Adafactor that `optim="adafactor"` means, and by t5mix, with
the same options. Dropout and z-loss are off, float32, batches of 8 examples of CoLA, SST-2, MRPC, STS-B and RTE. The
last line says the largest relative difference of a step's loss over 50 steps; the bar is 1e-3.
"""

import argparse
import dataclasses
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["USE_TF"] = "0"  # or transformers' Trainer looks for a Keras that goes with TensorFlow

import models
import numpy as np
from side_by_side import DATA

LENGTHS = {"inputs": 128, "targets": 16}
ROWS, RATE = 8, 5e-5  # what the Trainer takes by default
TASKS = ("cola", "sst2", "mrpc", "stsb", "rte")


def batches(vocabulary: Path, folder: Path, count: int) -> list[dict[str, np.ndarray]]:
    """Returns batches of examples, one a row."""
    os.environ["TFDS_DATA_DIR"] = str(DATA / "tfds")
    os.environ["T5MIX_T5_VOCAB"] = str(vocabulary)
    import t5mix
    from t5mix.data import Stream
    from t5mix.declarations.registry import get_mixture_or_task

    tasks = [get_mixture_or_task(f"glue_{name}_v002") for name in TASKS]
    mixture = t5mix.Mixture("glue_here", tasks, default_rate=t5mix.rates.proportional())
    stream = Stream(mixture, LENGTHS, ROWS, seed=0, pack=False, cache_dir=folder / "tokens")
    return [stream.batch(step) for step in range(count)]


def engine_of(config: Any) -> Any:
    """Returns an engine with the Adafactor of transformers' Trainer."""
    from t5mix.mesh.engine import Engine
    from t5mix.mesh.layouts import MeshConfig
    from t5mix.mesh.optimizers.settings import adafactor
    from t5mix.mesh.optimizers.step_config import StepConfig

    # It factors every matrix, and takes the learning rate as it is.
    step = StepConfig(optimizer=adafactor(multiply_by_parameter_scale=False, min_dim_size_to_factor=1))
    return Engine(config, MeshConfig(), batch_size=ROWS, lengths=LENGTHS, num_tasks=len(TASKS), step=step)


def trained(engine: Any, state: Any, given: list[dict[str, np.ndarray]], rate: float) -> tuple[Any, list[float]]:
    """Returns the state after a step on each batch, and each step's loss."""
    losses = []
    for step, batch in enumerate(given):
        state, metrics = engine.train_step(state, batch, learning_rate=rate, step=step, seed=0)
        losses.append(float(metrics.loss))
    return state, losses


def export(engine: Any, state: Any, folder: Path) -> None:
    """Writes a Hugging Face folder."""
    from t5mix.mesh.interop.architecture import Architecture
    from t5mix.mesh.interop.engine_state import weights_of_state
    from t5mix.mesh.interop.hugging_face.writing import Export, write_folder
    from t5mix.vocabularies import ByteVocabulary

    weights = weights_of_state(engine, state)
    # The ids are T5's; a tokenizer is not read here.
    write_folder(
        Export(model=Architecture.of(engine.model), weights=weights, vocabulary=ByteVocabulary(0)), str(folder)
    )


def by_trainer(folder: Path, given: list[dict[str, np.ndarray]], output: Path) -> list[float]:
    """Returns the loss of each step of transformers' Trainer."""
    import torch
    import transformers

    model = transformers.T5ForConditionalGeneration.from_pretrained(folder)
    model.config.dropout_rate = 0.0
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    losses: list[float] = []

    class InOrder(transformers.Trainer):
        """Takes the batches as they come, and notes every loss as it is."""

        def get_train_dataloader(self) -> Any:
            return torch.utils.data.DataLoader(given, batch_size=None, shuffle=False, collate_fn=as_tensors)

        def compute_loss(self, *arguments: Any, **options: Any) -> Any:
            result = super().compute_loss(*arguments, **options)
            losses.append(float(result[0] if isinstance(result, tuple) else result))
            return result

    def as_tensors(batch: dict[str, np.ndarray]) -> dict[str, Any]:
        labels = np.where(batch["targets_segment_ids"] > 0, batch["targets"], -100)
        arrays = {"input_ids": batch["inputs"], "attention_mask": batch["inputs_segment_ids"], "labels": labels}
        return {name: torch.tensor(array).long() for name, array in arrays.items()}

    settings = transformers.TrainingArguments(
        output_dir=str(output),
        optim="adafactor",
        learning_rate=RATE,
        lr_scheduler_type="constant",
        max_grad_norm=0.0,
        max_steps=len(given),
        save_strategy="no",
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=False,
    )
    InOrder(model=model, args=settings, train_dataset=given).train()
    return losses


def main() -> None:
    """Trains, exports, fine-tunes twice and compares."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--vocabulary", type=Path, default=DATA / "t5_vocab" / "spiece.model")
    parser.add_argument("--quick", action="store_true", help="a first look: the tiny model, 20 steps")
    parser.add_argument("--steps", type=int, help="steps that are compared [50]")
    options = parser.parse_args()
    if not (DATA / "tfds" / "glue").is_dir():
        raise SystemExit(f"there is no GLUE: put prepared TFDS data sets into {DATA / 'tfds'}")
    os.environ["T5MIX_CPU_DEVICES"] = "1"
    steps, before = options.steps or (20 if options.quick else 50), 20 if options.quick else 60
    with tempfile.TemporaryDirectory(prefix="t5mix-quality-") as name:
        folder = Path(name)
        given = batches(options.vocabulary, folder, before + steps)
        size = dict(models.SIZES["tiny" if options.quick else "small"], vocab_size=32128)
        layers = size.pop("num_layers")
        from t5mix.mesh.interop import open_checkpoint
        from t5mix.mesh.interop.engine_state import initial_state
        from t5mix.mesh.t5.config import T5Config

        config = T5Config(
            **size,
            num_encoder_layers=layers,
            num_decoder_layers=layers,
            activations=("gelu", "linear"),
            tied_embeddings=False,
            dropout_rate=0.0,
            z_loss=0.0,
        )
        engine = engine_of(config)
        begin = time.perf_counter()
        state, first = trained(engine, engine.initialize(seed=0), given[:before], 3e-3)
        export(engine, state, folder / "exported")
        print(
            f"trained for {before} steps: loss {first[0]:.3f} to {first[-1]:.3f}, {time.perf_counter() - begin:.0f} s"
        )
        opened = open_checkpoint(str(folder / "exported"))
        shared = {field.name: getattr(opened.config, field.name) for field in dataclasses.fields(T5Config)}
        again = engine_of(T5Config(**{**shared, "dropout_rate": 0.0, "z_loss": 0.0}))
        start = initial_state(again, opened.weights, "the export")
        _, ours = trained(again, start, given[before:], RATE)
        theirs = by_trainer(folder / "exported", given[before:], folder / "trainer")
    differences = [abs(a - b) / abs(b) for a, b in zip(ours, theirs, strict=True)]
    for step in sorted({0, 1, steps // 2, steps - 1}):
        print(f"step {step:3}  t5mix {ours[step]:.6f}  Trainer {theirs[step]:.6f}  relative {differences[step]:.2e}")
    print(json.dumps({"max_relative_loss_difference": float(f"{max(differences):.3g}"), "steps": steps}))


if __name__ == "__main__":
    main()

"""A mixture of two small tasks, and an engine for it: what the loop's tests train."""

import functools
import random
from pathlib import Path

import t5mix
from t5mix.data import Stream
from t5mix.mesh.engine import Engine
from t5mix.mesh.layouts import MeshConfig
from t5mix.mesh.t5.config import T5Config

LENGTHS = {"inputs": 32, "targets": 16}
BATCH = 4


def examples(split: str, shuffle_files: bool = False, seed: int | None = None, *, reverse: bool):
    import tensorflow as tf

    rng = random.Random(f"{split} {reverse}")
    words = ["".join(rng.choices("abcdef", k=rng.randint(2, 8))) for _ in range(60)]
    return tf.data.Dataset.from_tensor_slices(
        {
            "inputs": [("reverse: " if reverse else "upper: ") + word for word in words],
            "targets": [word[::-1] if reverse else word.upper() for word in words],
        }
    )


def task(name: str, *, reverse: bool) -> t5mix.Task:
    vocabulary = t5mix.ByteVocabulary()
    return t5mix.Task(
        name,
        source=t5mix.FunctionDataSource(functools.partial(examples, reverse=reverse), splits=["train", "validation"]),
        preprocessors=[
            t5mix.preprocessors.tokenize,
            t5mix.CacheDatasetPlaceholder(),
            t5mix.preprocessors.append_eos_after_trim,
        ],
        output_features={
            "inputs": t5mix.Feature(vocabulary),
            "targets": t5mix.Feature(vocabulary),
        },
        metric_fns=[t5mix.metrics.sequence_accuracy],
    )


def mixture() -> t5mix.Mixture:
    tasks = [task("toy_reverse", reverse=True), task("toy_upper", reverse=False)]
    return t5mix.Mixture("toy", [(tasks[0], 3.0), (tasks[1], 1.0)])


def stream(cache: Path, **changes) -> Stream:
    return Stream(mixture(), LENGTHS, BATCH, cache_dir=cache, **{"seed": 7, **changes})


def engine(shape: str = "batch:1", num_tasks: int = 2, **changes) -> Engine:
    settings = dict(
        vocab_size=259, d_model=16, d_ff=32, num_heads=2, d_kv=8, num_encoder_layers=1, num_decoder_layers=1
    )
    return Engine(
        T5Config(**{**settings, **changes}),
        MeshConfig(shape=shape),
        batch_size=BATCH,
        lengths=LENGTHS,
        num_tasks=num_tasks,
    )

"""What earlier releases wrote is read as it was meant, or refused with a message.

`released/VERSION/` holds what a release leaves: a checkpoint with its log, token caches, a score. Before a release:

    python tests/training/test_checkpoints_of_releases.py     # writes the folder of this version
"""

import functools
import hashlib
import json
import random
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import t5mix
from t5mix.data import Stream
from t5mix.evaluation.evaluate_task import Prediction, Score
from t5mix.evaluation.scoring.baselines import Baseline
from t5mix.mesh.engine import Engine
from t5mix.mesh.layouts import MeshConfig
from t5mix.mesh.t5.config import T5Config
from t5mix.runs.scores.score_files import read_predictions, read_score, write_score
from t5mix.training.checkpoints import Checkpoints
from t5mix.training.loop import train
from t5mix.training.schedules import constant

RELEASED = Path(__file__).parent / "released"
LENGTHS = {"inputs": 24, "targets": 12}
STEPS = 6
SCORE = Score(
    "reverse", "test", 6, None, 2, {"exact": 50.0}, Baseline("majority", 0.5), 1.5, 0,
    predictions=(Prediction("a", "b", "b"), Prediction("é", "d", "c")),
)  # fmt: skip


def stream(folder: Path) -> Stream:
    """Returns batches of two tasks of a few lines, whose text lies in the folder."""
    tasks = []
    feature = t5mix.Feature(t5mix.ByteVocabulary())
    for name in ("reverse", "upper"):
        parse = functools.partial(t5mix.preprocessors.parse_tsv, field_names=["inputs", "targets"])
        steps = [parse, t5mix.preprocessors.tokenize, t5mix.CacheDatasetPlaceholder(), t5mix.preprocessors.append_eos]
        source = t5mix.TextLineDataSource({"train": str(folder / f"{name}.tsv")})
        tasks.append(t5mix.Task(name, source, {"inputs": feature, "targets": feature}, steps))
    return Stream(t5mix.Mixture("released", [(tasks[0], 3.0), (tasks[1], 1.0)]), LENGTHS, 2, cache_dir=folder / "cache")


def engine() -> Engine:
    sizes = {"vocab_size": 259, "d_model": 8, "d_ff": 16, "num_heads": 2, "d_kv": 4}
    config = T5Config(**sizes, num_encoder_layers=1, num_decoder_layers=1)
    return Engine(config, MeshConfig(), batch_size=2, lengths=LENGTHS, num_tasks=2)


def facts(folder: Path, batches: Stream, made: Engine) -> dict[str, Any]:
    """Returns what is read: sums of the arrays, what else the checkpoint holds, and the examples of coming steps."""
    step, state, extra = Checkpoints(folder / "checkpoints").restore(None, made)
    arrays = {name: np.ascontiguousarray(np.asarray(value)) for name, value in state.items()}
    return {
        "step": step,
        "arrays": {name: hashlib.sha256(array.tobytes()).hexdigest() for name, array in arrays.items()},
        "extra": extra,
        "examples": [[list(each) for each in batches.examples(later)] for later in range(step, step + 20)],
        "tokens": {name: array.tolist() for name, array in batches.batch(step).items()},
    }


@pytest.mark.parametrize("version", sorted(path.name for path in RELEASED.iterdir()) if RELEASED.is_dir() else [])
def test_what_a_release_wrote_is_read_as_it_was_meant(version: str, tmp_path: Path) -> None:
    folder = tmp_path / version
    shutil.copytree(RELEASED / version, folder)
    expected = json.loads((folder / "facts.json").read_text())
    batches = stream(folder)
    found = facts(folder, batches, engine())
    assert {name: found[name] for name in ("step", "arrays", "extra")} == {
        name: expected[name] for name in ("step", "arrays", "extra")
    }
    refused = batches.changes(found["extra"]["stream"])
    if refused:  # a checkpoint is not gone on with silently where examples come in another order
        assert "feeds examples in another order" in refused[0]
    else:
        assert (found["examples"], found["tokens"]) == (expected["examples"], expected["tokens"])
    score = read_score(folder / "scores" / "6.json")
    assert score is not None and (score.metrics, score.baseline) == (SCORE.metrics, SCORE.baseline)
    assert tuple(read_predictions(folder / "scores" / "6.json")) == SCORE.predictions


def test_this_version_is_among_them() -> None:
    assert (RELEASED / t5mix.__version__ / "facts.json").is_file()


def write(folder: Path) -> None:
    """Writes what this version leaves."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    chance = random.Random(0)
    for name in ("reverse", "upper"):
        words = ["".join(chance.choices("abcdef", k=chance.randint(2, 8))) for _ in range(30)]
        answers = [word[::-1] if name == "reverse" else word.upper() for word in words]
        lines = [f"{name}: {word}\t{answer}\n" for word, answer in zip(words, answers, strict=True)]
        (folder / f"{name}.tsv").write_text("".join(lines))
    made, batches = engine(), stream(folder)
    train(
        made,
        batches,
        folder=folder,
        schedule=constant(learning_rate=0.01),
        steps=STEPS,
        seed=0,
        start=lambda: made.initialize(0),
        log_every=3,
        keep=1,
    )
    for unneeded in ("tensorboard", "timing.jsonl"):
        path = folder / unneeded
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    write_score(folder / "scores" / "6.json", SCORE)
    (folder / "facts.json").write_text(json.dumps(facts(folder, batches, made)) + "\n")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if sys.argv[1:] else RELEASED / t5mix.__version__)

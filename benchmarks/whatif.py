"""What `t5mix whatif` is worth: a replay is equal bit for bit, and an answer is surer than one from other seeds.

    python benchmarks/whatif.py                # the offline suite's mixture, 400 steps; --quick: three of its tasks, 60

A small model is trained on the mixture once; then again without a change, and without one task: from the start, and
from the checkpoint at three quarters, in both meanings. The same question is then asked as one would without a replay:
the run without the task has another seed. Of each answer, the standard error of a task's difference, over the same test
examples, is put together over tasks as the root of the mean square.

`equal`: whether the replay is the original. `ratio`: the standard error by a replay from the checkpoint (mask) as a
share of that by another seed; `ratios` has the other answers. `unpaired`: the same share for the scores' own standard
errors, as one would compute it from two tables of scores.
"""

import argparse
import json
import math
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import t5mix
from t5mix.runs.config import binding
from t5mix.runs.experiments.replay import compare_bits
from t5mix.runs.experiments.what_if import Change, check_what_if
from t5mix.runs.preflight.checks import check_training
from t5mix.runs.preflight.tasks import model_vocab_size
from t5mix.runs.pretrain import carry_out
from t5mix.runs.scores.comparison import Comparison, compare, find_scores
from t5mix.runs.scores.score_files import read_score

SPLIT = "test"

STARTED = time.perf_counter()

# A model of one block on either side, which takes a tenth of the tiny one's time.
SMALL = [
    "T5Config.d_model = 64",
    "T5Config.d_ff = 256",
    "T5Config.num_heads = 2",
    "T5Config.num_encoder_layers = 1",
    "T5Config.num_decoder_layers = 1",
]
# With --quick: tasks that are tokenized in a second, and answered with a word.
QUICK = ["offline_language", "offline_sentiment", "offline_valence"]


def train(folder: Path, steps: int, *params: str) -> None:
    """Pre-trains on the offline suite and scores it."""
    given = [
        f"Run.folder = {str(folder)!r}",
        f"PRETRAIN_STEPS = {steps}",
        f"pretrain/linear_decay.warmup_steps = {steps // 20}",
        f"Training.checkpoint_every = {steps // 4}",
        "Training.keep = 4",
        "Run.finetune = None",
        *SMALL,
        *params,
    ]
    bound = binding.bind(["runs/offline.gin"], given, vocab_size=model_vocab_size)
    carry_out(bound, check_training(bound.run), ["benchmarks/whatif.py"])


def error_of(comparison: Comparison) -> float:
    """Returns the standard error of a task's difference: the root of the mean square over tasks."""
    squares = [row.difference.standard_error**2 for row in comparison.rows]
    return math.sqrt(math.fsum(squares) / len(squares))


def unpaired_error(first: Path, second: Path, limit: int | None) -> float:
    """Returns the same of the scores' own standard errors."""
    squares = []
    for folder in (first, second):
        for path in find_scores(str(folder), SPLIT, None, limit).files.values():
            score = read_score(path)
            assert score is not None
            squares.append(score.standard_error**2)
    return math.sqrt(2 * math.fsum(squares) / len(squares))


def measure(folder: Path, steps: int, task: str, extra: Sequence[str], limit: int | None) -> dict[str, object]:
    """Trains, asks, and compares."""
    original = folder / "original"
    train(original, steps, *extra)
    _tell("trained")
    same = check_what_if(str(original), Change())
    same.carry_out(["benchmarks/whatif.py"])
    replay = compare_bits(same.original, same.checked)
    _tell("repeated")
    errors = {}
    for meaning in ("mask", "renormalize"):
        for name, start in ((meaning, None), (f"{meaning}_from_checkpoint", 3 * steps // 4)):
            asked = check_what_if(str(original), Change.without([task], meaning, start))
            asked.carry_out(["benchmarks/whatif.py"])
            errors[name] = error_of(asked.compared())
            _tell(name)
    other = folder / "other_seed"
    train(other, steps, *extra, "Run.seed = 1", f"Training.rates = {{{task!r}: 0.0}}")
    _tell("trained with another seed")
    scored = [find_scores(str(path), SPLIT, None, limit) for path in (original, other)]
    of_seeds = error_of(compare(scored, SPLIT))
    return {
        "equal": replay.equal,
        "arrays": replay.arrays,
        "lines": replay.lines,
        "steps": steps,
        "without": task,
        "error_of_two_seeds": round(of_seeds, 3),
        "ratio": round(errors["mask_from_checkpoint"] / of_seeds, 3),
        "ratios": {name: round(error / of_seeds, 3) for name, error in errors.items()},
        "unpaired": round(errors["mask_from_checkpoint"] / unpaired_error(original, other, limit), 3),
    }


def _tell(what: str) -> None:
    print(f"{time.perf_counter() - STARTED:6.1f} s  {what}", file=sys.stderr, flush=True)


def main() -> None:
    """Prints the result, as JSON, in the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--limit", type=int, default=100, help="test examples of each task")
    parser.add_argument("--without", default="offline_sentiment")
    parser.add_argument("--quick", action="store_true", help=f"{len(QUICK)} tasks, 60 steps, 40 examples of each")
    parser.add_argument("--folder", type=Path, help="where the runs go; by default none stays")
    args = parser.parse_args()
    steps, limit = (60, 40) if args.quick else (args.steps, args.limit)
    extra = [f"Evaluation.limit = {limit}", "Training.log_every = 10"]
    if args.quick:
        t5mix.MixtureRegistry.add("quick", QUICK, default_rate=1.0)
        extra += ["Run.mixture = 'quick'", "Run.sequence_length = {'inputs': 48, 'targets': 8}"]
    else:
        extra += ["Run.sequence_length = {'inputs': 96, 'targets': 24}"]
    with tempfile.TemporaryDirectory() as private:
        print(json.dumps(measure(args.folder or Path(private), steps, args.without, extra, limit)), flush=True)


if __name__ == "__main__":
    main()

"""Compares the catalogue with T5 0.9.4 on seqio 0.0.20: every task's text, ids and metrics, every mixture's rates.

    pip install 't5mix[bench]'
    python benchmarks/parity_t5.py --data ../shared/data

For each task both read the same raw examples: of `--data` where the data set is there, else made up after its
features.  What differs and is meant to is named with its reason; the last line is JSON.
"""

import argparse
import dataclasses
import functools
import json
import math
import os
import random
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402
import seqio  # noqa: E402
import t5.data.mixtures  # noqa: E402, F401 (registers tasks and mixtures)
import tensorflow as tf  # noqa: E402
import tensorflow_datasets as tfds  # noqa: E402

import t5mix  # noqa: E402

LENGTHS = {"inputs": 96, "targets": 24}
# Tasks that pack rows themselves want one length.
PACKED_LENGTHS = {"inputs": 64, "targets": 64}
PREDICTIONS = 200

# What is meant to differ: by task, the parts ("number", "ids", "metrics") and the reason.
NOISE = (("ids",), "noise comes from (seed, task, epoch, index), not from T5's generator; what is noised is the same")
INTENDED = {
    "squad_v010": (("metrics",), "T5 compares predictions with letters of the first answer; here with all answers"),
    "squad_v010_allanswers_span": (
        ("number", "metrics"),
        "T5 drops an answer at the text's very end, which is kept here; its metric counts words unlike its targets, so "
        "that right predictions score below 100, here 100",
    ),
    "c4_prefix_lm_objective_encoder_decoder_architecture": (
        ("number",),
        "T5 fails at the last of an odd number of rows, which is packed with padding here",
    ),
    "cnn_dailymail_v002": (("metrics",), "ROUGE is the mean; T5 reports the middle of a random bootstrap of it"),
}
# How far metrics that are meant to differ may be apart.
TOLERANCES = {"cnn_dailymail_v002": 1.0}
# Differences that show only in what no example has, or that the comparison allows for.
ELSEWHERE = [
    "GLUE is read in version 2.0.0 and C4 in version 3.1.0, since TFDS no longer prepares 1.0.0 and 2.2.0",
    "correlations with a constant are 0 where T5 has NaN",
    "c4_*_unsupervised and wikipedia_*: span corruption where gin names no objective, where T5 trains on plain text",
    "c4_v220_full_lm, c4_prefix_lm_objective_*: 100 sentinels are added to the vocabulary, where T5's file holds them",
    "trivia_qa_v010: an answer is a text, where T5 reads a regular expression",
]


@dataclasses.dataclass
class Outcome:
    """What came of one task: the parts that differ, each with an example, and how much was compared."""

    name: str
    data: str
    examples: int = 0
    predictions: int = 0
    differences: dict[str, str] = dataclasses.field(default_factory=dict)

    def differ(self, part: str, what: object) -> None:
        """Notes a difference; the first of each part is kept."""
        self.differences.setdefault(part, str(what)[:600])

    @property
    def unintended(self) -> dict[str, str]:
        """The differences that nobody meant."""
        meant = NOISE[0] if is_noised(self.name) else INTENDED.get(self.name, ((), ""))[0]
        return {part: what for part, what in self.differences.items() if part not in meant}


def is_noised(name: str) -> bool:
    """Tells whether a task puts noise on text."""
    return name.startswith(("c4_", "wikipedia_")) and not name.endswith("_full_lm") and not packs_rows(name)


def packs_rows(name: str) -> bool:
    """Tells whether a task makes rows for a model itself."""
    return name.startswith("c4_prefix_lm_objective_")


def main() -> int:
    """Compares, prints a table and the JSON line; returns 1 when something differs that nobody meant to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of tfds/ and t5_vocab/")
    parser.add_argument("--limit", type=int, default=100, help="raw examples of each split")
    parser.add_argument("tasks", nargs="*", help="tasks to compare; all when none is named")
    arguments = parser.parse_args()
    os.environ["T5MIX_T5_VOCAB"] = str(arguments.data / "t5_vocab" / "spiece.model")
    for task in seqio.TaskRegistry.names():
        for feature in seqio.TaskRegistry.get(task).output_features.values():
            feature.vocabulary._sentencepiece_model_file = os.environ["T5MIX_T5_VOCAB"]
    names = arguments.tasks or sorted(seqio.TaskRegistry.names())
    ours = set(t5mix.TaskRegistry.names())
    outcomes = []
    for name in names:
        if name not in ours:
            continue
        outcome = compare(name, arguments.data, arguments.limit)
        outcomes.append(outcome)
        print(f"{outcome.name:45} {outcome.data:10} {outcome.examples:5} {outcome.predictions:4}", end=" ")
        print("; ".join(f"{part}: {what}" for part, what in outcome.differences.items()) or "equal", flush=True)
    mixtures = {name: mixture_difference(name) for name in sorted(seqio.MixtureRegistry.names())}
    for name, difference in mixtures.items():
        print(f"{name:45} {difference or 'equal'}")
    missing = [name for name in names if name not in ours]
    equal = [outcome for outcome in outcomes if not outcome.unintended]
    reasons = {
        **{name: reason for name, (_, reason) in INTENDED.items()},
        "c4_* and wikipedia_* that make noise": NOISE[1],
    }
    print(
        json.dumps(
            {
                "tasks": len(names),
                "tasks_equal": len(equal),
                "tasks_missing": missing,
                "mixtures": len(mixtures),
                "mixtures_equal": sum(not difference for difference in mixtures.values()),
                "intended_differences": [*(f"{name}: {reason}" for name, reason in reasons.items()), *ELSEWHERE],
            }
        )
    )
    return int(len(equal) < len(names) or any(mixtures.values()))


# Tasks.


def compare(name: str, data: Path, limit: int) -> Outcome:
    """Compares one task."""
    mine, theirs = t5mix.TaskRegistry.get(name), seqio.TaskRegistry.get(name)
    kind, raw = raw_examples(mine.source.tfds_name, data / "tfds", limit)
    outcome = Outcome(name, kind)
    for split in theirs.source._splits or raw:
        if split not in raw:
            continue
        rows, spec = raw[split]
        pair = with_examples(mine, theirs, split, rows, spec)
        compare_split(outcome, *pair, split)
    return outcome


def with_examples(mine: Any, theirs: Any, split: str, rows: Sequence[Any], spec: Any) -> tuple[Any, Any]:
    """Returns both tasks with the same raw examples."""

    def dataset(split: str, shuffle_files: bool = False, seed: int | None = None) -> tf.data.Dataset:
        return tf.data.Dataset.from_generator(lambda: iter(rows), output_signature=spec)

    dataset.fingerprint = lambda split: "none"  # type: ignore[attr-defined]
    mine = mine.replace(source=t5mix.FunctionDataSource(dataset, [split], {split: len(rows)}))
    theirs = seqio.Task(
        theirs.name,
        source=seqio.FunctionDataSource(dataset, [split], {split: len(rows)}),
        output_features=theirs.output_features,
        preprocessors=theirs.preprocessors,
        postprocess_fn=theirs.postprocessor,
        metric_fns=theirs.metric_fns,
    )
    return mine, theirs


def compare_split(outcome: Outcome, mine: Any, theirs: Any, split: str) -> None:
    """Compares texts, ids and metrics of one split."""
    lengths = PACKED_LENGTHS if packs_rows(outcome.name) else LENGTHS
    arguments = {"sequence_length": lengths, "split": split, "shuffle": False, "seed": 7}
    if is_noised(outcome.name):  # what the noise is applied to
        source = {"split": split, "shuffle": False}
        one = list(mine.run_steps(mine.source.get_dataset(**source), mine.steps_before_cache).as_numpy_iterator())
        raw = theirs.source.get_dataset(**source)
        other = list(theirs.preprocess_precache(raw).as_numpy_iterator())
        outcome.differ("ids", NOISE[1])
        compare_rows(outcome, one, other, "tokens")
        return
    one = list(mine.get_dataset(**arguments).as_numpy_iterator())
    other = list(until_it_fails(theirs.get_dataset(**arguments)))
    compare_rows(outcome, one, other, "ids")
    if mine.metric_fns or theirs.metric_fns:
        compare_metrics(outcome, mine, theirs, other)


def until_it_fails(dataset: tf.data.Dataset) -> Iterator[Any]:
    """Yields examples up to the first that cannot be made; how many there are is compared."""
    try:
        yield from dataset.as_numpy_iterator()
    except tf.errors.InvalidArgumentError as error:
        print("T5 fails:", str(error).splitlines()[0][:150])


def compare_rows(outcome: Outcome, one: Sequence[Any], other: Sequence[Any], part: str) -> None:
    """Compares every feature of every example."""
    outcome.examples += len(other)
    if len(one) != len(other):
        outcome.differ("number", f"{len(one)} examples, T5 {len(other)}")
        if all("id" in row for row in [*one, *other]):
            found = {row["id"] for row in other}
            one = [row for row in one if row["id"] in found]
    for row, expected in zip(one, other, strict=False):
        if row.keys() != expected.keys():
            outcome.differ("features", f"{sorted(row)}, T5 {sorted(expected)}")
        for key in row.keys() & expected.keys():
            if not np.array_equal(row[key], expected[key]):
                outcome.differ("text" if key.endswith("_pretokenized") else part, (key, row[key], expected[key]))


def compare_metrics(outcome: Outcome, mine: Any, theirs: Any, rows: Sequence[Any]) -> None:
    """Compares what both make of right, wrong, empty and garbage predictions, alone and together."""
    rows = [row for row in rows if row["targets_pretokenized"] != b"<unk>"]  # hidden labels
    if not rows:
        return
    rows = [rows[i % len(rows)] for i in range(PREDICTIONS)]
    texts = [row["targets_pretokenized"].decode() for row in rows]
    if outcome.name.endswith("_1_sentinel") or "_1_sentinel_" in outcome.name:
        texts = [f"<extra_id_0> {text}" for text in texts]
    for kind, predictions in predicted(texts):
        outcome.predictions = max(outcome.predictions, len(predictions))
        one, other = judged(mine, rows, texts, predictions), judged(theirs, rows, texts, predictions)
        if not close(one, other, 1e-9):
            outcome.differ("metrics", f"{kind}: {one}, T5 {other}")
        if not close(one, other, TOLERANCES.get(outcome.name, math.inf)):
            outcome.differ("metrics far apart", f"{kind}: {one}, T5 {other}")


def predicted(texts: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Yields sets of predictions for targets."""
    draw = random.Random(94043)
    right, wrong = list(texts), draw.sample(texts, len(texts))
    garbage = ["".join(draw.choices("ab <>é,.1'\"", k=draw.randrange(1, 30))) for _ in texts]
    changed = [text.title().replace(" ", "  ") + "." for text in texts]
    kinds = {"right": right, "wrong": wrong, "empty": [""] * len(texts), "garbage": garbage, "changed": changed}
    yield from kinds.items()
    choices = list(kinds.values())
    yield "mixed", [draw.choice(choices)[i] for i in range(len(texts))]


def judged(task: Any, rows: Sequence[Any], texts: Sequence[str], predictions: Sequence[str]) -> dict[str, float]:
    """Returns a task's metrics of predictions."""
    targets = [task.postprocess_fn(text, example=row, is_target=True) for text, row in zip(texts, rows, strict=True)]
    outputs = [
        task.postprocess_fn(text, example=row, is_target=False) for text, row in zip(predictions, rows, strict=True)
    ]
    result: dict[str, float] = {}
    for metric in task.metric_fns:
        result.update(metric(targets, outputs))
    return {key: float(value) for key, value in result.items()}


def close(one: Mapping[str, float], other: Mapping[str, float], tolerance: float) -> bool:
    """Tells whether metrics agree; where T5 has NaN, a correlation with a constant, 0 is meant."""
    return one.keys() == other.keys() and all(
        math.isclose(one[key], 0.0 if math.isnan(other[key]) else other[key], rel_tol=1e-9, abs_tol=tolerance)
        for key in one
    )


# Raw examples.


@functools.cache
def raw_examples(name: str, folder: Path, limit: int) -> tuple[str, dict[str, tuple[list[Any], Any]]]:
    """Returns "real" or "made up", and for each split raw examples and their spec."""
    builder = tfds.builder(name, data_dir=folder, try_gcs=False)
    if builder.is_prepared():
        found = {split: builder.as_dataset(split, shuffle_files=False).take(limit) for split in builder.info.splits}
        return "real", {split: (list(each.as_numpy_iterator()), each.element_spec) for split, each in found.items()}
    draw = random.Random(name)
    spec = builder.info.features.get_tensor_spec()
    rows = [made_up(builder.info.features, draw, ()) for _ in range(limit)]
    if name.startswith("trivia_qa"):
        rows = [answerable(row, draw) for row in rows]
    return "made up", dict.fromkeys(("train", "validation", "test"), (rows, spec))


WORDS = 'the an a Ann Bob "sang", (loud) <b>it</b> naïve Köln 3.14 U.S. won\'t rain? <br> x_y\n end. ȃ'.split(" ")


def made_up(feature: Any, draw: random.Random, path: tuple[str, ...]) -> Any:
    """Returns a random value of a TFDS feature."""
    if isinstance(feature, tfds.features.Sequence):
        inner = feature.feature
        values = [made_up(inner, draw, path) for _ in range(draw.randrange(1, 4))]
        if isinstance(inner, tfds.features.FeaturesDict):
            return {key: [value[key] for value in values] for key in inner}
        return values
    if isinstance(feature, tfds.features.FeaturesDict):
        return {key: made_up(inner, draw, (*path, key)) for key, inner in feature.items()}
    if isinstance(feature, tfds.features.ClassLabel):
        return draw.randrange(-1, feature.num_classes)
    if feature.tf_dtype == tf.string:
        return " ".join(draw.choices(WORDS, k=draw.randrange(1, 40))).encode()
    return np.dtype(feature.np_dtype).type(draw.randrange(5))


def answerable(row: dict[str, Any], draw: random.Random) -> dict[str, Any]:
    """Gives a made-up TriviaQA example answers that stand in its texts, in small letters and without punctuation."""
    row["answer"]["normalized_aliases"] = draw.sample(["ann", "bob", "the an", "an a", "köln", "rain", "nobody"], 4)
    return row


# Mixtures.


class Counted:
    """Stands in for a task where only its name and number of examples are asked for."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.cache_dir = None

    def num_input_examples(self, split: str) -> int:
        """Returns some number that depends on the name."""
        return 1 + sum(self.name.encode()) ** 2


def mixture_difference(name: str) -> str:
    """Returns how the rates of a mixture differ, or "" when they are equal."""
    theirs = seqio.MixtureRegistry.get(name)._task_to_rate
    mine = t5mix.MixtureRegistry.get(name).rate_per_task_name
    rates = [{task: number(rate, task) for task, rate in each.items()} for each in (mine, theirs)]
    return "" if rates[0] == rates[1] else f"{rates[0]}, T5 {rates[1]}"


def number(rate: float | Callable[..., float], task: str) -> float:
    """Returns a rate as a number."""
    return float(rate(Counted(task)) if callable(rate) else rate)


if __name__ == "__main__":
    sys.exit(main())

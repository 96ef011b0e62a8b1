"""Whether `t5mix plan` says what the stream then feeds.

    pip install 't5mix[dev]'
    python benchmarks/plan_is_right.py

Hypothesis makes 20 mixtures from a seed: 1 to 8 tasks of 1 to 3,000 examples, with short texts, long ones that are
truncated, or documents for span corruption and for noise whose lengths differ between epochs; rates over four orders of
magnitude, constant, in stages or along a line, as shares of examples or of target tokens, with and without a limit of
epochs; packed, one example a row, or for a decoder alone.  Each is planned, and its stream is then run to the end:
examples and tokens are counted in the arrays of its batches, repetitions in what it says that it feeds.

`equal`: mixtures of which every number is the same: examples, tokens of each feature, first repetition, what was
dropped, fill.  `largest_difference`: of a task's share of tokens, planned and fed.  `largest_difference_estimated`:
the same of plans that may look up no length and place no window.  The last line is JSON.
"""

import argparse
import collections
import dataclasses
import itertools
import json
import os
import random
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any
from unittest import mock

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

import t5mix
from t5mix.data import Stream
from t5mix.data.planning import planner, repetitions, tallies
from t5mix.data.planning.feed_plan import FeedPlan
from t5mix.declarations import rates
from t5mix.preprocessors import append_eos_after_trim, objectives, tokenize

VOCABULARY = t5mix.ByteVocabulary(extra_ids=100)
# What runs behind the cache, by kind of task.
OBJECTIVES = {
    "texts": (),
    "long texts": (),
    "spans": (objectives.span_corruption(noise_density=0.15),),
    "noise": (objectives.iid_denoising(noise_density=0.15),),
}

MIXING = ("constant", "stages", "line", "tokens", "limits")


@dataclasses.dataclass(frozen=True)
class Case:
    """A mixture and how it is fed."""

    tasks: tuple[tuple[str, int, float], ...]  # kind, examples, rate
    length: int
    batch_size: int
    steps: int
    layout: str  # "packed", "plain" or "decoder only"
    mixing: str  # one of MIXING
    seed: int


CASES = st.builds(
    Case,
    tasks=st.lists(
        st.tuples(
            st.sampled_from(sorted(OBJECTIVES)),
            st.integers(1, 3000) | st.integers(1, 30),
            st.floats(-2, 2).map(lambda power: 10.0**power),
        ),
        min_size=1,
        max_size=8,
    ).map(tuple),
    length=st.integers(24, 96),
    batch_size=st.integers(1, 48),
    steps=st.integers(1, 400),
    layout=st.sampled_from(("packed", "packed", "plain", "decoder only")),
    mixing=st.sampled_from(MIXING),
    seed=st.integers(0, 2**31),
)


def main() -> int:
    """Plans, runs and compares; returns 1 where something differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mixtures", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    cases = made(options.mixtures, options.seed)
    equal, exact, estimated, planning, running = 0, 0.0, 0.0, 0.0, 0.0
    for number, case in enumerate(cases):
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what is dropped
            stream = opened(case, folder)
            steps = min(case.steps, stream.steps or case.steps)
            started = time.perf_counter()
            plan = stream.plan(case.steps)
            planned = time.perf_counter()
            fed = run_to_end(stream, steps)
            planning, running = planning + planned - started, running + time.perf_counter() - planned
            wrong = differences(plan, fed)
            equal += not wrong
            exact = max(exact, share_difference(plan, fed))
            estimated = max(estimated, share_difference(about(stream, steps), fed))
            kinds = ", ".join(kind for kind, _, _ in case.tasks)
            told = "equal" if not wrong else "; ".join(wrong[:3])
            how = f"{case.mixing}, {case.layout}, {steps} steps of {case.batch_size}"
            print(f"{number}: {how}: {kinds}: {told}", flush=True)
    found = {
        "mixtures": len(cases),
        "equal": equal,
        "largest_difference": exact,
        "largest_difference_estimated": round(estimated, 4),
        "planning_s": round(planning, 1),
        "running_s": round(running, 1),
    }
    print(json.dumps(found))
    return 0 if equal == len(cases) and exact <= 0.01 else 1


def made(count: int, first: int) -> list[Case]:
    """Returns Hypothesis's cases, the last of some few for each seed: the first ones are small."""
    return [_made(number)[-1] for number in range(first, first + count)]


def _made(number: int) -> list[Case]:
    cases: list[Case] = []

    @seed(number)
    @settings(
        max_examples=5, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck), deadline=None
    )
    @given(CASES)
    def collect(case: Case) -> None:
        cases.append(case)

    collect()
    return cases


def opened(case: Case, folder: str) -> Stream:
    """Makes the tasks of a case, and its stream."""
    tasks = [task(f"task_{n}", kind, count, case.length) for n, (kind, count, _) in enumerate(case.tasks)]
    first = {one.name: rate for one, (_, _, rate) in zip(tasks, case.tasks, strict=True)}
    last = dict(zip(first, reversed(first.values()), strict=True))
    mixing: dict[str, Any] = {
        "constant": {"rates": first},
        "stages": {"rates": {0: first, 1 + case.steps // 3: last}},
        "line": {"rates": rates.linear(first, last, case.steps // 4, 1 + case.steps)},
        "tokens": {"rates": first, "unit": "target_tokens"},
        "limits": {"rates": first, "max_epochs": 1.5},
    }[case.mixing]
    layout: dict[str, Any] = {"pack": case.layout != "plain", "decoder_only": case.layout == "decoder only"}
    lengths = {"inputs": case.length, "targets": case.length}
    mixture = t5mix.Mixture("mixture", tasks, **mixing)
    return Stream(mixture, lengths, case.batch_size, seed=case.seed, cache_dir=folder, **layout)


def task(name: str, kind: str, count: int, length: int) -> t5mix.Task:
    """Makes a task of random texts."""
    source = random.Random(f"{name} {kind} {count}")
    longest = {"texts": length // 2, "long texts": 2 * length}.get(kind, 3 * length)

    def texts(shortest: int) -> list[str]:
        return ["".join(source.choices("abcdefgh ", k=source.randint(shortest, longest))) for _ in range(count)]

    columns = {"inputs": [""] * count if kind in ("spans", "noise") else texts(0), "targets": texts(1)}

    def data(split: str, shuffle_files: bool) -> Any:
        import tensorflow as tf

        return tf.data.Dataset.from_tensor_slices(columns)

    feature = t5mix.Feature(VOCABULARY)
    return t5mix.Task(
        name,
        source=t5mix.FunctionDataSource(data, splits=["train"]),
        preprocessors=[tokenize, t5mix.CacheDatasetPlaceholder(), *OBJECTIVES[kind], append_eos_after_trim],
        output_features={"inputs": t5mix.Feature(VOCABULARY, required=False), "targets": feature},
    )


@dataclasses.dataclass(frozen=True)
class Fed:
    """What a stream fed, by task and feature."""

    examples: collections.Counter
    tokens: collections.Counter
    repeated: dict[str, int]
    dropped: dict[str, int]


def run_to_end(stream: Stream, steps: int) -> Fed:
    """Runs a stream and counts."""
    examples, tokens = collections.Counter(), collections.Counter()
    seen, repeated = set(), dict[str, int]()
    for step in range(steps):
        for name, _, index in stream.examples(step):
            if (name, index) in seen:
                repeated.setdefault(name, step)
            seen.add((name, index))
        count(stream, stream.batch(step), examples, tokens)
    return Fed(examples, tokens, repeated, stream.statistics().dropped)


def count(
    stream: Stream, batch: dict[str, np.ndarray], examples: collections.Counter, tokens: collections.Counter
) -> None:
    """Counts the examples and tokens of a batch in its arrays."""
    joined = "decoder_segment_ids" in batch
    segments = batch["decoder_segment_ids" if joined else "targets_segment_ids"]
    task_of = np.full((len(segments), int(segments.max()) + 2), -1)
    for row, position in np.argwhere(batch["targets_task"] >= 0):  # every example has a target: its EOS
        task_of[row, segments[row, position]] = batch["targets_task"][row, position]
    for number, found in zip(*np.unique(task_of[task_of >= 0], return_counts=True), strict=True):
        examples[stream.task_names[number]] += int(found)
    is_target = batch["decoder_loss_weights"] > 0 if joined else segments > 0
    parts = {"targets": (segments, is_target)}
    inputs = segments if joined else batch["inputs_segment_ids"]
    parts["inputs"] = (inputs, (segments > 0) & ~is_target if joined else inputs > 0)
    for feature, (numbers, there) in parts.items():
        rows = np.broadcast_to(np.arange(len(numbers))[:, None], numbers.shape)
        for number, found in zip(*np.unique(task_of[rows[there], numbers[there]], return_counts=True), strict=True):
            tokens[stream.task_names[number], feature] += int(found)


def differences(plan: FeedPlan, fed: Fed) -> list[str]:
    """Returns what a plan says otherwise than it was."""
    wrong = [] if plan.exact else ["it has estimates"]
    for one in plan.tasks:
        for what, said, was in (
            ("examples", one.fed, fed.examples[one.task]),
            ("tokens", dict(one.tokens), {feature: fed.tokens[one.task, feature] for feature in one.tokens}),
            ("first repetition", one.first_repetition, fed.repeated.get(one.task)),
            ("dropped", one.dropped, fed.dropped.get(one.task, 0)),
        ):
            if said != was:
                wrong.append(f"{one.task}: {what} {said}, was {was}")
    slots = plan.steps * plan.batch_size
    for name, share in plan.fill.items():
        features = (name,) if name in plan.lengths else tuple(plan.lengths)
        was = sum(fed.tokens[one.task, feature] for one, feature in itertools.product(plan.tasks, features))
        if share != was / (slots * sum(plan.lengths[feature] for feature in features)):
            wrong.append(f"fill of {name} is {share}")
    return wrong


def share_difference(plan: FeedPlan, fed: Fed) -> float:
    """Returns the largest difference between a task's share of tokens as planned and as it was."""
    total = fed.tokens.total()
    was = {one.task: sum(fed.tokens[one.task, feature] for feature in one.tokens) / total for one in plan.tasks}
    return max(abs(one.token_share - was[one.task]) for one in plan.tasks)


def about(stream: Stream, steps: int) -> FeedPlan:
    """Plans with estimates wherever there may be some."""
    limits = ((planner, "_PLACED"), (tallies, "_LOOKED_UP"), (repetitions, "_TASKS"))
    with mock.patch.object(*limits[0], 0), mock.patch.object(*limits[1], 0), mock.patch.object(*limits[2], 0):
        return stream.plan(steps)


if __name__ == "__main__":
    sys.exit(main())

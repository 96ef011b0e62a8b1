"""What is planned is what the stream feeds."""

import dataclasses
from collections import Counter

import numpy as np
import pytest

from t5mix.data import Stream
from t5mix.data.packing import windows
from t5mix.data.packing.capacity import Plan
from t5mix.data.planning import planner, repetitions, tallies
from t5mix.declarations.mixture import Mixture
from t5mix.preprocessors import append_eos_after_trim, objectives

LENGTHS = {"inputs": 24, "targets": 12}


def run_to(stream: Stream, steps: int) -> dict[str, dict]:
    """Runs a stream and counts what its batches hold, task by task: the oracle."""
    fed, first, tokens, truncated, lost = Counter(), {}, Counter(), Counter(), Counter()
    seen = set()
    for step in range(steps):
        for task, epoch, index in stream.examples(step):
            fed[task] += 1
            loses = stream._examples[task].lost(epoch, np.array([index]))[0].tolist()
            for feature, number in zip(LENGTHS, loses, strict=True):
                truncated[task, feature] += number > 0
                lost[task, feature] += number
            if (task, index) in seen:
                first.setdefault(task, step)
            seen.add((task, index))
        batch = stream.batch(step)
        for row in range(stream.batch_size):
            segments, tasks = batch["targets_segment_ids"][row], batch["targets_task"][row]
            names = {s: stream.task_names[t] for s, t in zip(segments.tolist(), tasks.tolist(), strict=True) if s}
            for feature in ("inputs", "targets"):
                for segment in batch[f"{feature}_segment_ids"][row].tolist():
                    if segment:
                        tokens[names[segment], feature] += 1
    return {"fed": fed, "first": first, "tokens": tokens, "truncated": truncated, "lost": lost}


def check(stream: Stream, steps: int) -> None:
    plan = stream.plan(steps)
    ran = run_to(stream, steps)
    assert plan.exact and [one.task for one in plan.tasks] == list(stream.task_names)
    for one in plan.tasks:
        assert one.fed == ran["fed"][one.task]
        assert one.first_repetition == ran["first"].get(one.task), one
        for what in ("tokens", "truncated", "lost"):
            assert getattr(one, what) == {feature: ran[what][one.task, feature] for feature in LENGTHS}
        assert one.share == pytest.approx(one.fed / sum(ran["fed"].values()))
        assert one.token_share == pytest.approx(sum(one.tokens.values()) / sum(ran["tokens"].values()))
    for feature, length in LENGTHS.items():
        in_all = sum(number for (_, name), number in ran["tokens"].items() if name == feature)
        assert plan.fill[feature] == pytest.approx(in_all / (steps * stream.batch_size * length))
    dropped = stream.statistics().dropped
    assert {one.task: one.dropped for one in plan.tasks if one.dropped} == dropped


def mixed(make_task, make_texts) -> Mixture:
    documents = {"inputs": [""] * 20, "targets": make_texts("docs", 20, 0, 90)}
    corruption = objectives.span_corruption(noise_density=0.15)
    noisy = objectives.iid_denoising(noise_density=0.15)  # its lengths differ from epoch to epoch
    tasks = [
        (make_task("long", count=60, longest=40), 1.0),
        (make_task("short", count=5, longest=6), 2.0),
        (make_task("text", columns=documents, after=[corruption, append_eos_after_trim]), 1.5),
        (make_task("noisy", columns=documents, after=[noisy, append_eos_after_trim]), 0.5),
        (make_task("rare", count=30), 0.01),
    ]
    return Mixture("mixed", tasks)


@pytest.mark.filterwarnings("ignore:.*found no room")
@pytest.mark.parametrize("pack", [True, False])
@pytest.mark.parametrize("steps", [1, 7, 40, 100])
def test_a_plan_is_what_the_stream_feeds(make_task, make_texts, monkeypatch, pack, steps):
    monkeypatch.setattr(windows, "_ROWS", 16)  # small windows: much waits, some is dropped
    stream = Stream(mixed(make_task, make_texts), LENGTHS, 4, seed=steps, pack=pack)
    check(stream, steps)


@pytest.mark.filterwarnings("ignore:.*found no room")
@pytest.mark.parametrize("steps", [21, 64])
def test_what_is_dropped_is_counted_and_not_fed(make_task, make_texts, monkeypatch, steps):
    monkeypatch.setattr(windows, "_ROWS", 16)
    planned = Plan.of.__func__
    # A block gets more draws than it has room for: some wait in vain.
    monkeypatch.setattr(
        Plan,
        "of",
        classmethod(lambda cls, *arguments: _greedy(planned(cls, *arguments))),
    )
    stream = Stream(mixed(make_task, make_texts), LENGTHS, 4)
    check(stream, steps)
    assert sum(stream.statistics().dropped.values()) > 0


def _greedy(plan: Plan) -> Plan:
    return dataclasses.replace(plan, draws=int(plan.draws * 1.3), room=tuple(2 * room for room in plan.room))


@pytest.mark.parametrize("decoder_only", [True, False])
def test_shares_over_steps_add_up_to_those_of_all_steps(make_task, make_texts, monkeypatch, decoder_only):
    monkeypatch.setattr(windows, "_ROWS", 16)
    for steps in (3, 200, 1001):
        stream = Stream(mixed(make_task, make_texts), LENGTHS, 4, decoder_only=decoder_only)
        plan = stream.plan(steps, over_steps=True)
        assert plan.over_steps[0].start == 0 and len(plan.over_steps) == min(48, steps)
        ends = [part.stop for part in plan.over_steps]
        assert ends == [part.start for part in plan.over_steps[1:]] + [steps]
        for part in plan.over_steps:
            assert sum(part.examples) == pytest.approx(1) == pytest.approx(sum(part.tokens))
        weights = [part.stop - part.start for part in plan.over_steps]
        means = np.average([part.examples for part in plan.over_steps], axis=0, weights=weights)
        assert steps == 3 or means == pytest.approx([one.share for one in plan.tasks], abs=0.02)


def test_estimates_are_said_to_be_some(make_task, make_texts, monkeypatch):
    monkeypatch.setattr(windows, "_ROWS", 16)
    stream = Stream(mixed(make_task, make_texts), LENGTHS, 4)
    exact = stream.plan(300, every=True)
    monkeypatch.setattr(planner, "_PLACED", 3)
    monkeypatch.setattr(repetitions, "_TASKS", 0)
    monkeypatch.setattr(tallies, "_LOOKED_UP", 100)
    about = stream.plan(300)
    assert exact.exact and not about.exact and about.placed == 3
    for one, known in zip(about.tasks, exact.tasks, strict=True):
        assert one.fed == known.fed and one.epochs == known.epochs
        assert one.tokens["targets"] == pytest.approx(known.tokens["targets"], rel=0.1, abs=10)
        if known.first_repetition is not None:
            assert not one.first_repetition_exact
            assert one.first_repetition == pytest.approx(known.first_repetition, abs=4)
    assert stream.plan(300, every=True) == exact


def test_no_steps_are_refused(make_task):
    stream = Stream(make_task("a"), LENGTHS, 4)
    with pytest.raises(ValueError, match="steps is 0; give a number of steps"):
        stream.plan(0)

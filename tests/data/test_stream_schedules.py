"""Rates that change with the step, shares of tokens, limits of epochs and streams that end."""

from collections import Counter

import numpy as np
import pytest

from t5mix.data import Stream
from t5mix.data.packing import windows
from t5mix.declarations import rates
from t5mix.declarations.mixture import Mixture

LENGTHS = {"inputs": 32, "targets": 17}


@pytest.fixture
def small_windows(monkeypatch):
    monkeypatch.setattr(windows, "_ROWS", 64)


@pytest.fixture
def tasks(make_task):
    return [make_task("a", count=40, longest=30), make_task("b", count=25, longest=8), make_task("c", count=60)]


def _tasks_of(stream, step):
    return Counter(task for task, _, _ in stream.examples(step))


@pytest.mark.parametrize("pack", [True, False])
def test_a_stage_begins_with_the_first_row_of_its_step(tasks, small_windows, pack):
    changing = {0: {"a": 1.0, "b": 2.0}, 37: {"b": 1.0, "c": 1.0}, 100: {"a": 1.0}, 103: {"c": 1.0}}
    stream = Stream(Mixture("m", tasks, rates=changing), LENGTHS, 8, pack=pack, seed=3)
    for steps, names in ((range(37), "ab"), (range(37, 100), "bc"), (range(100, 103), "a"), (range(103, 140), "c")):
        found = sum((_tasks_of(stream, step) for step in steps), Counter())
        assert set(found) == set(names)
        assert all(_tasks_of(stream, steps[0])[name] for name in names)
    assert stream.statistics().dropped == {}
    assert [(change.step, change.why) for change in stream.changes_of_shares] == [
        (0, ""),
        (37, "rates change"),
        (100, "rates change"),
        (103, "rates change"),
    ]
    assert stream.shares(36) == pytest.approx({"a": 1 / 3, "b": 2 / 3, "c": 0})
    assert stream.shares(37) == {"a": 0, "b": 0.5, "c": 0.5}


@pytest.mark.parametrize("pack", [True, False])
def test_every_example_of_an_epoch_comes_once_through_all_changes(tasks, small_windows, pack):
    change = rates.linear({"a": 3.0, "b": 1.0, "c": 1.0}, {"a": 0.5, "b": 1.0, "c": 4.0}, 10, 90)
    stream = Stream(Mixture("m", tasks, rates=change), LENGTHS, 8, pack=pack, seed=1)
    drawn = Counter(example for step in range(130) for example in stream.examples(step))
    assert max(drawn.values()) == 1 and stream.statistics().dropped == {}
    counts = Counter(task for task, _, _ in drawn)
    assert stream.fed(130) == counts
    for name, size in (("a", 40), ("b", 25), ("c", 60)):
        of_epoch = Counter(epoch for task, epoch, _ in drawn if task == name)
        full = [epoch for epoch, count in of_epoch.items() if count == size]
        assert len(full) >= len(of_epoch) - 2


@pytest.mark.parametrize("pack", [True, False])
def test_a_seek_is_a_replay_through_changes(tasks, small_windows, digest, pack):
    change = rates.linear({"a": 3.0, "b": 1.0}, {"b": 1.0, "c": 4.0}, 10, 90)
    mixture = Mixture("m", tasks, rates=change, max_epochs={"b": 9})
    replayed = [digest(stream, [step]) for stream in [Stream(mixture, LENGTHS, 8, pack=pack)] for step in range(150)]
    fresh = Stream(mixture, LENGTHS, 8, pack=pack)
    steps = np.random.default_rng(0).permutation(150).tolist()
    assert all(digest(fresh, [step]) == replayed[step] for step in steps)
    assert fresh.statistics().dropped == {}
    halves = [Stream(mixture, LENGTHS, 8, pack=pack).batch(120, rows)["targets"] for rows in (slice(0, 4), slice(4, 8))]
    assert np.array_equal(np.concatenate(halves), fresh.batch(120)["targets"])


@pytest.mark.parametrize("pack", [True, False])
def test_the_counts_of_each_task_are_within_one_example_of_what_is_intended(tasks, small_windows, pack):
    stream = Stream(
        Mixture("m", tasks, rates={0: {"a": 1, "b": 2, "c": 1}, 40: {"a": 1, "b": 0.1, "c": 0.3}}),
        LENGTHS,
        8,
        pack=pack,
    )
    counts, intended = Counter(), stream._timetable.intended
    for step in range(80):
        counts.update(_tasks_of(stream, step))
        draws = sum(counts.values())
        if not pack:
            whole, part = intended.sums(draws)
            for number, name in enumerate("abc"):
                assert abs(counts[name] - whole[number] - part[number] / 2**48) < 1
    if pack:  # at the end of the stage, what waits for room apart
        assert stream.fed(40) == sum((_tasks_of(stream, step) for step in range(40)), Counter())


@pytest.mark.parametrize("pack", [True, False])
def test_rates_that_never_change_give_the_bytes_of_constant_ones(tasks, digest, pack):
    constant = Stream(Mixture("m", list(zip(tasks, (1.0, 2.0, 0.5), strict=True))), LENGTHS, 8, pack=pack)
    same = Stream(
        # Shares are what counts.
        Mixture(
            "m",
            tasks,
            rates={0: {"a": 1, "b": 2, "c": 0.5}, 30: {"a": 3, "b": 6, "c": 1.5}, 50: {"a": 1, "b": 2, "c": 0.5}},
        ),
        LENGTHS,
        8,
        pack=pack,
    )
    assert digest(same, range(60)) == digest(constant, range(60))
    assert same.state(5) == constant.state(5) and "mixing" not in constant.state(5)
    assert constant.steps is None and constant.changes_of_shares[0].shares == tuple(constant.shares(0).values())


@pytest.mark.parametrize("pack", [True, False])
def test_a_finite_stream_has_each_example_so_often_and_ends(tasks, small_windows, digest, pack):
    mixture = Mixture("m", list(zip(tasks, (1.0, 1.0, 5.0), strict=True)), max_epochs=3)
    stream = Stream(mixture, LENGTHS, 8, pack=pack, seed=2)
    assert stream.steps is not None and stream.steps <= (3 * 125 / 8 + 1 if not pack else 60)
    drawn = Counter((task, index) for step in range(stream.steps) for task, _, index in stream.examples(step))
    assert drawn == {(name, index): 3 for name, count in (("a", 40), ("b", 25), ("c", 60)) for index in range(count)}
    assert stream.fed(stream.steps) == stream.fed(10**9) == {"a": 120, "b": 75, "c": 180}
    assert digest(stream, range(stream.steps)) == digest(
        Stream(mixture, LENGTHS, 8, pack=pack, seed=2), range(stream.steps)
    )
    assert stream.changes_of_shares[-1].why == "no task with a rate is left: the stream ends"
    with pytest.raises(ValueError, match=rf"ends after {stream.steps} steps"):
        stream.batch(stream.steps)


@pytest.mark.parametrize("batch_size", [1, 4])
def test_a_finite_stream_has_no_more_steps_than_its_examples_fill(make_task, batch_size):
    long = make_task("long", columns={"inputs": ["x" * 30] * 40, "targets": ["y"] * 40})
    stream = Stream(Mixture("m", [(long, 1.0)], max_epochs=1), LENGTHS, batch_size)
    assert stream.steps == 40 // batch_size == stream.changes_of_shares[-1].step
    assert {len(stream.examples(step)) for step in range(stream.steps)} == {batch_size}
    short = make_task("short", columns={"inputs": ["x" * 5] * 40, "targets": ["y"] * 40})
    stream = Stream(Mixture("m", [(short, 1.0)], max_epochs=1), LENGTHS, batch_size)
    assert stream.steps == 8 // batch_size  # five in a row


@pytest.mark.parametrize("pack", [True, False])
def test_the_share_of_a_task_that_has_had_its_epochs_goes_to_the_others(tasks, small_windows, pack):
    mixture = Mixture("m", list(zip(tasks, (1.0, 2.0, 1.0), strict=True)), max_epochs={"b": 2.5})
    stream = Stream(mixture, LENGTHS, 8, pack=pack)
    drawn = Counter(example for step in range(100) for example in stream.examples(step))
    counts = Counter(task for task, _, _ in drawn)
    assert max(drawn.values()) == 1 and counts["b"] == 62 and stream.steps is None
    last = stream.changes_of_shares[-1]
    assert last.why == "max_epochs of b reached" and last.shares == (0.5, 0.0, 0.5)
    assert not any(_tasks_of(stream, step)["b"] for step in range(last.step + 16, 100))
    assert abs(counts["a"] - counts["c"]) <= 0.1 * counts["a"]


def test_rates_that_leave_all_shares_as_they_are_change_nothing(tasks, small_windows):
    rising = rates.linear({"a": 1.0, "b": 1.0}, {"a": 3.0, "b": 1.0}, 0, 90)
    stream = Stream(Mixture("m", tasks[:2], rates=rising, max_epochs={"b": 0.5}), LENGTHS, 8)
    last = stream.changes_of_shares[-1]
    assert last.why == "max_epochs of b reached" and last.shares == (1.0, 0.0) and last.step < 20


@pytest.mark.parametrize(("unit", "features"), [("target_tokens", [1]), ("tokens", [0, 1])])
@pytest.mark.parametrize("pack", [True, False])
def test_shares_of_tokens_are_what_rates_say(tasks, unit, features, pack):
    changing = {0: {"a": 1.0, "b": 1.0, "c": 2.0}, 500: {"a": 3.0, "b": 1.0, "c": 1.0}}
    stream = Stream(Mixture("m", tasks, rates=changing, unit=unit), LENGTHS, 8, pack=pack)
    for steps, shares in ((range(500), (0.25, 0.25, 0.5)), (range(500, 1000), (0.6, 0.2, 0.2))):
        tokens = np.zeros(3)
        for step in steps:
            draws = stream._batch_rows(step).draws
            np.add.at(tokens, draws.task, draws.lengths[:, features].sum(axis=1))
        assert tokens / tokens.sum() == pytest.approx(shares, abs=0.01)


def test_a_state_tells_schedules_apart(tasks):
    def state(**mixing):
        return Stream(Mixture("m", tasks, **mixing), LENGTHS, 8).state(7)

    def changes(old, **mixing):
        return Stream(Mixture("m", tasks, **mixing), LENGTHS, 8).changes(old)

    even = {"a": 1.0, "b": 1.0, "c": 1.0}
    changing = {0: even, 50: {"a": 1.0, "b": 2.0, "c": 1.0}}
    old = state(rates=changing)
    assert changes(old, rates=changing) == []
    assert changes(state(rates=even), rates=even) == []
    said = changes(old, rates=even)[0]
    assert said.startswith("mixing was {'rates': ['0 ") and said.endswith("and is None")
    assert len(changes(old, rates={0: even, 51: {"a": 1.0, "b": 2.0, "c": 1.0}})) == 1
    assert len(changes(state(rates=even), rates=even, max_epochs=4)) == 1
    assert changes(state(rates=even), rates=even, unit="tokens")[0] == "mixing was None and is {'unit': 'tokens'}"


def test_what_cannot_work_is_refused_by_name(tasks, make_task):
    short = {0: {"a": 1.0, "b": 1.0, "c": 1.0}, 1: {"a": 1.0, "b": 0.3, "c": 0.3}, 2: {"a": 1.0}}
    with pytest.raises(ValueError, match="'m': its stage from step 1 to 2 draws too few examples, 1, for the 2 tasks"):
        Stream(Mixture("m", tasks, rates=short), LENGTHS, 1, pack=False)
    with pytest.raises(ValueError, match="draws from nothing from step 5 on"):
        other = make_task("d", splits=["validation"])
        Stream(Mixture("m", [tasks[0], other], rates={0: {"a": 1.0, "d": 1.0}, 5: {"d": 1.0}}), LENGTHS, 1, pack=False)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("limits", [{"a": 2, "b": 1, "d": 1, "e": 1}, {"a": 1, "d": 1}, dict.fromkeys("abcde", 1)])
@pytest.mark.parametrize("batch_size", [1, 4])
def test_nothing_is_left_out_where_tasks_of_other_lengths_end_soon_after_each_other(
    make_task, monkeypatch, limits, batch_size
):
    monkeypatch.setattr(windows, "_ROWS", 256)
    sizes = {"a": (60, 30), "b": (25, 8), "c": (400, 40), "d": (7, 12), "e": (130, 60)}
    tasks = [make_task(name, count=count, longest=longest) for name, (count, longest) in sizes.items()]
    stream = Stream(Mixture("m", tasks, default_rate=1.0, max_epochs=limits), LENGTHS, batch_size)
    steps = stream.steps or 600 // batch_size
    drawn = Counter(example for step in range(steps) for example in stream.examples(step))
    counts = Counter(task for task, _, _ in drawn)
    assert max(drawn.values()) == 1 and stream.statistics().dropped == {}
    for name, limit in limits.items():
        assert counts[name] == limit * sizes[name][0]
    assert {one.task: one.fed for one in stream.plan(steps).tasks} == counts


def test_tasks_may_end_in_stages_of_a_few_rows(make_task):
    tasks = [make_task("b", count=25, longest=8), make_task("e", count=130, longest=60)]
    line = rates.linear({"b": 1.0, "e": 0.43}, {"e": 4.3}, 0, 101)
    limits = {"b": 2, "e": 1}
    stream = Stream(Mixture("m", tasks, rates=line, unit="target_tokens", max_epochs=limits), LENGTHS, 4)
    assert stream.steps is not None
    drawn = Counter(example for step in range(stream.steps) for example in stream.examples(step))
    assert max(drawn.values()) == 1 and Counter(task for task, _, _ in drawn) == stream.fed(stream.steps)
    assert stream.fed(stream.steps) == {"b": 50, "e": 130}

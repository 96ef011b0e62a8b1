"""Shares that change: the law, the seek, whole numbers where tasks end, and rare tasks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t5mix.data.mixing.intended import Intended, divided
from t5mix.data.mixing.schedule import Schedule, whole_at_end
from t5mix.data.mixing.scheduled_order import ScheduledOrder
from t5mix.data.mixing.task_order import TaskOrder
from t5mix.data.mixing.weights import integer_weights


def _weights(rates):
    found = np.zeros(len(rates), dtype=np.int64)
    some = np.flatnonzero(rates)
    found[some] = integer_weights({str(task): float(rates[task]) for task in some.tolist()})
    return found


def _intended(stages):
    """Sums of stages (draws, rates), the last without end; tasks that a stage does not go on with end in it."""
    sums = Intended(len(stages[0][1]))
    for number, (draws, rates) in enumerate(stages):
        weights = _weights(rates)
        after = stages[number + 1][1] if number + 1 < len(stages) else rates
        ending = [task for task, rate in enumerate(rates) if rate and not after[task]]
        if draws is None or not ending:
            sums.add(weights, draws)
            continue
        targets = whole_at_end(sums.owed(), weights, draws, ending)
        assert targets is not None
        sums.add_ending(weights, draws, targets)
    return sums


def _names(count):
    return [f"t{number}" for number in range(count)]


def _counts(tasks, count):
    """How many of each task come before each draw, int64 [draws + 1, tasks]."""
    drawn = np.zeros((len(tasks) + 1, count), dtype=np.int64)
    drawn[np.arange(1, len(tasks) + 1), tasks] = 1
    return np.cumsum(drawn, axis=0)


def _farthest(intended, counts, every=1):
    worst = 0.0
    for draw in range(0, len(counts), every):
        whole, part = intended.sums(draw)
        worst = max(worst, np.abs(counts[draw] - whole - part / 2**48).max())
    return worst


STAGES = st.integers(2, 6).flatmap(
    lambda tasks: st.lists(
        st.tuples(
            st.integers(60, 400),
            st.lists(st.just(0.0) | st.floats(0.01, 10), min_size=tasks, max_size=tasks).filter(any),
        ),
        min_size=1,
        max_size=6,
    )
)


@settings(max_examples=60, deadline=None)
@given(stages=STAGES, seed=st.integers(0, 2**32))
def test_every_prefix_holds_each_sum_to_within_one_example_and_no_task_is_drawn_without_a_share(stages, seed):
    stages = [*stages[:-1], (None, stages[-1][1])]
    intended = _intended(stages)
    order = ScheduledOrder(_names(len(stages[0][1])), intended, seed)
    tasks = order.tasks(0, 2500)
    counts = _counts(tasks, len(stages[0][1]))
    assert _farthest(intended, counts) < 1
    bounds = np.cumsum([draws for draws, _ in stages[:-1]])
    for draw, task in enumerate(tasks.tolist()):
        assert stages[int(np.searchsorted(bounds, draw, side="right"))][1][task] > 0
    for draw in (0, 1, 59, 777, 2500):
        assert np.array_equal(order.before(draw), counts[draw])


@pytest.mark.parametrize(("tasks", "stages", "draws"), [(3, 40, 30_000), (40, 150, 30_000), (1000, 6, 20_000)])
def test_the_law_and_the_seek(tasks, stages, draws):
    chance = np.random.default_rng(tasks)
    rates = np.minimum(chance.pareto(1.0, (stages, tasks)), 20) + 0.02
    intended = _intended(
        [(int(chance.integers(1, 2 * draws // stages)), row) for row in rates[:-1]] + [(None, rates[-1])]
    )
    order = ScheduledOrder(_names(tasks), intended, 3)
    counts = _counts(order.tasks(0, draws), tasks)
    assert _farthest(intended, counts, 7) < 1
    for draw in chance.integers(0, draws, 20).tolist():
        assert np.array_equal(order.before(draw), counts[draw])
    far = ScheduledOrder(_names(tasks), intended, 3)
    there = far.tasks(10**10, 10**10 + 9000)
    assert np.array_equal(far.before(10**10 + 9000), far.before(10**10) + np.bincount(there, minlength=tasks))


def test_stages_of_the_same_shares_are_the_order_of_constant_ones():
    rates = np.random.default_rng(0).pareto(1.0, 20) + 0.02
    constant = TaskOrder(dict(zip(_names(20), rates.tolist(), strict=True)), 5)
    same = ScheduledOrder(_names(20), _intended([(777, rates), (9000, rates), (None, rates)]), 5)
    assert np.array_equal(same.tasks(0, 30_000), constant.tasks(0, 30_000))
    assert np.array_equal(same.before(10**10), constant.before(10**10))


def test_rare_tasks_are_found_without_replay_and_keep_near_their_sums():
    chance = np.random.default_rng(1)
    stages = [(9000, 10 ** (7 * chance.random(40))) for _ in range(5)] + [(None, 10 ** (7 * chance.random(40)))]
    intended = _intended(stages)
    order = ScheduledOrder(_names(40), intended, 3)
    counts = _counts(order.tasks(0, 60_000), 40)
    assert _farthest(intended, counts, 7) < 6
    for draw in chance.integers(0, 60_000, 30).tolist():
        assert np.array_equal(order.before(draw), counts[draw])


def test_an_order_ends_with_what_is_intended():
    intended = Intended(2)
    intended.add_ending(_weights([3.0, 1.0]), 20, {0: 12})
    intended.add_ending(_weights([0.0, 1.0]), 7, {1: 15})
    intended.finish()
    order = ScheduledOrder(_names(2), intended, 0)
    assert order.end == 27 and order.tasks(0, 100).tolist().count(0) == 12
    assert len(order.tasks(0, 100)) == 27 and order.before(100).tolist() == [12, 15]
    assert not order.tasks(0, 100)[20:].tolist().count(0)


def test_weights_and_amounts_add_up():
    assert divided(10, [1, 1, 1]) == [4, 3, 3] and divided(0, []) == []

    class Counted(list):
        read = 0

        def __iter__(self):
            self.read += 1
            return super().__iter__()

    weights = Counted([1] * 100)
    assert sum(divided(1000, weights)) == 1000 and weights.read <= 3  # not once for each of a thousand tasks
    schedule = Schedule("mixture 'm'", ("a", "b", "c"), (0,), ((1.0, 0.0, 3.0),), (None, None, 5))
    assert schedule.weights(0, frozenset()).tolist() == [1 << 46, 0, 3 << 46]
    assert schedule.weights(0, frozenset({2})).tolist() == [1 << 48, 0, 0]
    assert not schedule.weights(0, frozenset({0, 2})).any() and not schedule.is_constant

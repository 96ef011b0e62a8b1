"""Rows of windows: all examples, each once, and each batch by itself."""

import dataclasses
from collections import Counter

import numpy as np
import pytest

from t5mix.data.examples import in_memory
from t5mix.data.examples.base import Examples, Ragged
from t5mix.data.mixing.mixer import Mixer
from t5mix.data.packing import windows
from t5mix.data.packing.batches import Batches
from t5mix.data.packing.blocks import Blocks
from t5mix.data.packing.capacity import Plan


class _Lengths(Examples):
    """Examples that are lengths only."""

    def __init__(self, lengths):
        self._lengths, self.count, self.read = np.asarray(lengths), len(lengths), []

    def lengths(self, epoch, indices):
        return self._lengths[indices]

    def gather(self, epoch, indices):
        self.read += indices.tolist()
        return [Ragged(np.full(sizes.sum(), 7, np.int32), sizes) for sizes in self._lengths[indices].T]

    def lost(self, epoch, indices):
        return np.zeros((len(indices), self._lengths.shape[1]), dtype=int)


LIMITS = (64, 32)


def _examples():
    rng = np.random.default_rng(0)
    shapes = {"a": (700, 40, 9), "b": (90, 64, 30), "c": (13, 10, 3)}
    return {
        name: _Lengths(np.stack([rng.integers(1, i + 1, n), rng.integers(1, t + 1, n)], axis=1))
        for name, (n, i, t) in shapes.items()
    }


RATES = {"a": 5.0, "b": 1.0, "c": 0.3}


def _packed(seed=0, batch_size=8, **changes):
    examples = _examples()
    mixer = Mixer(examples, RATES, seed)
    plan = Plan.of(mixer, examples, RATES, LIMITS, windows.rows_of_window(batch_size), batch_size)
    plan = dataclasses.replace(plan, **{name: change(plan) for name, change in changes.items()})
    return windows.PackedRows(mixer, plan, seed), mixer, plan


def _numbered(draws):
    return list(zip(draws.task.tolist(), draws.epoch.tolist(), draws.index.tolist(), strict=True))


def _drawn(mixer, stop):
    """How many examples of each (task, epoch) come before draw `stop`."""
    return {
        (task, epoch): min(examples.count, count - epoch * examples.count)
        for task, (examples, count) in enumerate(zip(_examples().values(), mixer.before(stop).tolist(), strict=True))
        for epoch in range(-(-count // examples.count))
    }


def _by_epoch(numbers):
    return dict(Counter((task, epoch) for task, epoch, _ in numbers))


@pytest.mark.parametrize("count", [1, 4])
def test_packed_windows_hold_every_example_once_but_for_what_waits_at_the_last(count):
    _, mixer, planned = _packed()
    each = planned.draws // planned.windows
    plan = dataclasses.replace(planned, windows=count, draws=each * count, room=tuple(10**9 for _ in LIMITS))
    packed = windows.PackedRows(mixer, plan, 0)
    stop = 8 // count * count
    seen = [x for w in range(stop) for x in _numbered(packed.window(w).draws)]
    seen += _numbered(packed.waiting(stop - 1))
    assert packed.left_out.draws == {}
    assert len(set(seen)) == len(seen)
    assert _by_epoch(seen) == _drawn(mixer, stop // count * plan.draws)


def test_draws_that_a_block_has_no_room_for_begin_the_next():
    packed, mixer, plan = _packed(windows=lambda plan: 2, draws=lambda plan: 2 * plan.draws // plan.windows)
    # Room for what is drawn on average, so that about every other block has too much.
    mean = mixer.quota(0, 100 * plan.draws).lengths.sum(axis=0) / 100
    plan = dataclasses.replace(plan, room=tuple(int(tokens * 1.001) for tokens in mean))
    packed = windows.PackedRows(mixer, plan, 0)
    bounds = [packed.blocks.bounds(window) for window in range(20)]
    assert [start for start, _ in bounds] == [0, *(stop for _, stop in bounds[:-1])]
    planned = [plan.draws * block for block in range(1, 11)]
    stops = [stop for _, stop in bounds[1::2]]
    assert all(stop <= most for stop, most in zip(stops, planned, strict=True)) and stops != planned
    seen = [x for w in range(20) for x in _numbered(packed.window(w).draws)]
    everything = seen + _numbered(packed.waiting(19))
    assert packed.left_out.draws == {} and len(set(everything)) == len(everything)
    assert _by_epoch(everything) == _drawn(mixer, stops[-1])


def test_too_many_draws_overflow_into_the_next_window_or_are_counted():
    packed, _, plan = _packed(
        windows=lambda plan: 1, draws=lambda plan: int(plan.draws / plan.windows * 1.2), room=lambda plan: (10**9,) * 2
    )
    with pytest.warns(UserWarning, match=r"examples drawn for window 0 found no room .* of: .*b"):
        seen = [x for w in range(7) for x in _numbered(packed.window(w).draws)]
    lost = [x for draws in packed.left_out.draws.values() for x in _numbered(draws)]
    last = _numbered(packed.waiting(6))
    assert lost and last
    everything = seen + lost + last
    assert len(set(everything)) == len(everything) == 7 * plan.draws


def test_windows_of_a_block_take_as_many_tokens():
    packed, _, _ = _packed(windows=lambda plan: 8, draws=lambda plan: 8 * plan.draws // plan.windows)
    tokens = np.array([(packed.blocks.of_window(w).lengths.sum(axis=0) / LIMITS).max() for w in range(8)])
    assert np.ptp(tokens) < 0.02 * tokens.mean()


def test_each_task_has_had_its_share_to_within_one_example_at_every_windows_end():
    packed, _, _ = _packed()
    counts, total = np.zeros(3, np.int64), sum(RATES.values())
    for window in range(20):
        counts += np.bincount(packed.blocks.of_window(window).task, minlength=3)
        shares = counts.sum() * np.array(list(RATES.values())) / total
        assert np.abs(counts - shares).max() <= 1


def test_rows_hold_no_more_than_their_length():
    packed, _, _ = _packed()
    for window in range(3):
        rows = packed.window(window)
        used = np.zeros((packed.rows, 2), dtype=np.int64)
        np.add.at(used, rows.row, rows.draws.lengths)
        assert (used <= LIMITS).all()
        assert used.max(axis=1).min() > 0  # no row is empty


def test_windows_fit_and_are_well_filled():
    packed, _, _ = _packed()
    filled = [
        packed.window(window).draws.lengths.sum(axis=0) / (packed.rows * np.array(LIMITS)) for window in range(1, 20)
    ]
    assert packed.left_out.draws == {} and np.mean(filled, axis=0).max() > 0.9


def test_equal_lengths_that_fill_a_row_leave_no_slot_empty():
    examples = {"a": _Lengths(np.tile([64, 32], (999, 1)))}
    mixer = Mixer(examples, {"a": 1.0}, 0)
    assert Plan.of(mixer, examples, {"a": 1.0}, LIMITS, 1024, 8).draws == 1024


@pytest.mark.parametrize("batch_size", [1, 7, 32])
def test_plain_rows_are_draws_in_their_order(batch_size):
    mixer = Mixer(_examples(), RATES, 3)
    plain = windows.PlainRows(mixer, batch_size)
    seen = []
    for window in range(3):
        rows = plain.window(window)
        assert rows.row.tolist() == list(range(plain.rows)) and plain.rows % batch_size == 0
        seen += _numbered(rows.draws)
    assert seen == _numbered(mixer.draws(0, 3 * plain.rows))
    assert sorted(seen) == sorted(_numbered(mixer.quota(0, 3 * plain.rows)))
    assert _by_epoch(seen) == _drawn(mixer, 3 * plain.rows)


def _batches(examples, batch_size=8, pack=True):
    mixer = Mixer(examples, RATES, 0)
    rows = windows.PlainRows(mixer, batch_size)
    if pack:
        rows = windows.PackedRows(mixer, Plan.of(mixer, examples, RATES, LIMITS, rows.rows, batch_size), 0)
    return Batches(tuple(examples.values()), mixer.lengths, rows, {"inputs": 64, "targets": 32}, batch_size)


def test_batches_are_the_same_however_many_are_made_at_once():
    steps = list(range(40)) + [300, 301, 302, 5, 6, 7, 7, 128, 127]
    examples = _examples()
    one = _batches(examples)
    for step in steps:
        alone = _batches(examples).batch(step, 2, 6)
        for name, array in one.batch(step, 2, 6).items():
            assert np.array_equal(array, alone[name]) and array.flags.writeable and array.base is None


class _Fixed(_Lengths):
    """Examples whose tokens are their index, the same in every epoch."""

    varies = False

    def gather(self, epoch, indices):
        self.read += indices.tolist()
        sizes = self._lengths[indices].T
        return [Ragged(np.repeat(indices.astype(np.int32), lengths), lengths) for lengths in sizes]


@pytest.mark.parametrize(("each", "in_all", "held"), [(0, 0, ""), (0, 2000, "c"), (0, 8000, "bc"), (1 << 13, 0, "bc")])
@pytest.mark.parametrize("pack", [True, False])
def test_small_tasks_are_read_once_and_batches_are_the_same(monkeypatch, pack, each, in_all, held):
    fixed = {name: _Fixed(examples._lengths) for name, examples in _examples().items()}
    steps = (0, 1, 200, 201)
    expected = [_batches(dict(fixed), pack=pack).batch(step, 0, 8) for step in steps]
    monkeypatch.setattr(in_memory, "_TOKENS", each)
    monkeypatch.setattr(in_memory, "_TOKENS_IN_ALL", in_all)
    batches = _batches(fixed, pack=pack)
    for step, batch in zip(steps, expected, strict=True):
        found = batches.batch(step, 0, 8)
        if step == 0:  # the first batch reads its own examples alone
            assert all(len(examples.read) < examples.count for examples in fixed.values())
            for examples in fixed.values():
                examples.read.clear()
        assert all(np.array_equal(found[name], array) for name, array in batch.items())
    for name, examples in fixed.items():
        assert (sorted(examples.read) == list(range(examples.count))) == (name in held), name


@pytest.mark.parametrize("pack", [True, False])
def test_a_host_reads_the_examples_of_its_rows_only(pack):
    examples = _examples()
    batches = _batches(examples, 8, pack)
    for step in range(9):
        batches.batch(step, 2, 4)
    read = Counter((task, index) for task, one in enumerate(examples.values()) for index in one.read)
    # Batches are made in groups of 1, 2, 4, .. steps.
    own = Counter()
    for step in range(15):
        draws = batches.rows(step).between(2, 4).draws
        own.update(zip(draws.task.tolist(), draws.index.tolist(), strict=True))
    assert read == own


def test_adding_a_task_leaves_the_order_of_the_others_as_it_was():
    def order(rates, task, seed=0):
        examples = {name: _examples()[name] for name in rates}
        draws = Mixer(examples, rates, seed).draws(0, 40_000)
        return draws.take(np.flatnonzero(draws.task == list(rates).index(task))[:2000])

    alone = order({"a": 1.0}, "a")
    for rates in ({"c": 2.0, "b": 0.1, "a": 3.0}, {"a": 1.0, "b": 5.0}):
        among = order(rates, "a")
        assert np.array_equal(alone.epoch, among.epoch)
        assert np.array_equal(alone.index, among.index)
    assert not np.array_equal(alone.index, order({"a": 1.0}, "a", seed=1).index)


def test_draws_take_each_task_in_its_own_order():
    mixer = Mixer(_examples(), RATES, 4)
    draws = mixer.draws(5000, 9000)
    before, after = mixer.before(5000), mixer.before(9000)
    for task, name in enumerate(RATES):
        # The order of a task is that of a mixture of it alone.
        alone = Mixer({name: _examples()[name]}, {name: 1.0}, 4).draws(int(before[task]), int(after[task]))
        taken = draws.take(draws.task == task)
        assert np.array_equal(taken.epoch, alone.epoch) and np.array_equal(taken.index, alone.index)


@pytest.mark.filterwarnings("ignore:.*found no room")
def test_what_does_not_fit_is_tried_in_several_windows_and_a_window_depends_on_no_others():
    _, mixer, planned = _packed()
    plan = dataclasses.replace(planned, windows=1, draws=int(planned.draws / planned.windows * 1.03), room=(10**9,) * 2)
    packed = windows.PackedRows(mixer, plan, 0)
    filled = [set(_numbered(packed.window(w).draws)) for w in range(12)]
    own = [set(_numbered(packed.blocks.of_window(w))) for w in range(12)]
    tries = {w - v for w in range(12) for v in range(w) if own[v] & filled[w]}
    assert {1, 2} <= tries <= set(range(1, windows.TRIES + 1))

    seen = []

    class Noting(Blocks):
        def of_window(self, window):
            seen.append(window)
            return super().of_window(window)

    noting = windows.PackedRows(mixer, plan, 0)
    noting.blocks = Noting(mixer, plan)
    assert set(_numbered(noting.window(11).draws)) == filled[11]
    assert sorted(seen) == list(range(11 - windows.TRIES, 12))

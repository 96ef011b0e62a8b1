"""Epochs of packed rows: each example as often as the others of its task, or once more, whenever one looks."""

import numpy as np
import pytest

from t5mix.data.examples.base import Examples, Ragged
from t5mix.data.mixing.mixer import Draws, Mixer
from t5mix.data.packing import bin_packing, epoch_order, windows
from t5mix.data.packing.capacity import Plan

LIMITS = (64, 32)


class _Lengths(Examples):
    """Examples that are lengths only."""

    def __init__(self, lengths):
        self._lengths, self.count = np.asarray(lengths), len(lengths)

    def lengths(self, epoch, indices):
        return self._lengths[indices]

    def gather(self, epoch, indices):
        return [Ragged(np.full(sizes.sum(), 7, np.int32), sizes) for sizes in self._lengths[indices].T]

    def lost(self, epoch, indices):
        return np.zeros((len(indices), self._lengths.shape[1]), dtype=int)


def _made(kind, count, seed=0):
    rng = np.random.default_rng(seed)
    if kind == "equal":
        return _Lengths(np.tile([15, 7], (count, 1)))
    least, most = {"short": ((1, 1), (8, 4)), "long": ((10, 2), (60, 20)), "any": ((1, 1), (60, 30))}[kind]
    return _Lengths(np.stack([rng.integers(one, other + 1, count) for one, other in zip(least, most, strict=True)], 1))


def _packed(examples, batch_size=8, rates=None):
    rates = rates or dict.fromkeys(examples, 1.0)
    mixer = Mixer(examples, rates, 0)
    rows = windows.rows_of_window(batch_size)
    return windows.PackedRows(mixer, Plan.of(mixer, examples, rates, LIMITS, rows, batch_size), 0)


def _differences(packed, examples, batch_size, fed):
    """Yields, after each batch, the greatest difference of counts of each task's examples, until so many are fed."""
    counts = [np.zeros(one.count, np.int64) for one in examples.values()]
    window = 0
    while sum(int(one.sum()) for one in counts) < fed:
        rows = packed.window(window)
        for start in range(0, packed.rows, batch_size):
            draws = rows.between(start, start + batch_size).draws
            assert len(draws.task)
            for task, one in enumerate(counts):
                np.add.at(one, draws.index[draws.task == task], 1)
            yield [int(np.ptp(one)) for one in counts]
        window += 1


@pytest.mark.parametrize("batch_size", [1, 8, 100])
@pytest.mark.parametrize("kind", ["short", "long", "any", "equal"])
@pytest.mark.parametrize("count", [7, 300, 3000])
def test_no_example_is_fed_twice_more_than_another_at_any_batchs_end(kind, count, batch_size):
    examples = {"a": _made(kind, count)}
    packed = _packed(examples, batch_size)
    for difference in _differences(packed, examples, batch_size, 6 * count):
        assert max(difference) <= 1
    assert packed.left_out.draws == {}


def test_the_same_holds_for_each_task_of_a_mixture():
    examples = {"a": _made("short", 300), "b": _made("long", 500, 1), "c": _made("any", 1000, 2)}
    packed = _packed(examples, rates={"a": 10.0, "b": 1.0, "c": 2.5})
    for difference in _differences(packed, examples, 8, 30_000):
        assert max(difference) <= 1
    assert packed.left_out.draws == {}


def test_of_many_tasks_it_holds_at_every_windows_end():
    examples = {f"task_{number}": _made("any", 20 + number, number) for number in range(100)}
    packed = _packed(examples)
    counts = [np.zeros(one.count, np.int64) for one in examples.values()]
    for window in range(6):
        draws = packed.window(window).draws
        for task, one in enumerate(counts):
            np.add.at(one, draws.index[draws.task == task], 1)
        waiting = np.bincount(packed.waiting(window).task, minlength=100)
        assert all(np.ptp(one) <= 1 for one, waits in zip(counts, waiting, strict=True) if not waits)


@pytest.mark.parametrize("per_row", [1, 4])
def test_equal_lengths_fill_every_row_and_lose_no_draw(per_row):
    examples = {"a": _Lengths(np.tile([64 // per_row, 3], (701, 1)))}
    packed = _packed(examples)
    fed = [len(packed.window(window).draws.task) for window in range(5)]
    assert fed == [packed.rows * per_row] * 5 and packed.left_out.draws == {}


def test_what_is_fed_is_counted_without_replay():
    examples = {"a": _made("short", 300), "b": _made("long", 50, 1)}
    packed, again = _packed(examples), _packed(examples)
    counts = np.zeros(2, np.int64)
    for window in range(5):
        for start in range(0, packed.rows, 8):
            if start in (0, 8, 512):
                assert again.fed(window * packed.rows + start).counts().tolist() == counts.tolist()
            counts += np.bincount(packed.window(window).between(start, start + 8).draws.task, minlength=2)


def test_an_epoch_begins_where_a_task_with_a_good_part_of_the_draws_goes_on_to_the_next():
    task = np.array([0, 1, 0, 1, 0, 0], np.int32)
    epoch = np.array([4, 0, 4, 1, 5, 5])
    draws = Draws(task, epoch, np.arange(6), np.ones((6, 1), np.int64))
    assert epoch_order.begins(draws).tolist() == [3, 4]
    rare = Draws(np.append(task, np.full(200, 2)), np.append(epoch, np.zeros(200, int)), np.arange(206), np.ones(206))
    assert epoch_order.begins(rare).tolist() == [4]


@pytest.mark.parametrize("features", [1, 2, 3])
def test_rows_hold_no_more_than_their_length_and_every_example_once(features):
    rng = np.random.default_rng(features)
    lengths, limits = rng.integers(0, 9, (400, features)), (16,) * features
    cuts = np.sort(rng.choice(np.arange(1, 400), 20, replace=False))
    placed = epoch_order.InOrder(lengths, limits, cuts, 4, rng.permutation(400))
    used = np.zeros((400, features), np.int64)
    np.add.at(used, placed.row, lengths)
    assert (placed.row >= 0).all() and (used <= 16).all()
    # What comes behind a cut stands in no batch before the last one of what comes before it.
    last = [placed.row[:cut].max() // 4 for cut in cuts]
    assert all((placed.row[cut:] // 4).min() >= batch for cut, batch in zip(cuts, last, strict=True))


def test_what_finds_no_room_is_the_last():
    lengths = np.full((100, 1), 5)
    placed = epoch_order.InOrder(lengths, (10,), np.array([30, 60]), 4, np.arange(40))
    assert (placed.row[:60] >= 0).all() and (placed.row[80:] < 0).all()
    assert np.bincount(placed.row[placed.row >= 0], minlength=40).max() == 2


def test_admitting_bit_by_bit_packs_what_packing_at_once_does():
    lengths = np.random.default_rng(5).integers(1, 20, (300, 2))
    limit = np.array([40, 30])
    at_once, bit_by_bit = (bin_packing.Unplaced.of(lengths, limit) for _ in range(2))
    at_once.admit_all()
    for start in range(0, 300, 100):
        bit_by_bit.admit(start, start + 100)
    for _ in range(40):
        one, other = limit.tolist(), limit.tolist()
        assert at_once.fill(one) == bit_by_bit.fill(other) and one == other
        assert (limit - lengths[at_once.fill([0, 0])].sum(axis=0)).tolist() == limit.tolist()

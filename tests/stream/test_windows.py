"""Rows of windows: all examples, each once, and each batch by itself."""

import numpy as np
import pytest

from t5mix.stream import windows


class _Lengths(windows.Examples):
    """Examples that are lengths only."""

    def __init__(self, lengths):
        self._lengths, self.count = np.asarray(lengths), len(lengths)

    def lengths(self, epoch, indices):
        return self._lengths[indices]

    def tokens(self, epoch, index):
        return [np.full(size, 7, np.int32) for size in self._lengths[index]]

    def truncates(self, indices):
        return np.zeros((len(indices), self._lengths.shape[1]), dtype=bool)


LIMITS = (64, 32)


def _examples():
    rng = np.random.default_rng(0)
    shapes = {"a": (700, 40, 9), "b": (90, 64, 30), "c": (13, 10, 3)}
    return {
        name: _Lengths(np.stack([rng.integers(1, i + 1, n), rng.integers(1, t + 1, n)], axis=1))
        for name, (n, i, t) in shapes.items()
    }


RATES = {"a": 5.0, "b": 1.0, "c": 0.3}


def _packed(seed=0, draws=None, batch_size=8):
    examples = _examples()
    rows = windows.rows_of_window(batch_size)
    draws = draws or windows.draws_of_window(examples, RATES, LIMITS, rows, seed)
    mixer = windows.Mixer(examples, RATES, draws, seed)
    return windows.PackedRows(mixer, LIMITS, rows, batch_size, seed), mixer


def _numbered(draws):
    return list(zip(draws.task.tolist(), draws.epoch.tolist(), draws.index.tolist(), strict=True))


def _drawn(mixer, stop):
    """What the quotas say is drawn before window `stop`, as (task, epoch) -> count."""
    counts = mixer.quotas.before(stop)
    return {
        (task, epoch): min(examples.count, count - epoch * examples.count)
        for task, (examples, count) in enumerate(zip(_examples().values(), counts, strict=True))
        for epoch in range(-(-count // examples.count))
    }


@pytest.mark.parametrize("seed", [0, 1])
def test_packed_windows_hold_every_example_once_but_for_the_overflow_of_the_last(seed):
    packed, mixer = _packed(seed)
    seen = [x for w in range(6) for x in _numbered(packed.window(w).draws)]
    seen += _numbered(packed.overflow(5))
    assert packed.dropped == {}
    assert len(set(seen)) == len(seen)
    found = {}
    for task, epoch, _ in seen:
        found[task, epoch] = found.get((task, epoch), 0) + 1
    assert found == _drawn(mixer, 6)


def test_too_many_draws_overflow_into_the_next_window_or_are_counted():
    _, mixer = _packed()
    packed, mixer = _packed(draws=int(mixer.quotas.draws * 1.2))
    with pytest.warns(UserWarning, match=r"examples drawn for window 0 found no room .* of: .*b"):
        seen = [x for w in range(4) for x in _numbered(packed.window(w).draws)]
    lost = [x for draws in packed.dropped.values() for x in _numbered(draws)]
    last = _numbered(packed.overflow(3))
    assert lost and last
    everything = seen + lost + last
    assert len(set(everything)) == len(everything) == mixer.before(4)
    own = set(_numbered(mixer.window(1)))
    assert any(x not in own for x in _numbered(packed.window(1).draws)) or packed.dropped


def test_rows_hold_no_more_than_their_length():
    packed, _ = _packed()
    for window in range(3):
        rows = packed.window(window)
        used = np.zeros((packed.rows, 2), dtype=np.int64)
        np.add.at(used, rows.row, rows.draws.lengths)
        assert (used <= LIMITS).all()
        assert used.max(axis=1).min() > 0  # no row is empty


def test_windows_fit_and_are_well_filled():
    packed, _ = _packed()
    for window in range(1, 20):
        packed.window(window)
    filled = packed.window(5).draws.lengths.sum(axis=0) / (packed.rows * np.array(LIMITS))
    assert packed.dropped == {} and filled.max() > 0.85


def test_equal_lengths_that_fill_a_row_leave_no_slot_empty():
    examples = {"a": _Lengths(np.tile([64, 32], (999, 1)))}
    assert windows.draws_of_window(examples, {"a": 1.0}, LIMITS, 1024, 0) == 1024


@pytest.mark.parametrize("batch_size", [1, 7, 32])
def test_plain_rows_are_one_example_each_and_none_is_left_out(batch_size):
    examples = _examples()
    mixer = windows.Mixer(examples, RATES, 50, 3)
    plain = windows.PlainRows(mixer, batch_size)
    steps = 600 // batch_size
    seen = []
    for step in range(steps):
        rows = plain.batch(step)
        assert rows.row.tolist() == list(range(batch_size))
        seen += _numbered(rows.draws)
    expected = [x for w in range(14) for x in _numbered(mixer.window(w))]
    assert seen == expected[: steps * batch_size]


def test_the_window_of_a_draw_is_found_where_tasks_outnumber_draws():
    examples = {f"t{i}": _Lengths([[1, 1]]) for i in range(60)}
    mixer = windows.Mixer(examples, dict.fromkeys(examples, 1.0), 7, 0)
    for draw in range(100):
        window = mixer.window_of(draw)
        assert mixer.before(window) <= draw < mixer.before(window + 1)


def _own_order(rates, task, stop, seed=0):
    """The examples that a task gives in its first `stop` occurrences, window by window."""
    examples = {name: _examples()[name] for name in rates}
    mixer = windows.Mixer(examples, rates, 100, seed)
    number = list(rates).index(task)
    return mixer._occurrences(number, 0, stop)


def test_adding_a_task_leaves_the_order_of_the_others_as_it_was():
    alone = _own_order({"a": 1.0}, "a", 2000)
    among = _own_order({"c": 2.0, "b": 0.1, "a": 3.0}, "a", 2000)
    assert np.array_equal(alone.epoch, among.epoch)
    assert np.array_equal(alone.index, among.index)
    other = _own_order({"a": 1.0}, "a", 2000, seed=1)
    assert not np.array_equal(alone.index, other.index)


def test_shares_of_a_window_are_within_one_example():
    mixer = windows.Mixer(_examples(), RATES, 100, 0)
    total = sum(RATES.values())
    counts = np.zeros(3)
    for window in range(30):
        counts += np.bincount(mixer.window(window).task, minlength=3)
        shares = np.array(list(RATES.values())) / total * 100 * (window + 1)
        assert (abs(counts - shares) < 1).all()

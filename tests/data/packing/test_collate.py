"""What is packed is unpacked: every example, whole, in its own segment."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from t5mix.data.cache import columns
from t5mix.data.examples.base import CachedExamples, Ragged
from t5mix.data.examples.trim_and_eos import TrimAndEos
from t5mix.data.mixing.mixer import Mixer
from t5mix.data.packing import bin_packing, collate, windows
from t5mix.data.packing.batches import Batches
from t5mix.data.packing.capacity import Plan

LIMITS = {"inputs": 12, "targets": 7}
EXAMPLE = st.tuples(st.lists(st.integers(0, 99), max_size=12), st.lists(st.integers(0, 99), max_size=7)).filter(any)
EXAMPLES = st.lists(EXAMPLE, max_size=30)


def _lengths(examples):
    return np.array([[len(a), len(b)] for a, b in examples], dtype=np.int64).reshape(-1, 2)


def _packed(examples, rows=None):
    row = bin_packing.choose_rows(_lengths(examples), tuple(LIMITS.values()), rows)
    kept = np.flatnonzero(row >= 0)
    kept = kept[np.argsort(row[kept], kind="stable")]
    ordered = [examples[i] for i in kept]
    tokens = {name: Ragged.of([np.array(example[i], np.int32) for example in ordered]) for i, name in enumerate(LIMITS)}
    height = rows or int(row.max(initial=0)) + 1
    tasks = kept % 5
    return collate.fill(tokens, LIMITS, row[kept], tasks, height), ordered, row, kept


ENDINGS = (TrimAndEos(12, 1, True), TrimAndEos(7, 1, True))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(texts=st.lists(st.tuples(*[st.lists(st.integers(0, 9), max_size=20)] * 2), min_size=1, max_size=20))
@pytest.mark.filterwarnings("ignore:.*found no room")
def test_an_epoch_of_batches_holds_each_example_once_trimmed_once_and_counted(texts, monkeypatch):
    monkeypatch.setattr(windows, "_ROWS", 8)
    rows = [[np.array(text, np.int32) for text in column] for column in zip(*texts, strict=True)]
    made = [Ragged.of(column) for column in rows]
    parts = [columns.ArrayColumn((one.values,), (np.append(0, np.cumsum(one.lengths)),)) for one in made]
    examples = CachedExamples(tuple(parts), ENDINGS)
    trimmed = [tuple(one[: end.limit - 1] + [1] for one, end in zip(text, ENDINGS, strict=True)) for text in texts]
    lost = [[len(one) > end.limit - 1 for one, end in zip(text, ENDINGS, strict=True)] for text in texts]
    assert examples.truncates(np.arange(len(texts))).tolist() == lost
    mixer = Mixer({"a": examples}, {"a": 1.0}, 0)
    plan = Plan.of(mixer, {"a": examples}, {"a": 1.0}, tuple(LIMITS.values()), 8, 4)
    rows_of = windows.PackedRows(mixer, plan, 0)
    batches = Batches((examples,), mixer.lengths, rows_of, LIMITS, 4)
    found = Counter()
    steps = 2 * plan.windows * -(-len(texts) // plan.draws)
    for step in range(2 * steps):
        unpacked = collate.unpack(batches.batch(step, 0, 4), list(LIMITS))
        said = batches.rows(step).draws
        inside = [(tuple(e["inputs"]), tuple(e["targets"])) for row in unpacked for e in row]
        assert inside == [tuple(map(tuple, trimmed[index])) for index in said.index]
        found.update(zip(said.epoch.tolist(), said.index.tolist(), strict=True))
    dropped = Counter(
        x
        for lost in rows_of.left_out.draws.values()
        for x in zip(lost.epoch.tolist(), lost.index.tolist(), strict=True)
    )
    assert not found & dropped and max((found + dropped).values()) == 1
    assert sum(epoch == 0 for epoch, _ in found + dropped) == len(texts)


@pytest.mark.slow
@settings(max_examples=10_000, deadline=None)
@given(EXAMPLES)
def test_unpacking_restores_every_example_segments_agree_and_positions_restart(examples):
    batch, ordered, row, kept = _packed(examples)
    assert (row >= 0).all()
    found = [example for line in collate.unpack(batch, list(LIMITS)) for example in line]
    assert [(e["inputs"].tolist(), e["targets"].tolist()) for e in found] == ordered
    for name, length in LIMITS.items():
        segments, positions = batch[f"{name}_segment_ids"], batch[f"{name}_positions"]
        assert batch[name].shape == segments.shape == positions.shape == (len(segments), length)
        assert all(array.dtype == np.int32 for array in (batch[name], segments, positions))
        for line, places in zip(segments, positions, strict=True):
            filled = np.flatnonzero(line)
            assert np.array_equal(filled, np.arange(len(filled)))  # no holes
            for number in np.unique(line[filled]):
                held = places[line == number]
                assert np.array_equal(held, np.arange(len(held)))
        assert (batch[name][segments == 0] == 0).all() and (positions[segments == 0] == 0).all()
    tasks = batch["targets_task"]
    assert ((tasks == -1) == (batch["targets_segment_ids"] == 0)).all()
    expected = [task for task, example in zip(kept % 5, ordered, strict=True) for _ in example[1]]
    assert tasks[tasks >= 0].tolist() == expected


def test_empty_inputs_do_not_shift_segments():
    # seqio gives the second example's inputs segment 1, where the first one's targets see them.
    batch, _, _, _ = _packed([([], [5, 6]), ([7, 8], [9])])
    row = collate.unpack(batch, ["inputs", "targets"])[0]
    assert [(e["inputs"].tolist(), e["targets"].tolist()) for e in row] == [
        ([], [5, 6]),
        ([7, 8], [9]),
    ]
    assert batch["inputs_segment_ids"][0, :3].tolist() == [2, 2, 0]


@given(EXAMPLES, st.integers(1, 6))
def test_rows_never_overflow_and_only_what_has_no_room_is_left(examples, rows):
    lengths = _lengths(examples)
    limits = np.array(list(LIMITS.values()))
    row = bin_packing.choose_rows(lengths, limits, rows)
    used = np.zeros((rows, 2), dtype=np.int64)
    np.add.at(used, row[row >= 0], lengths[row >= 0])
    assert (used <= limits).all() and row.max(initial=-1) < rows
    for left in lengths[row < 0]:
        assert not (used + left <= limits).all(axis=1).any()


@given(EXAMPLES, EXAMPLES)
def test_rows_that_hold_something_already_are_filled_up_only(first, second):
    limits = np.array(list(LIMITS.values()))
    used = np.zeros((4, 2), dtype=np.int64)
    row = bin_packing.choose_rows(_lengths(first), limits, 4)
    np.add.at(used, row[row >= 0], _lengths(first)[row >= 0])
    late = bin_packing.choose_rows(_lengths(second), limits, 4, used)
    np.add.at(used, late[late >= 0], _lengths(second)[late >= 0])
    assert (used <= limits).all()


def _share(lengths, limits):
    """Rows that the volume needs, as a share of those that packing needs."""
    rows = bin_packing.choose_rows(lengths, limits, None).max() + 1
    return (lengths.sum(axis=0) / limits).max() / rows


def test_packing_is_close_to_the_volume_bound():
    rng = np.random.default_rng(0)
    lengths = np.stack([rng.integers(10, 120, 4000), rng.integers(2, 12, 4000)], axis=1)
    assert _share(lengths, (512, 128)) > 0.99
    text = rng.lognormal(5.3, 0.9, 2000).clip(8, 512).astype(int)[:, None]
    assert _share(text, (512,)) > 0.995
    pairs = np.stack([rng.lognormal(3.9, 0.9, 6000).clip(4, 512), rng.lognormal(2.5, 0.9, 6000).clip(2, 128)], axis=1)
    assert _share(pairs.astype(int), (512, 128)) > 0.925


def test_one_feature_is_packed_by_first_fit_decreasing():
    lengths = np.random.default_rng(1).integers(1, 60, (200, 1))
    free, rows = [], {}
    for size in sorted((-lengths[:, 0]).tolist()):
        row = next((row for row, room in enumerate(free) if room >= -size), len(free))
        free += [64] * (row == len(free))
        free[row] += size
        rows.setdefault(row, []).append(-size)
    found = bin_packing.choose_rows(lengths, (64,), None)
    assert [sorted(lengths[found == row, 0].tolist()) for row in sorted(rows)] == [
        sorted(rows[row]) for row in sorted(rows)
    ]


@given(st.lists(st.tuples(*[st.integers(0, 9)] * 3), max_size=40))
def test_three_features_fit_too(sizes):
    lengths = np.array(sizes, dtype=np.int64).reshape(-1, 3)
    row = bin_packing.choose_rows(lengths, (9, 12, 10), None)
    used = np.zeros((len(sizes), 3), dtype=np.int64)
    np.add.at(used, row, lengths)
    assert (row >= 0).all() and (used <= (9, 12, 10)).all()


@given(EXAMPLES, st.none() | st.integers(1, 5))
def test_a_feature_that_no_example_has_changes_no_row(examples, rows):
    lengths = _lengths(examples)
    limits = tuple(LIMITS.values())
    three = bin_packing.choose_rows(np.insert(lengths, 1, 0, axis=1), (limits[0], 1, limits[1]), rows)
    assert three.tolist() == bin_packing.choose_rows(lengths, limits, rows).tolist()


def test_shapes_of_many_long_features_are_told_apart():
    # As one number of 64 bits, the first feature would be lost.
    limits = (2**16 - 1,) * 5
    lengths = np.random.default_rng(0).choice([0, 1, 2**16 - 1], (40, 5))
    row = bin_packing.choose_rows(lengths, limits, None)
    used = np.zeros((40, 5), dtype=np.int64)
    np.add.at(used, row, lengths)
    assert (row >= 0).all() and (used <= limits).all()


@given(st.lists(st.integers(0, 5), max_size=30), st.integers(6, 20))
def test_spreading_empties_no_row_and_fills_as_many_as_it_can(rows, count):
    before = np.array(rows, dtype=np.int64)
    after = collate.spread(before, count)
    assert set(before) <= set(after)
    assert len(set(after)) == min(count, len(rows))
    assert (before != after).sum() == len(set(after)) - len(set(before))

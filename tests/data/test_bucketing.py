"""Every example of a split once, in rows little longer than it."""

import numpy as np
import pytest

from t5mix.data import batches_by_length
from t5mix.data.examples.opening import open_examples
from t5mix.data.packing import collate

LENGTHS = {"inputs": 40, "targets": 17}


@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_every_example_comes_once_with_its_number_and_little_padding(make_task, tmp_path, batch_size):
    task = make_task("a", count=50, longest=60)
    examples = open_examples(task, "train", LENGTHS, 0, tmp_path).examples
    inputs, targets = examples.gather(0, np.arange(50))
    ends = {"inputs": np.cumsum(inputs.lengths), "targets": np.cumsum(targets.lengths)}
    seen, shapes = [], []
    for batch in batches_by_length(task, LENGTHS, batch_size, split="train", multiple=16, cache_dir=tmp_path):
        assert len(batch.index) == batch_size
        rows = collate.unpack(batch.arrays, list(LENGTHS))
        for number, row in zip(batch.index.tolist(), rows, strict=True):
            assert len(row) == (number >= 0)
            for example in row:
                seen.append(number)
                for name, column in (("inputs", inputs), ("targets", targets)):
                    stop = ends[name][number]
                    expected = column.values[stop - column.lengths[number] : stop]
                    assert np.array_equal(example[name], expected)
        for name in LENGTHS:
            length = batch.arrays[name].shape[1]
            used = (batch.arrays[f"{name}_segment_ids"] > 0).sum(axis=1).max()
            assert length == min(LENGTHS[name], max(16, -(-used // 16) * 16))
        shapes.append(batch.arrays["inputs"].shape[1])
    assert sorted(seen) == list(range(50))
    assert shapes == sorted(shapes, reverse=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": -1}, "batch_size is -1"),
        ({"multiple": 0}, "multiple is 0"),
        ({"lengths": {"inputs": 0, "targets": 3}}, r"lengths\['inputs'\] is 0"),
        ({"lengths": {**LENGTHS, "input": 3}}, "lengths names 'input', which no task has"),
    ],
)
def test_what_cannot_be_is_refused_at_once(make_task, tmp_path, change, message):
    arguments = {"lengths": LENGTHS, "batch_size": 4, "split": "train", "cache_dir": tmp_path, **change}
    with pytest.raises(ValueError, match=message):
        batches_by_length(make_task("a"), **arguments)


def test_a_split_that_the_task_does_not_have_is_refused_at_once(make_task, tmp_path):
    with pytest.raises(ValueError, match="task 'a' has no split 'validation'; it has train"):
        batches_by_length(make_task("a"), LENGTHS, 4, cache_dir=tmp_path)

"""Rows for a language model and a prefix language model: what the feature converters make, packed by the stream."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t5mix.data import Stream
from t5mix.data.feature_converters import LMFeatureConverter, PrefixLMFeatureConverter
from t5mix.data.packing import collate_decoder_only
from t5mix.data.packing.collate_decoder_only import JoinedExamples
from t5mix.declarations.mixture import Mixture
from t5mix.declarations.task import Task
from t5mix.internal.ragged import Ragged
from t5mix.preprocessors import append_eos_after_trim, tokenize
from t5mix.preprocessors.pipeline import CacheDatasetPlaceholder
from t5mix.sources import FunctionDataSource
from t5mix.vocabularies import ByteVocabulary
from t5mix.vocabularies.features import Feature

LENGTHS = {"inputs": 20, "targets": 12}
CAUSAL = "decoder_causal_attention"
IDS = st.integers(0, 99)  # the padding's id is one of them
EXAMPLES = st.lists(st.tuples(st.lists(IDS, max_size=20), st.lists(IDS, min_size=1, max_size=12)), max_size=8)


def _filled(examples, rows, height, features=("inputs", "targets")):
    columns = [[np.array(example[i], np.int32) for example in examples] for i in range(2)]
    tokens = {name: Ragged.of(rows) for name, rows in zip(LENGTHS, columns, strict=True) if name in features}
    limits = {name: LENGTHS[name] for name in features}
    return collate_decoder_only.fill(tokens, limits, np.array(rows, np.int64), np.arange(len(examples)), height)


def test_the_arrays_of_two_examples_in_a_row():
    batch = _filled([([7, 8], [3, 1]), ([], [4, 1])], [0, 0], 1)
    expected = {
        "decoder_target_tokens": [7, 8, 3, 1, 4, 1, 0, 0],
        "decoder_input_tokens": [0, 7, 8, 3, 0, 4, 0, 0],
        "decoder_loss_weights": [0, 0, 1, 1, 1, 1, 0, 0],
        "decoder_segment_ids": [1, 1, 1, 1, 2, 2, 0, 0],
        "decoder_positions": [0, 1, 2, 3, 0, 1, 0, 0],
        CAUSAL: [1, 1, 1, 0, 1, 0, 0, 0],
        "targets_task": [-1, -1, 0, 0, 1, 1, -1, -1],
    }
    assert {name: array[0, :8].tolist() for name, array in batch.items()} == expected
    assert all(array.shape == (1, 32) and array.dtype == np.int32 for array in batch.values())


@settings(max_examples=200)
@given(EXAMPLES, st.integers(0, 3))
def test_unpacking_gives_the_examples_back_and_each_array_means_what_it_says(examples, empty):
    batch = _filled(examples, np.arange(len(examples)), len(examples) + empty)
    found = [(e["inputs"].tolist(), e["targets"].tolist()) for row in collate_decoder_only.unpack(batch) for e in row]
    assert found == examples
    together, rows = [], []
    for example in examples:  # as many in a row as fit
        if not rows or sum(len(a) + len(b) for a, b in together[-1]) + len(example[0]) + len(example[1]) > 32:
            together.append([])
        together[-1].append(example)
        rows.append(len(together) - 1)
    batch = _filled(examples, rows, len(together))
    found = [[(e["inputs"].tolist(), e["targets"].tolist()) for e in row] for row in collate_decoder_only.unpack(batch)]
    assert found == together
    for line, row in enumerate(together):
        start = 0
        for number, (inputs, targets) in enumerate(row, 1):
            here = slice(start, start := start + len(inputs) + len(targets))
            parts = {name: array[line, here].tolist() for name, array in batch.items()}
            size = len(inputs) + len(targets)
            assert parts["decoder_segment_ids"] == [number] * size
            assert parts["decoder_positions"] == list(range(size))
            assert parts["decoder_input_tokens"] == [0, *inputs, *targets][:-1]
            assert parts["decoder_loss_weights"] == [0] * len(inputs) + [1] * len(targets)
            assert parts[CAUSAL] == ([1] * (len(inputs) + 1) + [0] * size)[:size]
        padding = {name: set(array[line, start:].tolist()) for name, array in batch.items()}
        assert all(values <= ({-1} if name == "targets_task" else {0}) for name, values in padding.items())


@pytest.mark.parametrize("pack", [True, False])
def test_an_example_in_a_row_is_what_the_converter_of_a_prefix_language_model_makes(make_task, pack):
    task = make_task("a", count=9, longest=40)
    stream = Stream(task, LENGTHS, 3, pack=False, decoder_only=True)
    converter = PrefixLMFeatureConverter(pack=pack)
    dataset = task.get_dataset(LENGTHS, "train", shuffle=False)
    # Packed, two examples would share a row.
    alone = [converter(dataset.skip(i).take(1), LENGTHS) for i in range(2)] if pack else [converter(dataset, LENGTHS)]
    expected = [example for part in alone for example in part.as_numpy_iterator()]
    seen = _rows_by_index(stream)
    for index, example in enumerate(expected):
        assert set(example) <= set(seen[index])
        assert len(example) == (6 if pack else 4)
        for name, array in example.items():
            assert np.array_equal(seen[index][name], _without_padding(example, name)) and array.dtype == np.int32


def _without_padding(example, name):
    """An array of a converter; unpacked, it lets the first place of the padding read the last token."""
    array = example[name]
    if name == "decoder_input_tokens" and "decoder_segment_ids" not in example:
        return np.where(np.cumsum(example["decoder_target_tokens"][::-1])[::-1] > 0, array, 0)
    return array


def _rows_by_index(stream):
    """The arrays of each example of the first epoch; there are 9, 3 a batch."""
    rows = {}
    for step in range(3):
        batch = stream.batch(step)
        for row, (_, _, index) in enumerate(stream.examples(step)):
            rows[index] = {name: array[row] for name, array in batch.items()}
    return rows


def _language_model(texts):
    return Task(
        "lm",
        source=FunctionDataSource(texts, splits=["train"]),
        preprocessors=[tokenize, CacheDatasetPlaceholder(), append_eos_after_trim],
        output_features={"targets": Feature(ByteVocabulary(extra_ids=100))},
    )


def test_without_inputs_it_is_what_the_converter_of_a_language_model_makes(make_source, make_texts):
    task = _language_model(make_source({"targets": make_texts("lm", 9, 1, 40)}))
    lengths = {"targets": 30}
    stream = Stream(task, lengths, 3, pack=False, decoder_only=True)
    dataset = task.get_dataset(lengths, "train", shuffle=False)
    seen = _rows_by_index(stream)
    assert CAUSAL not in seen[0]
    for index, example in enumerate(LMFeatureConverter(pack=False)(dataset, lengths).as_numpy_iterator()):
        assert len(example) == 3
        assert all(np.array_equal(seen[index][name], _without_padding(example, name)) for name in example)


@pytest.fixture
def mixture(make_task):
    return Mixture("both", [(make_task("long", count=60, longest=50), 1.0), (make_task("short", longest=8), 2.0)])


def test_batches_hold_the_examples_that_they_say_whole_and_each_once(mixture):
    stream = Stream(mixture, LENGTHS, 8, seed=3, decoder_only=True)
    counts = Counter()
    for step in range(256):
        said = stream.examples(step)
        counts.update(said)
        if step % 32:
            continue
        found = [e for row in collate_decoder_only.unpack(stream.batch(step)) for e in row]
        for example, (task, epoch, index) in zip(found, said, strict=True):
            inputs, targets = stream._examples[task].gather(epoch, np.array([index]))
            assert np.array_equal(example["inputs"], inputs.values)
            assert np.array_equal(example["targets"], targets.values)
    assert max(counts.values()) == 1 and stream.statistics().dropped == {}
    assert stream.statistics().fill["decoder_target_tokens"] > 0.95
    plain = Stream(mixture, LENGTHS, 8, seed=3, decoder_only=True, pack=False)
    assert all(len(row) == 1 for row in collate_decoder_only.unpack(plain.batch(7)))


def test_hosts_have_their_rows_of_the_whole_batch(mixture):
    whole, host = (Stream(mixture, LENGTHS, 8, decoder_only=True) for _ in range(2))
    for step in (0, 1, 300):
        for name, array in whole.batch(step).items():
            assert np.array_equal(host.batch(step, slice(2, 6))[name], array[2:6])


def test_what_it_cannot_be_is_refused_and_so_is_going_on_otherwise(mixture, make_task):
    state = Stream(mixture, LENGTHS, 8).state(1)
    with pytest.raises(ValueError, match="decoder_only was False and is True"):
        Stream(mixture, LENGTHS, 8, decoder_only=True).check_state(state)
    with pytest.raises(ValueError, match=r"decoder_only=True takes lengths of 'targets', or of .* got"):
        Stream(make_task("a"), {"inputs": 8}, 8, decoder_only=True)


def test_joined_examples_are_inputs_and_targets_one_behind_the_other(mixture):
    examples = Stream(mixture, LENGTHS, 8)._examples["long"]
    joined, indices = JoinedExamples(examples), np.array([5, 0, 59])
    inputs, targets = examples.gather(0, indices)
    (both,) = joined.gather(0, indices)
    assert np.array_equal(both.lengths, inputs.lengths + targets.lengths)
    assert np.array_equal(joined.lengths(0, indices)[:, 0], both.lengths)
    first = np.concatenate([inputs.values[: inputs.lengths[0]], targets.values[: targets.lengths[0]]])
    assert np.array_equal(both.values[: both.lengths[0]], first)
    assert np.array_equal(joined.truncates(indices)[:, 0], examples.truncates(indices).any(axis=1))

"""A split through the token cache is, field for field, the split that `get_dataset` gives."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import t5mix
from t5mix import preprocessors
from t5mix.data.cache.inventory import entries
from t5mix.evaluation.cached_split import read_split
from t5mix.preprocessors import objectives

VOCABULARY = t5mix.ByteVocabulary(extra_ids=100)
FEATURES = {name: t5mix.Feature(VOCABULARY) for name in ("inputs", "targets")}
LENGTHS = {"inputs": 24, "targets": 16}
ENDED = (preprocessors.tokenize, t5mix.CacheDatasetPlaceholder(), preprocessors.append_eos_after_trim)
TEXTS = ["a cat", "", "the quick brown fox jumps over", "naïve café", "x" * 23, "y" * 24]


class Columns:
    """A source of columns that counts how often it is read; its content is its identity."""

    def __init__(self, columns: Mapping[str, Any]) -> None:
        self.columns, self.read = columns, 0

    def fingerprint(self, split: str) -> str:
        return repr((split, self.columns))

    def __call__(self, split: str, shuffle_files: bool) -> Any:
        import tensorflow as tf

        self.read += 1
        tensors = {name: tf.ragged.constant(c, row_splits_dtype=tf.int64) for name, c in self.columns.items()}
        return tf.data.Dataset.from_tensor_slices(tensors).map(lambda row: row)  # rows of ragged columns are dense


def make_task(steps=ENDED, columns=None, features=None, source=None, **arguments: Any) -> t5mix.Task:
    columns = {"inputs": TEXTS, "targets": [text[::-1] for text in TEXTS]} if columns is None else columns
    return t5mix.Task(
        "a",
        source=source or t5mix.FunctionDataSource(Columns(columns), splits=["test"], **arguments),
        preprocessors=list(steps),
        output_features=features or FEATURES,
    )


def with_get_dataset(task: t5mix.Task, lengths: Mapping[str, int], trim: bool = True) -> list[Any]:
    dataset = task.get_dataset(
        lengths,
        split="test",
        use_cached=task.requires_caching,
        shuffle=False,
        seed=0,
        trim_output_features=trim,
        try_in_mem_cache=False,
    )
    return list(dataset.as_numpy_iterator())


def assert_same(found: list[Any], expected: list[Any]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.keys() == other.keys()
        for name, value in other.items():
            assert type(one[name]) is type(value), name
            assert getattr(one[name], "dtype", None) == getattr(value, "dtype", None), name
            np.testing.assert_array_equal(one[name], value, name)


def lengthened(dataset, sequence_length):
    """A step that needs lengths, before tokenization."""
    import tensorflow as tf

    def cut(row):
        return {**row, "inputs": tf.strings.substr(row["inputs"], 0, sequence_length["inputs"] // 4)}

    return dataset.map(cut)


@t5mix.map_over_dataset(num_seeds=1)
def some_of_it(example, seed):
    """A random step that drops tokens."""
    import tensorflow as tf

    kept = tf.random.stateless_uniform(tf.shape(example["inputs"]), seed) < 0.5
    return {**example, "inputs": tf.boolean_mask(example["inputs"], kept)}


def nested(dataset):
    """A step that leaves a field that no cache holds."""
    import tensorflow as tf

    return dataset.map(lambda row: {**row, "table": tf.zeros([2, 3])})


@t5mix.each_example
def only_long(dataset):
    import tensorflow as tf

    return dataset.filter(lambda row: tf.strings.length(row["inputs"]) > 3)


def other_fields() -> t5mix.Task:
    columns = {
        "inputs": TEXTS,
        "targets": TEXTS,
        "idx": list(range(6)),
        "is_right": [True, False] * 3,
        "weight": [0.5 * number for number in range(6)],
        "answers": [["a", "é"], [], ["b"], ["c", "d", "e"], [], ["f"]],
        "places": [[1], [2, 3], [], [4], [5, 6, 7], []],
    }
    return make_task(columns=columns)


def wide_ids() -> t5mix.Task:
    import tensorflow as tf

    def cast(dataset):
        return dataset.map(lambda row: {**row, "targets": tf.cast(row["targets"], tf.int64)})

    features = {**FEATURES, "targets": t5mix.Feature(VOCABULARY, dtype=tf.int64)}
    return make_task([preprocessors.tokenize, cast, *ENDED[1:]], features=features)


def unsupervised(objective: Any) -> t5mix.Task:
    steps = [preprocessors.tokenize, t5mix.CacheDatasetPlaceholder(), objective, preprocessors.append_eos_after_trim]
    features = {"inputs": t5mix.Feature(VOCABULARY, required=False), "targets": t5mix.Feature(VOCABULARY)}
    return make_task(steps, columns={"targets": [text * 9 for text in TEXTS]}, features=features)


TASKS: dict[str, tuple[Callable[[], t5mix.Task], bool]] = {
    "EOS within the length": (make_task, True),
    "EOS that is trimmed": (lambda: make_task([*ENDED[:2], preprocessors.append_eos]), True),
    "no EOS": (lambda: make_task([preprocessors.tokenize]), True),
    "no EOS declared": (
        lambda: make_task(features={name: t5mix.Feature(VOCABULARY, add_eos=False) for name in FEATURES}),
        True,
    ),
    "EOS before the cache": (lambda: make_task([preprocessors.tokenize, preprocessors.append_eos, ENDED[1]]), True),
    "fields for metrics": (other_fields, True),
    "ids of 64 bits": (wide_ids, True),
    "a cache that is required": (lambda: make_task([ENDED[0], t5mix.CacheDatasetPlaceholder(True), ENDED[2]]), True),
    "an objective": (lambda: unsupervised(objectives.span_corruption), True),
    "another objective": (lambda: unsupervised(objectives.prefix_lm), True),
    "a random step behind the cache": (lambda: make_task([*ENDED[:2], some_of_it, ENDED[2]]), True),
    "a random step and no placeholder": (lambda: make_task([ENDED[0], some_of_it, ENDED[2]]), True),
    "a random step before the cache": (lambda: make_task([ENDED[0], some_of_it, *ENDED[1:]]), True),
    "a step that filters": (lambda: make_task([only_long, *ENDED]), True),
    "a step that needs lengths first": (lambda: make_task([lengthened, ENDED[0], ENDED[2]]), False),
    "a step that needs lengths after another": (lambda: make_task([only_long, lengthened, ENDED[0], ENDED[2]]), False),
    "a field that no cache holds": (lambda: make_task([nested, *ENDED]), False),
    "a source that forbids caching": (lambda: make_task([ENDED[0], ENDED[2]], caching_permitted=False), False),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of caches, empty."""
    monkeypatch.setenv("T5MIX_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.filterwarnings("ignore:.*is random and stands before")
@pytest.mark.parametrize("trim", [True, False])
@pytest.mark.parametrize("name", TASKS)
def test_examples_are_those_of_get_dataset(name: str, trim: bool, folder: Path) -> None:
    make, is_cached = TASKS[name]
    task = make()
    for lengths in (LENGTHS, {"targets": 40, "inputs": 1}):
        if "objective" in name and lengths["inputs"] < 8:
            continue
        expected = with_get_dataset(task, lengths, trim)
        assert expected
        for _ in range(2):  # made, then read
            assert_same(list(read_split(task, "test", lengths, trim=trim)), expected)
    assert len(list(entries(folder))) == is_cached


def test_files_that_are_read_by_turns_keep_their_order(tmp_path: Path, folder: Path) -> None:
    for file in range(3):
        lines = [f"{file} {line}\tanswer {line}" for line in range(40)]
        (tmp_path / f"{file}.tsv").write_text("\n".join(lines) + "\n")
    source = t5mix.TextLineDataSource({"test": str(tmp_path / "*.tsv")})
    task = make_task([preprocessors.parse_tsv, *ENDED], source=source)
    found = list(read_split(task, "test", LENGTHS))
    assert_same(found, with_get_dataset(task, LENGTHS))
    assert [row["inputs_pretokenized"][:1] for row in found] != sorted(row["inputs_pretokenized"][:1] for row in found)


def test_a_split_is_tokenized_once(folder: Path) -> None:
    task = make_task()
    first = list(read_split(task, "test", LENGTHS))
    read = task.source._dataset_fn.read
    assert_same(list(read_split(task, "test", LENGTHS)), first)
    assert task.source._dataset_fn.read == read


def test_a_part_of_a_split_is_read_without_a_cache(folder: Path) -> None:
    task = make_task(num_input_examples={"test": len(TEXTS)})
    expected = with_get_dataset(task, LENGTHS)
    assert_same(list(read_split(task, "test", LENGTHS, 2)), expected[:2])
    assert not list(entries(folder))
    assert_same(list(read_split(task, "test", LENGTHS, 6)), expected)
    assert len(list(entries(folder))) == 1


def test_a_damaged_cache_is_made_anew(folder: Path) -> None:
    task = make_task()
    expected = list(read_split(task, "test", LENGTHS))
    (file,) = folder.rglob("*.arrow")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.warns(UserWarning, match="is damaged"):
        assert_same(list(read_split(task, "test", LENGTHS)), expected)


def test_a_split_that_is_not_there_is_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match="no split 'validation'"):
        read_split(make_task(), "validation", LENGTHS)

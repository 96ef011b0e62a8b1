"""A cache of several files holds what `get_dataset` gives, whatever the steps before it do."""

import functools

import pytest

import t5mix
from t5mix import preprocessors
from t5mix.data.cache import store
from t5mix.data.cache.identity.key import cache_job
from t5mix.vocabularies import ByteVocabulary

_FEATURES = {name: t5mix.Feature(ByteVocabulary(), add_eos=False) for name in ("inputs", "targets")}
_PARSE = functools.partial(preprocessors.parse_tsv, field_names=["inputs", "targets"])


@pytest.fixture
def task_of(tmp_path):
    for number in range(3):
        lines = [f"{number} {line}\t{line % 7}\n" for line in range(60)]
        (tmp_path / f"{number}.tsv").write_text("".join(lines))

    def make(*steps):
        return t5mix.Task(
            "lines",
            source=t5mix.TextLineDataSource({"train": str(tmp_path / "*.tsv")}),
            preprocessors=[_PARSE, *steps, preprocessors.tokenize, t5mix.CacheDatasetPlaceholder()],
            output_features=_FEATURES,
        )

    return make


@t5mix.map_over_dataset
def _same(example):
    return example


def _evens(dataset):
    import tensorflow as tf

    return dataset.filter(lambda example: tf.strings.regex_full_match(example["inputs"], ".*[02468]"))


def _hundred(dataset):
    return dataset.take(100)


def _shuffled(dataset):
    return dataset.shuffle(1000, seed=3, reshuffle_each_iteration=False).take(20)


def _joined(dataset):
    import tensorflow as tf

    def join(batch):
        return {name: tf.strings.reduce_join(texts, separator=" ") for name, texts in batch.items()}

    return dataset.batch(7).map(join)


@t5mix.map_over_dataset(num_seeds=1)
def _noisy(example, seed):
    import tensorflow as tf

    number = tf.random.stateless_uniform([], seed, 0, 10, tf.int32)
    return {**example, "targets": tf.strings.as_string(number)}


@functools.wraps(_same)  # which copies its mark
def _first_twenty(dataset):
    return _same(dataset).take(20)


@pytest.mark.parametrize(
    ("steps", "files", "examples"),
    [
        ((), 3, 180),
        ((_same,), 3, 180),
        ((functools.partial(_same),), 3, 180),
        ((t5mix.each_example(functools.partial(_evens)),), 3, 90),
        ((_evens,), 1, 90),
        ((_same, _hundred), 1, 100),
        ((_first_twenty,), 1, 20),
        ((_shuffled,), 1, 20),
        ((_joined,), 1, 26),
        ((_noisy,), 1, 180),
    ],
)
@pytest.mark.filterwarnings("ignore:.*is random and stands before")
def test_a_cache_of_several_files_holds_what_get_dataset_gives(task_of, tmp_path, steps, files, examples):
    task = task_of(*steps)
    found = store.find_or_make(cache_job(task, "train"), tmp_path / "cache")
    made = task.get_dataset(shuffle=False, seed=0 if steps == (_noisy,) else None).as_numpy_iterator()
    wanted = [(example["inputs"].tolist(), example["targets"].tolist()) for example in made]
    inputs, targets = found.column("inputs"), found.column("targets")
    own = [(inputs.row(number).tolist(), targets.row(number).tolist()) for number in range(found.examples)]
    assert len(found.files) == files and len(own) == examples
    # One file for all is in the order of get_dataset, too; files of their own are one behind the other.
    assert own == wanted if files == 1 else sorted(own) == sorted(wanted)

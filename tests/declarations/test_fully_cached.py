"""Tasks that are cached whole, and tasks with sentinels, registered under the names that seqio gives them."""

import functools
from collections.abc import Iterator

import pytest
import tensorflow as tf

import t5mix
from t5mix import preprocessors
from t5mix.compat import experimental

BYTES = t5mix.ByteVocabulary(extra_ids=4)


def letters(split: str, shuffle_files: bool) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices({"inputs": ["abcd", "e"], "targets": ["1", "2"]})


@pytest.fixture(autouse=True)
def registries() -> Iterator[None]:
    features = {"inputs": t5mix.Feature(BYTES), "targets": t5mix.Feature(BYTES)}
    source = t5mix.FunctionDataSource(letters, ["train"])
    steps = [preprocessors.tokenize, t5mix.CacheDatasetPlaceholder(), preprocessors.append_eos_after_trim]
    with t5mix.overlay():
        for name in ("one", "two_train"):
            t5mix.TaskRegistry.add(name, source, features, steps)
        t5mix.MixtureRegistry.add("both", [("one", 3), ("two_train", 1)])
        t5mix.MixtureRegistry.add("nested", [("both", 8), ("one", 1)])
        yield


def test_a_fully_cached_task_is_the_task_at_fixed_lengths() -> None:
    lengths = {"inputs": 3, "targets": 9}
    task = experimental.add_fully_cached_task("one", lengths)
    assert task.name == "one_i3_t9" and task is t5mix.TaskRegistry.get("one_i3_t9")
    assert experimental.add_fully_cached_task("one", lengths) is task
    assert task.requires_caching and task.steps_after_cache[0] is task.preprocessors[-1]

    def rows(dataset: tf.data.Dataset) -> list[list[int]]:
        return [example["inputs"].tolist() for example in dataset.as_numpy_iterator()]

    expected = rows(t5mix.TaskRegistry.get("one").get_dataset(lengths, shuffle=False))
    for given in (None, lengths):
        assert rows(task.get_dataset(given, use_cached=True, shuffle=False)) == expected == [[100, 101, 1], [104, 1]]
    with pytest.raises(ValueError, match="can only be loaded with"):
        task.get_dataset({"inputs": 4, "targets": 9}, use_cached=True)
    with pytest.raises(ValueError, match="requires caching"):
        task.get_dataset(lengths)


def test_names_tell_the_features_apart() -> None:
    features = {key: t5mix.Feature(BYTES, required=False) for key in ("text", "targets")}
    t5mix.TaskRegistry.add("t", t5mix.TaskRegistry.get("one").source, features)
    assert experimental.add_fully_cached_task("t", {"text": 5, "targets": 7}).name == "t_te5_ta7"
    assert experimental.add_fully_cached_task("t", {"text": 5}).name == "t_5"
    with pytest.raises(ValueError, match="without sequence_length"):
        experimental.add_fully_cached_task("t", {})


def test_a_fully_cached_mixture_keeps_the_rates_of_nested_ones() -> None:
    lengths = {"inputs": 3, "targets": 9}
    mixture = experimental.add_fully_cached_mixture("nested", lengths, disallow_shuffling=True)
    assert mixture.name == "nested_i3_t9"
    assert mixture.rates() == pytest.approx({"one_i3_t9": 7 / 9, "two_train_i3_t9": 2 / 9})
    assert all(task.shuffle_buffer_size is None for task in mixture.tasks)


def first_of_each(targets: list, predictions: list) -> dict[str, float]:
    return {"right": float(targets[0] == predictions[0])}


def drawn_in_turn(datasets: list, rates: list, seed: int | None) -> tf.data.Dataset:
    return tf.data.Dataset.choose_from_datasets(datasets, tf.data.Dataset.range(len(datasets)).repeat())


def test_what_is_fully_cached_keeps_metric_objects_and_the_way_of_drawing() -> None:
    lengths = {"inputs": 3, "targets": 9}
    measured = t5mix.metrics.PassthroughLegacyMetric.from_metric_fn(first_of_each)
    task = t5mix.TaskRegistry.get("one").replace(name="measured", metric_objs=[measured])
    t5mix.TaskRegistry.add_provider("measured", task)
    assert experimental.add_fully_cached_task("measured", lengths).metric_objs == [measured]
    t5mix.MixtureRegistry.add("in_turn", [("one", 1), ("two_train", 1)], sample_fn=drawn_in_turn)
    assert experimental.add_fully_cached_mixture("in_turn", lengths).sample_fn is drawn_in_turn


@t5mix.map_over_dataset(num_seeds=1)
def noisy(example: dict, seed: tf.Tensor, strength: int) -> dict:
    return example


def test_noise_that_a_cache_would_hold_is_warned_of() -> None:
    steps = [preprocessors.tokenize, functools.partial(noisy, strength=2)]
    task = t5mix.TaskRegistry.get("one").replace(name="noisy", preprocessors=steps)
    t5mix.TaskRegistry.add_provider("noisy", task)
    with pytest.warns(UserWarning, match="is random and stands before"):
        experimental.add_fully_cached_task("noisy", {"inputs": 3, "targets": 9})


def test_another_task_of_the_name_is_refused() -> None:
    lengths = {"inputs": 3, "targets": 9}
    experimental.add_fully_cached_task("two_train", lengths)
    with pytest.raises(ValueError, match="another task 'two_train_i3_t9' is declared at"):
        experimental.add_fully_cached_task("two_train", lengths, disallow_shuffling=True)
    with pytest.raises(ValueError, match="another task"):
        experimental.add_fully_cached_mixture("both", lengths, disallow_shuffling=True)
    assert "one_i3_t9" not in t5mix.TaskRegistry


def test_a_task_with_sentinels_is_registered() -> None:
    task = experimental.add_task_with_sentinels("two_train", 2)
    assert task.name == "two_2_sentinel_train" and task is t5mix.TaskRegistry.get(task.name)
    example = next(iter(task.get_dataset({"inputs": 5, "targets": 9}, shuffle=False)))
    last = BYTES.vocab_size - 1
    assert example["inputs"].numpy().tolist() == [100, 101, last, last - 1, 1]
    assert example["targets"].numpy().tolist() == [last, last - 1, 52, 1]
    with pytest.raises(ValueError, match="give 1 or more"):
        experimental.add_task_with_sentinels("one", 0)

"""Tasks and mixtures made of others."""

from collections.abc import Iterator

import pytest
import tensorflow as tf

import t5mix
from t5mix import preprocessors
from t5mix.compat import helpers
from t5mix.sources import ShardInfo

BYTES, MORE = t5mix.ByteVocabulary(), t5mix.ByteVocabulary(extra_ids=10)


def letters(split: str, shuffle_files: bool, seed: int | None = None) -> tf.data.Dataset:
    dataset = tf.data.Dataset.from_tensor_slices({"inputs": list("abcdefgh"), "targets": list("abcdefgh")})
    return dataset.shuffle(8, seed) if shuffle_files else dataset


def declare(name: str, *splits: str, **arguments: object) -> t5mix.Task:
    features = {"inputs": t5mix.Feature(BYTES), "targets": t5mix.Feature(BYTES, add_eos=False)}
    source = t5mix.FunctionDataSource(letters, splits or ["train"], {split: 8 for split in splits or ["train"]})
    steps = [preprocessors.tokenize, preprocessors.append_eos_after_trim]
    return t5mix.TaskRegistry.add(name, source, features, steps, **arguments)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def registries() -> Iterator[None]:
    with t5mix.overlay():
        declare("one", postprocess_fn=str.upper, shuffle_buffer_size=3)
        declare("two")
        t5mix.MixtureRegistry.add("inner", [("one", 3), "two"], default_rate=1)
        t5mix.MixtureRegistry.add("outer", ["inner", ("two", 2)], default_rate=4)
        yield


def texts(dataset: tf.data.Dataset) -> list[str]:
    return [BYTES.decode(example["targets"]) for example in dataset.as_numpy_iterator()]


# Another vocabulary.


def test_a_task_with_another_vocabulary_is_the_same_otherwise() -> None:
    old = t5mix.TaskRegistry.get("one")
    new = helpers.mixture_or_task_with_new_vocab("one", "new", new_vocab=MORE)
    assert new is t5mix.TaskRegistry.get("new")
    assert {key: (f.vocabulary, f.add_eos) for key, f in new.output_features.items()} == {
        "inputs": (MORE, True),
        "targets": (MORE, False),
    }
    for field in ("source", "preprocessors", "postprocessor", "metric_fns", "shuffle_buffer_size"):
        assert getattr(new, field) == getattr(old, field)


def test_a_mixture_with_another_vocabulary_has_the_old_rates() -> None:
    new = helpers.mixture_or_task_with_new_vocab("outer", "new", new_vocab=MORE)
    assert [task.name for task in new.tasks] == ["new.inner.one", "new.inner.two", "new.two"]
    assert [new.get_rate(task) for task in new.tasks] == [3, 1, 2]
    assert new.rate_per_task_name == {"new.inner": 4, "new.two": 2}
    assert t5mix.MixtureRegistry.get("new.inner").output_features["inputs"].vocabulary == MORE


def test_a_mixture_with_another_vocabulary_has_the_old_unimax_rates_and_limits() -> None:
    even = t5mix.rates.UniMax(budget=6, max_epochs=2)
    t5mix.MixtureRegistry.add("even", ["one", "two"], rates=even, max_epochs=2)
    new = helpers.mixture_or_task_with_new_vocab("even", "new", new_vocab=MORE)
    assert new.rates() == {"new.one": 0.5, "new.two": 0.5}
    assert new.max_epochs == {"new.one": 2, "new.two": 2}


def test_a_limit_holds_for_a_task_of_several_parts_in_each() -> None:
    t5mix.MixtureRegistry.add("limited", ["inner", ("two", 2)], default_rate=4, max_epochs={"two": 3})
    new = helpers.mixture_or_task_with_new_vocab("limited", "new", new_vocab=MORE)
    assert new.max_epochs == {"new.inner.two": 3, "new.two": 3}


def test_what_is_not_to_be_registered_is_not() -> None:
    before = t5mix.TaskRegistry.names(), t5mix.MixtureRegistry.names()
    helpers.mixture_or_task_with_new_vocab("outer", "new", new_vocab=MORE, add_to_seqio_registry=False)
    helpers.mixture_or_task_with_truncated_data("outer", "new", split_sizes={"train": 1}, add_to_seqio_registry=False)
    assert (t5mix.TaskRegistry.names(), t5mix.MixtureRegistry.names()) == before


def test_half_a_mixture_is_never_registered() -> None:
    declare("new.two")
    before = t5mix.TaskRegistry.names(), t5mix.MixtureRegistry.names()
    with pytest.raises(ValueError, match=r"'new\.two', declared at"):
        helpers.mixture_or_task_with_new_vocab("outer", "new", new_vocab=MORE)
    assert (t5mix.TaskRegistry.names(), t5mix.MixtureRegistry.names()) == before


def test_new_features_must_be_the_old_ones_with_another_vocabulary() -> None:
    good = {"inputs": t5mix.Feature(MORE, required=False), "targets": t5mix.Feature(BYTES)}
    new = helpers.mixture_or_task_with_new_vocab("one", "new", new_output_features=good)
    assert new.output_features == good
    wrong = {**good, "targets": t5mix.Feature(BYTES, rank=2)}
    for arguments, match in (
        ({}, "give new_vocab or new_output_features, one of them"),
        ({"new_vocab": MORE, "new_output_features": good}, "not both"),
        ({"new_output_features": {"inputs": good["inputs"]}}, r"name those it has: \['inputs', 'targets'\]"),
        ({"new_output_features": wrong}, r"\['targets'\] has rank 2, and the preprocessors make 1"),
    ):
        with pytest.raises(ValueError, match=match):
            helpers.mixture_or_task_with_new_vocab("one", "newer", **arguments)  # type: ignore[arg-type]
    kept = helpers.mixture_or_task_with_new_vocab("one", "w", new_output_features=wrong, validate_features=False)
    assert kept.output_features["targets"].rank == 2


def test_a_placeholder_goes_before_the_first_step_that_needs_lengths_in_every_task() -> None:
    new = helpers.mixture_or_task_with_new_vocab("outer", "new", new_vocab=MORE, add_cache_placeholder=True)
    for task in new.tasks:
        kinds = [isinstance(step, t5mix.CacheDatasetPlaceholder) for step in task.preprocessors]
        assert kinds == [False, True, False]
    again = helpers.mixture_or_task_with_new_vocab(new, "again", new_vocab=BYTES, add_cache_placeholder=True)
    assert all(len(task.preprocessors) == 3 for task in again.tasks)


# Less data.


def test_the_first_examples_are_left() -> None:
    new = helpers.mixture_or_task_with_truncated_data("one", "few", split_sizes={"train": 3})
    assert texts(new.get_dataset(shuffle=False)) == ["a", "b", "c"] and new.num_input_examples("train") == 3
    assert sorted(texts(new.get_dataset(seed=3))) == ["a", "b", "c"]
    assert texts(new.source.get_dataset("train", seed=5).map(tokens)) == texts(
        new.source.get_dataset("train", seed=5).map(tokens)
    )


def tokens(example: dict) -> dict:
    return {"targets": BYTES.encode_tf(example["targets"])}


def test_shards_share_the_examples_that_are_left() -> None:
    new = helpers.mixture_or_task_with_truncated_data("one", "few", split_sizes={"train": 3})
    parts = [texts(new.get_dataset(shuffle=False, shard_info=ShardInfo(i, 2))) for i in range(2)]
    assert parts == [["a", "c"], ["b"]]


def test_a_mixture_of_less_data() -> None:
    new = helpers.mixture_or_task_with_truncated_data("outer", "few", split_sizes={"train": 2})
    assert [task.num_input_examples("train") for task in new.tasks] == [2, 2, 2]
    assert new.rate_per_task_name == {"few.inner": 4, "few.two": 2}
    drawn = texts(new.get_dataset(shuffle=False, seed=0, num_epochs=None).take(40))
    assert set(drawn) == {"a", "b"}


def test_sizes_that_mean_nothing_are_refused() -> None:
    for sizes in ({"dev": 3}, {"train": -1}, {"train": 0.5}):
        with pytest.raises(ValueError, match="give whole numbers for splits of 'one': train"):
            helpers.mixture_or_task_with_truncated_data("one", "few", split_sizes=sizes)  # type: ignore[arg-type]
    for size in (-1, 0.5, True):
        with pytest.raises(ValueError, match=r"split_sizes\['train'\] is .*; give a whole number"):
            helpers.TruncatedDatasetProvider(t5mix.TaskRegistry.get("one").source, {"train": size})  # type: ignore[dict-item]


def test_less_data_is_other_content() -> None:
    source = t5mix.TaskRegistry.get("one").source
    prints = {source.fingerprint("train")}
    prints |= {helpers.TruncatedDatasetProvider(source, {"train": n}).fingerprint("train") for n in (1, 1, 2)}
    assert len(prints) == 3


# Missing splits.


def test_tasks_without_a_split_are_left_out_with_the_rates_of_the_rest() -> None:
    declare("tested", "train", "test")
    t5mix.MixtureRegistry.add("all", [("inner", 0.3), ("tested", 0.9)])
    new = helpers.mixture_with_missing_task_splits_removed("all", "test", "all_test")
    assert new.rate_per_task_name == {"tested": 0.9} and t5mix.MixtureRegistry.get("all_test") is new
    both = helpers.mixture_with_missing_task_splits_removed("all", "train", "x", add_to_seqio_registry=False)
    assert both.rate_per_task_name == {"inner": 0.3, "tested": 0.9} and "x" not in t5mix.MixtureRegistry
    with pytest.raises(ValueError, match="'all' has no task with split 'dev'"):
        helpers.mixture_with_missing_task_splits_removed("all", "dev", "y")


def test_nested_tasks_without_a_split_are_left_out_and_the_others_keep_their_rates() -> None:
    tested = [declare(f"tested_{i}", "train", "test") for i in range(3)]
    add = t5mix.MixtureRegistry.add
    whole = add("whole", [("tested_0", 2), ("tested_1", 5)])
    add("deep", [("one", 1), ("tested_0", 3)])
    add("middle", [("deep", 7), ("tested_1", 2), ("whole", 1), ("two", 4)])
    old = add("old", [("middle", 0.3), ("deep", 0.9), ("tested_2", t5mix.mixing_rate_num_examples), ("inner", 6)])
    new = helpers.mixture_with_missing_task_splits_removed("old", "test", "new")
    assert new.tasks == tested  # the same, not copies
    assert [new.get_rate(task) for task in tested] == pytest.approx([old.get_rate(task) for task in tested])
    assert [part.name for part in new.parts] == ["new.middle", "new.deep", "tested_2"]
    middle = t5mix.MixtureRegistry.get("new.middle")
    assert new.parts[0] is middle and middle.rate_per_task_name["tested_1"] == 2
    assert middle.parts[2] is whole  # nothing is missing there
    assert t5mix.MixtureRegistry.get("new.middle.deep").rate_per_task_name == {"tested_0": 3}
    before = t5mix.MixtureRegistry.names()
    unregistered = helpers.mixture_with_missing_task_splits_removed("old", "test", "x", add_to_seqio_registry=False)
    assert unregistered.tasks == tested and t5mix.MixtureRegistry.names() == before


def test_a_nested_mixture_by_one_stage_loses_tasks_as_by_a_number() -> None:
    tested = declare("tested", "train", "test")
    t5mix.MixtureRegistry.add("half", [("tested", 1), ("one", 1)])
    t5mix.MixtureRegistry.add("staged", [("half", {0: 6.0}), ("two", 1)])
    by_function = t5mix.rates.by_step(lambda step: 6.0, every=1, until=0)
    t5mix.MixtureRegistry.add("asked", [("half", by_function), ("two", 1)])
    for old in ("staged", "asked"):
        new = helpers.mixture_with_missing_task_splits_removed(old, "test", f"new_{old}")
        assert new.get_rate(tested) == 3.0


def test_nested_tasks_of_rate_0_stay_at_0() -> None:
    declare("tested", "train", "test")
    declare("never", "train", "test")
    t5mix.MixtureRegistry.add("hidden", [("never", 0), ("tested", 0), ("one", 1)])
    t5mix.MixtureRegistry.add("all", [("hidden", 2), ("tested", 3)])
    new = helpers.mixture_with_missing_task_splits_removed("all", "test", "new")
    assert new.rate_per_task_name == {"never": 0, "tested": 3}
    t5mix.MixtureRegistry.add("nothing", [("hidden", 2), ("two", 3)])
    with pytest.raises(ValueError, match="'other' has only rates of 0"):
        helpers.mixture_with_missing_task_splits_removed("nothing", "test", "other")
    assert not any(name.startswith("other") for name in t5mix.MixtureRegistry.names())

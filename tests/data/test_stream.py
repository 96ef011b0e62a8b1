"""The batch at a step is a function of mixture, seed and step."""

import functools
import json
from collections import Counter

import numpy as np
import pytest

from t5mix.data import Stream
from t5mix.data.packing import collate, windows
from t5mix.declarations.mixture import Mixture
from t5mix.declarations.task import Task
from t5mix.preprocessors import append_eos, append_eos_after_trim, objectives, tokenize
from t5mix.preprocessors.mapping import map_over_dataset
from t5mix.preprocessors.pipeline import CacheDatasetPlaceholder
from t5mix.sources import FunctionDataSource
from t5mix.vocabularies import ByteVocabulary
from t5mix.vocabularies.features import Feature

LENGTHS = {"inputs": 32, "targets": 17}


def _tokens(stream, task, epoch, index):
    inputs, targets = (ids.values for ids in stream._examples[task].gather(epoch, np.array([index])))
    return inputs.tolist(), targets.tolist()


@pytest.mark.parametrize("pack", [True, False])
def test_batches_hold_the_examples_that_they_say(mixture, pack):
    stream = Stream(mixture, LENGTHS, 8, pack=pack, seed=3)
    for step in (0, 1, 500):
        batch = stream.batch(step)
        assert {name: array.shape for name, array in batch.items()} == {
            **{f"inputs{part}": (8, 32) for part in ("", "_segment_ids", "_positions")},
            **{f"targets{part}": (8, 17) for part in ("", "_segment_ids", "_positions")},
            "targets_task": (8, 17),
        }
        rows = collate.unpack(batch, list(LENGTHS))
        found = [(e["inputs"].tolist(), e["targets"].tolist()) for row in rows for e in row]
        said = stream.examples(step)
        assert found == [_tokens(stream, *example) for example in said]
        tasks = [stream.task_names.index(name) for name, _, _ in said]
        numbers = [t for t, (_, targets) in zip(tasks, found, strict=True) for _ in targets]
        assert batch["targets_task"][batch["targets_task"] >= 0].tolist() == numbers
        assert pack or all(len(row) == 1 for row in rows)


@pytest.mark.parametrize("pack", [True, False])
def test_an_epoch_holds_every_example_once(make_task, pack):
    stream = Stream(make_task("a", count=50), LENGTHS, 4, pack=pack)
    counts, seen = Counter(), set()
    for step in range(600):
        drawn = stream.examples(step)
        assert not seen.intersection(drawn)
        seen.update(drawn)
        counts.update(index for _, _, index in drawn)
        # Epoch by epoch, whenever one looks.
        assert len(counts) == 50 or step < 50
        assert max(counts.values()) - min(counts[index] for index in range(50)) <= 1
    assert stream.fed(600) == {"a": counts.total()} and counts.total() > 500
    assert stream.statistics().dropped == {}


def test_a_seek_is_a_replay(mixture, digest):
    stream = Stream(mixture, LENGTHS, 8, seed=5)
    replayed = [digest(stream, [step]) for step in range(140)]
    fresh = Stream(mixture, LENGTHS, 8, seed=5)
    steps = np.random.default_rng(0).permutation(140).tolist()
    assert all(digest(fresh, [step]) == replayed[step] for step in steps)
    assert digest(fresh, [10**9]) == digest(Stream(mixture, LENGTHS, 8, seed=5), [10**9])


@pytest.mark.filterwarnings("ignore:.*found no room")
@pytest.mark.parametrize("pack", [True, False])
def test_a_thousand_random_seeks_are_what_iterating_gives(make_task, monkeypatch, pack):
    monkeypatch.setattr(windows, "_ROWS", 16)  # small windows, so that seeks are cheap and cross many of them
    task = make_task("a", count=40, longest=30)
    iterated, sought = (Stream(task, LENGTHS, 4, seed=5, pack=pack) for _ in range(2))
    batches = [iterated.batch(step)["targets"].copy() for step in range(3000)]
    for step in np.random.default_rng(0).integers(0, 3000, 1000).tolist():
        assert np.array_equal(sought.batch(step)["targets"], batches[step])


def test_a_step_is_the_number_that_it_is_whatever_its_type(mixture):
    for pack in (True, False):
        stream, again = (Stream(mixture, LENGTHS, 8, seed=5, pack=pack) for _ in range(2))
        assert stream.examples(300) == again.examples(np.int64(300))
        assert json.dumps(again.state(np.int64(300))) == json.dumps(stream.state(300))


def test_the_seed_changes_order_and_noise(mixture):
    one, other = (Stream(mixture, LENGTHS, 8, seed=seed) for seed in (0, 1))
    assert one.examples(0) != other.examples(0)
    assert _tokens(one, "text", 0, 0) != _tokens(other, "text", 0, 0)
    assert _tokens(one, "text", 0, 0) != _tokens(one, "text", 1, 0)
    assert _tokens(one, "long", 0, 0) == _tokens(other, "long", 1, 0)


def test_one_feature_makes_rows_for_a_language_model(make_source, make_texts):
    texts = make_source({"targets": make_texts("lm", 200, 1, 60)})
    task = Task(
        "lm",
        source=FunctionDataSource(texts, splits=["train"]),
        preprocessors=[tokenize, CacheDatasetPlaceholder(), append_eos_after_trim],
        output_features={"targets": Feature(ByteVocabulary(extra_ids=100))},
    )
    stream = Stream(task, {"targets": 64}, 4)
    texts_of = [[byte + 3 for byte in text.encode()] + [1] for text in texts.columns["targets"]]
    for step in range(30):
        batch = stream.batch(step)
        assert sorted(batch) == ["targets", "targets_positions", "targets_segment_ids", "targets_task"]
        found = [example["targets"].tolist() for row in collate.unpack(batch, ["targets"]) for example in row]
        assert found == [texts_of[index] for _, _, index in stream.examples(step)]
    assert stream.statistics().fill["targets"] > 0.95


# Endings.


@pytest.mark.parametrize("step", [append_eos, append_eos_after_trim])
def test_endings_are_those_of_get_dataset(make_task, step):
    task = make_task("a", count=50, longest=80, after=[step])
    stream = Stream(task, LENGTHS, 4)
    dataset = task.get_dataset(LENGTHS, "train", shuffle=False)
    for index, example in enumerate(dataset.as_numpy_iterator()):
        expected = (example["inputs"].tolist(), example["targets"].tolist())
        assert _tokens(stream, "a", 0, index) == expected


def test_truncation_is_counted_by_task_and_feature(make_task):
    columns = {"inputs": ["x" * n for n in (5, 31, 32, 40)], "targets": ["y"] * 4}
    for step, lost in ((append_eos_after_trim, 2), (append_eos, 2)):
        stream = Stream(make_task("a", columns=columns, after=[step]), LENGTHS, 4)
        (task,) = stream.statistics().tasks
        assert task.truncated == {"inputs": lost, "targets": 0}
        assert task.examples == task.measured == 4
        assert task.mean_lengths == {"inputs": (6 + 32 + 32 + 32) / 4, "targets": 2}


# Steps that run through tf.data.


@map_over_dataset(num_seeds=1)
def _noisy(example, seed):
    import tensorflow as tf

    noise = tf.random.stateless_uniform([1], seed, 3, 250, tf.int32)
    return {**example, "inputs": tf.concat([example["inputs"], noise], axis=0)}


def _keep_even_noise(dataset):
    return dataset.filter(lambda example: example["inputs"][-1] % 2 == 0)


def test_other_steps_run_anew_in_each_epoch(make_task):
    task = make_task("a", count=700, longest=12, after=[_noisy, append_eos_after_trim])
    stream, again = (Stream(task, LENGTHS, 4, seed=1, pack=False) for _ in range(2))
    other = Stream(task, LENGTHS, 4, seed=2, pack=False)

    def epoch(stream, number):
        return [_tokens(stream, "a", number, i) for i in range(700)]

    epochs = [epoch(stream, number) for number in range(4)]
    assert [epoch(again, 3), epoch(again, 1)] == [epochs[3], epochs[1]]
    assert epochs[0] != epochs[1] != epochs[2] and epoch(other, 0) != epochs[0]
    texts = task.texts.columns["inputs"]
    for text, (inputs, _) in zip(texts, epochs[3], strict=True):
        assert inputs[:-2] == [byte + 3 for byte in text.encode()] and inputs[-1] == 1


def test_an_objective_runs_the_same_either_way(make_task, make_texts):
    documents = {"inputs": [""] * 9, "targets": make_texts("docs", 9, 50, 200)}
    objective = objectives.span_corruption(noise_density=0.3)

    def same(dataset):
        return dataset

    native = make_task("a", columns=documents, after=[objective, append_eos_after_trim])
    through = make_task("a", columns=documents, after=[same, objective, append_eos_after_trim])
    one, other = (Stream(task, LENGTHS, 4) for task in (native, through))
    count = one._examples["a"].count
    assert other._examples["a"].count == count
    indices = np.arange(count)
    lengths = [stream._examples["a"].lengths(0, indices) for stream in (one, other)]
    assert np.array_equal(*lengths)


def test_a_step_that_filters_differently_in_each_epoch_is_refused(make_task):
    task = make_task("a", count=400, after=[_noisy, _keep_even_noise])
    stream = Stream(task, LENGTHS, 4, pack=False)
    with pytest.raises(ValueError, match=r"task 'a'.*examples in epoch 0, but .* in epoch"):
        stream._examples["a"].lengths(1, np.arange(3))


def _shuffled(dataset):
    return dataset.shuffle(100)


def _loud(dataset):
    import tensorflow as tf

    def add(example):
        noise = tf.random.uniform([1], 3, 250, tf.int32)
        return {**example, "inputs": tf.concat([example["inputs"], noise], axis=0)}

    return dataset.map(add)


@pytest.mark.parametrize("step", [_shuffled, _loud])
def test_noise_that_does_not_follow_from_the_seed_is_refused(make_task, step):
    with pytest.raises(ValueError, match=r"task 'a'.*behind the cache make other examples each time"):
        Stream(make_task("a", after=[step]), LENGTHS, 4)


def test_the_epochs_of_a_window_are_made_once(make_task):
    runs = []

    def counted(dataset):
        runs.append(1)
        return dataset

    counted.fingerprint = "counted"
    stream = Stream(make_task("a", count=50, longest=8, after=[_noisy, counted]), LENGTHS, 8, pack=False)
    for step in range(128):
        stream.batch(step)
    assert len(runs) <= 1024 // 50 + 4


def _mark(dataset, seen=[]):  # noqa: B006
    seen.append(1)
    assert len(seen) <= 2  # once to see whether it is random
    return dataset.map(lambda example: {**example, "inputs": example["inputs"][:3]})


def test_other_steps_that_are_not_random_run_once(make_task):
    stream = Stream(make_task("a", count=5, after=[_mark]), LENGTHS, 4)
    assert _tokens(stream, "a", 0, 1) == _tokens(stream, "a", 77, 1)
    stream.batch(500)


# Which tasks.


def test_tasks_of_rate_zero_are_not_touched(make_task):
    never = make_task("never", columns={"inputs": [], "targets": []})
    stream = Stream(Mixture("m", [(make_task("a"), 1.0), (never, 0.0)]), LENGTHS, 4)
    assert stream.task_names == ("a",) and never.texts.read == 0
    assert stream.left_out == {"never": "its rate is 0"}


def test_tasks_without_the_split_are_left_out_with_a_warning(make_task):
    other = make_task("other", splits=["test"])
    with pytest.warns(UserWarning, match="other"):
        stream = Stream(Mixture("m", [(make_task("a"), 1), (other, 1)]), LENGTHS, 4)
    assert stream.statistics().left_out == {"other": "it has no split 'train'"}


def test_what_cannot_work_is_refused_by_name(make_task):
    task = make_task("a")
    with pytest.raises(ValueError, match="task 'a' has the feature 'targets'"):
        Stream(task, {"inputs": 8}, 4)
    with pytest.raises(ValueError, match="'suffix', which no task has"):
        Stream(task, {**LENGTHS, "suffix": 3}, 4)
    with pytest.raises(ValueError, match="batch_size is 0"):
        Stream(task, LENGTHS, 0)
    with pytest.raises(ValueError, match=r"lengths\['targets'\] is 0"):
        Stream(task, {"inputs": 8, "targets": 0}, 4)
    with pytest.raises(ValueError, match="nothing to draw from in split 'test'"):
        Stream(task, LENGTHS, 4, split="test")
    with pytest.raises(ValueError, match="task 'a' has no example"):
        Stream(make_task("a", columns={"inputs": [], "targets": []}), LENGTHS, 4)
    with pytest.raises(ValueError, match="step is -1"):
        Stream(task, LENGTHS, 4).batch(-1)


def test_an_objective_that_cannot_run_is_refused_with_its_task(make_task):
    task = make_task("a", after=[objectives.span_corruption])
    with pytest.raises(ValueError, match=r"task 'a'.*targets of 8, but the targets' length is 4"):
        Stream(task, {"inputs": 32, "targets": 4}, 4)


def test_the_order_in_which_lengths_are_given_changes_nothing(mixture, digest):
    lengths = {"inputs": 30, "targets": 30}
    one, other = (Stream(mixture, dict(items), 8) for items in (lengths.items(), reversed(lengths.items())))
    assert digest(one, range(3)) == digest(other, range(3))


def test_statistics_say_what_is_fed(mixture):
    stream = Stream(mixture, LENGTHS, 8)
    found = stream.statistics()
    assert [task.task for task in found.tasks] == list(stream.task_names)
    assert sum(task.share for task in found.tasks) == pytest.approx(1)
    batches = [stream.batch(step) for step in range(256)]
    for name in LENGTHS:
        filled = np.mean([(batch[f"{name}_segment_ids"] > 0).mean() for batch in batches])
        assert found.fill[name] == pytest.approx(filled)
    assert found.examples_per_batch == np.mean([len(stream.examples(s)) for s in range(256)])
    counts = Counter(task for step in range(256) for task, _, _ in stream.examples(step))
    for task in found.tasks:
        assert counts[task.task] / counts.total() == pytest.approx(task.share, abs=2e-3)


def test_partial_objectives_run_natively(make_task):
    partial = functools.partial(objectives.span_corruption, noise_density=0.3)
    stream = Stream(make_task("a", after=[partial, append_eos]), LENGTHS, 4)
    assert type(stream._examples["a"]).__name__ == "ObjectiveExamples"

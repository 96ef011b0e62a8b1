"""Tasks: the order of get_dataset, trimming, the cut at the cache, and declarations that cannot work."""

import functools
import itertools
import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import t5mix
from t5mix import preprocessors
from t5mix.sources import ShardInfo

VOCABULARY = t5mix.ByteVocabulary()
FEATURES = {"targets": t5mix.Feature(VOCABULARY), "inputs": t5mix.Feature(VOCABULARY, required=False)}
CACHE = t5mix.CacheDatasetPlaceholder()


def words(split: str, shuffle_files: bool) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices({"inputs": ["one two", "three"], "targets": ["1234567", "3"]})


@t5mix.map_over_dataset(num_seeds=1)
def noise(example: dict, seed: tf.Tensor, name: str = "noise") -> dict:
    return {**example, name: tf.random.stateless_uniform([], seed, maxval=2**30, dtype=tf.int32)}


SOURCE = t5mix.FunctionDataSource(words, ["train", "test"], {"train": 2, "test": 2})
STEPS = (preprocessors.tokenize, CACHE, preprocessors.append_eos_after_trim)


def task(*steps: object, **arguments: object) -> t5mix.Task:
    settings = {"source": SOURCE, "output_features": FEATURES, "preprocessors": steps or STEPS, **arguments}
    return t5mix.Task("trial", **settings)  # type: ignore[arg-type]


def rows(dataset: tf.data.Dataset) -> list[dict]:
    return list(dataset.as_numpy_iterator())


def texts(dataset: tf.data.Dataset, feature: str = "targets") -> list[str]:
    return [VOCABULARY.decode(row[feature].tolist()) for row in rows(dataset)]


# The order of get_dataset.


def test_trimming_leaves_room_for_eos() -> None:
    first, second = rows(task().get_dataset({"inputs": 99, "targets": 4}, shuffle=False))
    assert first["targets"].tolist() == [*VOCABULARY.encode("123"), 1]
    assert second["targets"].tolist() == [*VOCABULARY.encode("3"), 1]
    assert first["targets_pretokenized"] == b"1234567"


def test_trimming_comes_after_the_steps_and_may_be_left_out() -> None:
    late = task(preprocessors.tokenize, CACHE, preprocessors.append_eos)
    assert rows(late.get_dataset({"targets": 4}, shuffle=False))[0]["targets"].tolist() == VOCABULARY.encode("1234")
    assert texts(late.get_dataset(shuffle=False))[0] == "1234567"
    assert texts(late.get_dataset({"targets": 4}, shuffle=False, trim_output_features=False))[0] == "1234567"
    for length in (0, -3, True):
        with pytest.raises(ValueError, match="task 'trial': sequence_length has 'targets'"):
            late.get_dataset({"targets": length})


def test_each_axis_may_have_its_length() -> None:
    @t5mix.map_over_dataset
    def matrix(example: dict) -> dict:
        return {"targets": tf.ones([5, 6], tf.int32)}

    features = {"targets": t5mix.Feature(VOCABULARY, rank=2)}
    (row, _) = rows(task(matrix, output_features=features).get_dataset({"targets": (2, 3)}))  # type: ignore[dict-item]
    assert row["targets"].shape == (2, 3)


def test_epochs_repeat_behind_the_cache_with_fresh_noise() -> None:
    steps = (functools.partial(noise, name="frozen"), preprocessors.tokenize)
    with pytest.warns(UserWarning, match="'noise' is random and stands before"):
        cached = task(*steps, CACHE, noise)
    both = rows(cached.get_dataset(num_epochs=2, shuffle=False, seed=5))
    assert [row["targets_pretokenized"] for row in both] == [b"1234567", b"3"] * 2
    fresh = [int(row["noise"]) for row in both]
    assert len(set(fresh)) == 4
    again = rows(cached.get_dataset(num_epochs=2, shuffle=False, seed=5))
    assert [int(row["noise"]) for row in again] == fresh
    assert [int(r["noise"]) for r in rows(cached.get_dataset(num_epochs=2, shuffle=False, seed=6))] != fresh
    # The noise of the step before the cache is not that of the step behind it.
    assert not {int(row["frozen"]) for row in both} & set(fresh)


def test_shuffling_is_last_and_follows_the_seed() -> None:
    def many(split: str, shuffle_files: bool) -> tf.data.Dataset:
        return tf.data.Dataset.range(100).map(lambda n: {"targets": tf.strings.as_string(n)})

    big = task(source=t5mix.FunctionDataSource(many, ["train"]))
    plain = texts(big.get_dataset(shuffle=False))
    assert plain == [str(n) for n in range(100)]
    shuffled = texts(big.get_dataset(seed=1))
    assert sorted(shuffled) == sorted(plain) and shuffled != plain
    assert shuffled == texts(big.get_dataset(seed=1)) != texts(big.get_dataset(seed=2))
    near = texts(big.get_dataset(seed=1, shuffle_buffer_size=2))
    assert all(abs(int(text) - i) < 40 for i, text in enumerate(near[:20])) and near != plain
    parts = [texts(big.get_dataset(shuffle=False, shard_info=ShardInfo(i, 3))) for i in range(3)]
    assert sorted(itertools.chain(*parts), key=int) == plain


def test_a_task_may_disallow_shuffling() -> None:
    fixed = task(shuffle_buffer_size=None)
    with pytest.raises(ValueError, match=r"(?s)Shuffling is disallowed for Task .*pass shuffle=False"):
        fixed.get_dataset()
    assert len(rows(fixed.get_dataset(shuffle=False))) == 2


def test_small_sources_are_read_once() -> None:
    read: list[int] = []

    def counted(split: str, shuffle_files: bool) -> tf.data.Dataset:
        def note(n: np.ndarray) -> np.ndarray:
            read.append(int(n))
            return n

        return (
            tf.data.Dataset.range(4)
            .map(lambda n: {"targets": tf.strings.as_string(tf.numpy_function(note, [n], tf.int64))})
            .map(lambda e: {"targets": tf.ensure_shape(e["targets"], [])})
        )

    for known, times in (({"train": 4}, 4), ({}, 12)):
        read.clear()
        source = t5mix.FunctionDataSource(counted, ["train"], known)
        assert len(rows(task(source=source).get_dataset(num_epochs=3, shuffle=False))) == 12
        assert len(read) == times


def test_a_required_cache_must_be_asked_for() -> None:
    required = task(preprocessors.tokenize, t5mix.CacheDatasetPlaceholder(required=True))
    assert required.requires_caching and required.supports_caching
    with pytest.raises(ValueError, match="requires caching, but was called with `use_cached=False`"):
        required.get_dataset()
    assert len(rows(required.get_dataset(use_cached=True))) == 2


# Steps.


def test_steps_get_the_arguments_they_take_and_no_other() -> None:
    seen: dict = {}

    def greedy(dataset: tf.data.Dataset, sequence_length: dict, output_features: dict) -> tf.data.Dataset:
        seen.update(sequence_length=sequence_length, output_features=output_features)
        return dataset

    def bound(dataset: tf.data.Dataset, sequence_length: dict) -> tf.data.Dataset:
        seen["bound"] = sequence_length
        return dataset

    steps = (preprocessors.tokenize, greedy, functools.partial(bound, sequence_length={"targets": 1}))
    task(*steps).get_dataset({"targets": 7})
    assert seen["sequence_length"] == {"targets": 7} and seen["bound"] == {"targets": 1}
    assert list(seen["output_features"]) == ["inputs", "targets"]


def test_the_cut_is_at_the_placeholder_else_behind_tokenization() -> None:
    eos, tokenize = preprocessors.append_eos_after_trim, preprocessors.tokenize
    rekey = functools.partial(preprocessors.rekey, key_map={"targets": "targets"})
    silent = functools.partial(tokenize, copy_pretokenized=False)

    def cut(*steps: object) -> tuple:
        whole = task(*steps)
        return whole.steps_before_cache, whole.steps_after_cache

    assert cut(rekey, tokenize, CACHE, noise, eos) == ((rekey, tokenize), (noise, eos))
    assert cut(rekey, CACHE, tokenize) == ((rekey,), (tokenize,))
    assert cut(rekey, tokenize, noise, eos) == ((rekey, tokenize), (noise, eos))
    assert cut(rekey, silent, preprocessors.append_eos) == ((rekey, silent), (preprocessors.append_eos,))
    assert cut(rekey, preprocessors.print_dataset) == ((rekey, preprocessors.print_dataset), ())
    # What a cache must not hold moves the cut forward.
    assert cut(rekey, noise, tokenize) == ((rekey,), (noise, tokenize))
    assert cut(eos, tokenize) == ((), (eos, tokenize))


def test_run_steps_is_what_get_dataset_runs() -> None:
    whole = task()
    dataset = whole.run_steps(SOURCE.get_dataset("train"), whole.steps_before_cache)
    dataset = whole.run_steps(dataset, whole.steps_after_cache, {"targets": 4, "inputs": 9})
    expected = rows(whole.get_dataset({"targets": 4, "inputs": 9}, shuffle=False))
    assert repr(rows(dataset)) == repr(expected)


def test_an_error_inside_a_step_names_step_and_task() -> None:
    def breaks(dataset: tf.data.Dataset) -> tf.data.Dataset:
        raise KeyError("text")

    with pytest.raises(KeyError) as error:
        task(breaks).get_dataset()
    assert error.value.__notes__ == ["in preprocessor 'breaks' of task 'trial'"]
    with pytest.raises(ValueError, match=r"'<lambda>' returned dict.*map_over_dataset"):
        task(lambda dataset: {}).get_dataset()


# Examples that do not fit their declaration.


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (
            (functools.partial(preprocessors.rekey, key_map={"inputs": "inputs"}), preprocessors.tokenize),
            "missing .* preprocessing: targets; of task .*inputs",
        ),
        ((preprocessors.rekey,), "Got string, expected int32.*is tokenize missing"),
        ((lambda dataset: dataset.map(lambda e: e["targets"]),), "must be dicts"),
    ],
)
def test_examples_that_do_not_fit_are_refused(steps: tuple, message: str) -> None:
    with pytest.raises(ValueError, match="task 'trial'") as error:
        task(*steps).get_dataset()
    words = "; ".join([str(error.value), *getattr(error.value, "__notes__", ())])
    assert re.search(message, words), words


def test_a_feature_that_is_not_required_may_be_missing() -> None:
    only = task(functools.partial(preprocessors.rekey, key_map={"targets": "targets"}), preprocessors.tokenize)
    assert set(rows(only.get_dataset())[0]) == {"targets", "targets_pretokenized"}


# Declarations that cannot work.


def metric(targets: list, predictions: list) -> dict:
    return {}


REFUSED = {
    "source": ({"source": "glue/cola:1.0.0"}, "source is 'glue/cola"),
    "no features": ({"output_features": {}}, "output_features"),
    "feature": ({"output_features": {"targets": VOCABULARY}}, "output_features has 'targets'"),
    "preprocessor": ({"preprocessors": [preprocessors.tokenize, 5]}, r"preprocessors\[1\] is 5"),
    "one preprocessor": ({"preprocessors": preprocessors.tokenize}, "give a list"),
    "a set": ({"preprocessors": {preprocessors.tokenize}}, "no order"),
    "two caches": ({"preprocessors": [CACHE, CACHE]}, "at most once"),
    "lengths before the cache": (
        {"preprocessors": [preprocessors.append_eos_after_trim, CACHE]}, "'append_eos_after_trim' has a `sequence_",
    ),
    "cache forbidden": (
        {"source": t5mix.FunctionDataSource(words, ["train"], caching_permitted=False)}, "source prohibits caching",
    ),
    "postprocessor": ({"postprocess_fn": "lower"}, "postprocess_fn is 'lower'"),
    "metric": ({"metric_fns": ["accuracy"]}, "metric_fns has 'accuracy'"),
    "metric's arguments": ({"metric_fns": [lambda predictions, targets: {}]}, r"Got: \('predictions', 'targets'\)"),
    "metric's names": ({"metric_fns": [lambda y, y_hat: {}]}, r"\('targets', 'predictions'\).*Got: \('y', 'y_hat'\)"),
    "metric objects": ({"metric_objs": [object()]}, "functions as metric_fns"),
    "buffer": ({"shuffle_buffer_size": 0}, "shuffle_buffer_size is 0"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_work_is_refused_when_it_is_declared(case: str) -> None:
    arguments, message = REFUSED[case]
    with pytest.raises(ValueError, match="'trial'") as error:
        task(**arguments)
    assert re.search(message, str(error.value)), str(error.value)


def test_metrics_are_sorted_by_what_they_take() -> None:
    def scored(targets: list, scores: list) -> dict:
        return {}

    def deep(targets: list, predictions: list, aux_values: dict, more: int = 3) -> dict:
        return {}

    bound = functools.partial(deep, aux_values={})
    declared = task(metric_fns=[scored, metric, deep, bound, t5mix.metrics.bleu])
    assert declared.metric_fns == [scored, metric, deep, bound, t5mix.metrics.bleu]
    assert declared.predict_metric_fns == [metric, bound, t5mix.metrics.bleu]
    assert declared.score_metric_fns == [scored] and declared.predict_with_aux_metric_fns == [deep]


def test_postprocessing() -> None:
    assert task().postprocess_fn("A b", example={}, is_target=True) == "A b" and task().postprocessor is None
    lower = task(postprocess_fn=t5mix.postprocessors.lower_text)
    assert lower.postprocess_fn("A b", example={}, is_target=True) == "a b"


def test_replace_makes_another_task() -> None:
    before = task(metric_fns=[metric])
    after = before.replace(name="other", preprocessors=[preprocessors.tokenize])
    assert (after.name, after.metric_fns, len(after.preprocessors)) == ("other", [metric], 1)
    assert (before.name, len(before.preprocessors)) == ("trial", 3)
    with pytest.raises(ValueError, match=r"replace got \['nmae'\]"):
        before.replace(nmae="x")


def test_facts_of_a_task() -> None:
    whole = task()
    assert list(whole.output_features) == ["inputs", "targets"] and whole.splits == ("train", "test")
    assert whole.num_input_examples("test") == 2 and whole.declared_at.startswith(__file__)
    with pytest.raises(ValueError, match=r"task 'trial' has no split 'dev'; its splits: train, test"):
        whole.get_dataset(split="dev")


def test_a_glue_task_on_real_data(shared_data: Path) -> None:
    vocabulary = t5mix.SentencePieceVocabulary(shared_data / "t5_vocab" / "spiece.model", extra_ids=100)
    cola = t5mix.Task(
        "cola",
        t5mix.TfdsDataSource("glue/cola:2.0.0", str(shared_data / "tfds")),
        {key: t5mix.Feature(vocabulary) for key in ("inputs", "targets")},
        [
            functools.partial(preprocessors.glue, benchmark_name="cola", label_names=["unacceptable", "acceptable"]),
            *STEPS,
        ],
        metric_fns=[t5mix.metrics.matthews_corrcoef],
    )
    examples = rows(cola.get_dataset({"inputs": 64, "targets": 4}, "validation", shuffle=False))
    assert len(examples) == 1043
    for example in examples[:50]:
        inputs = vocabulary.decode(example["inputs"].tolist())
        assert inputs.startswith("cola sentence: ") and example["inputs"][-1] == 1
        assert vocabulary.decode(example["targets"].tolist()) in ("unacceptable", "acceptable")
    assert t5mix.Mixture("m", [cola], t5mix.mixing_rate_num_examples).get_rate("cola") == 8551


def test_source_info_says_where_a_class_is() -> None:
    info = t5mix.SourceInfo.for_class(t5mix.Task)
    assert info.file_path and info.file_path.endswith("task.py") and info.line_number and info.has_meaningful_info()
    assert not t5mix.SourceInfo.for_class(int).has_meaningful_info()
    assert task().replace(name="u", source_info=t5mix.SourceInfo("x.py", 3)).declared_at == "x.py:3"


def test_a_changed_copy_is_declared_where_the_original_is() -> None:
    original = task()
    copy = original.replace(shuffle_buffer_size=5)
    assert copy.declared_at == original.declared_at != original.replace(name="other").declared_at
    mixture = t5mix.Mixture("m", [original], 1)
    assert mixture.with_tasks({original.name: copy}).declared_at == mixture.declared_at

"""T5's old way to declare gives tasks like any other."""

from pathlib import Path

import pytest
import tensorflow as tf

import t5mix
from t5mix import metrics, postprocessors, preprocessors, t5
from t5mix.preprocessors.pipeline import CacheDatasetPlaceholder

FEATURE = t5mix.Feature(t5mix.ByteVocabulary())
registry = t5.data.TaskRegistry


@pytest.fixture(autouse=True)
def _undone():
    with t5mix.overlay():
        yield


def pairs(split, shuffle_files, seed=None):
    return tf.data.Dataset.from_tensor_slices({"question": [split], "answer": ["Yes"]})


def ask(dataset):
    return preprocessors.rekey(dataset, {"inputs": "question", "targets": "answer"})


def shout(dataset):
    return dataset.map(lambda x: {**x, "inputs": tf.strings.join([x["inputs"], "!"])})


def reverse(dataset):
    return dataset.map(lambda x: {**x, "inputs": x["inputs"][::-1]})


def texts(task: t5mix.Task, split: str = "train") -> list[tuple[str, str]]:
    decode = FEATURE.vocabulary.decode
    examples = task.get_dataset({"inputs": 9, "targets": 9}, split, shuffle=False).as_numpy_iterator()
    return [(decode(x["inputs"].tolist()), decode(x["targets"].tolist())) for x in examples]


def test_steps_on_text_and_on_tokens() -> None:
    task = registry.add(
        "old",
        dataset_fn=pairs,
        splits=["train", "validation"],
        text_preprocessor=[ask, shout],
        token_preprocessor=reverse,
        postprocess_fn=[postprocessors.lower_text, lambda x, **_: x + "."],
        metric_fns=[metrics.accuracy],
        output_features=FEATURE,
        num_input_examples={"train": 1},
    )
    assert texts(task) == [("!niart", "Yes")]
    assert task is t5mix.TaskRegistry.get("old") is registry.get("old") and isinstance(task, t5mix.Task)
    assert task.postprocess_fn("Yes", is_target=True) == "yes." and task.num_input_examples("train") == 1
    assert list(task.output_features) == ["inputs", "targets"] and task.supports_caching
    assert task.declared_at.startswith(__file__)
    changed = task.replace(name="new")
    assert type(changed) is t5mix.Task and texts(changed) == texts(task)


def test_without_a_cache_and_without_features() -> None:
    task = t5.data.FunctionTask("plain", pairs, ["train"], None, supports_caching=False)
    assert not any(isinstance(step, CacheDatasetPlaceholder) for step in task.preprocessors)
    assert {feature.vocabulary for feature in task.output_features.values()} == {t5mix.T5Vocabulary()}
    named = t5.data.FunctionTask("named", pairs, ["train"], None, output_features=["targets"])
    assert list(named.output_features) == ["targets"]


def test_sources_of_every_kind(tmp_path: Path) -> None:
    (tmp_path / "lines.tsv").write_text("header\nwho?\tme\n")
    with tf.io.TFRecordWriter(str(tmp_path / "records")) as writer:
        writer.write(t5mix.dict_to_tfexample({"inputs": "who?", "targets": "me"}).SerializeToString())
    lines = registry.add(
        "lines",
        t5.data.TextLineTask,
        split_to_filepattern={"train": str(tmp_path / "lines.tsv")},
        skip_header_lines=1,
        text_preprocessor=preprocessors.parse_tsv,
        metric_fns=[],
        output_features=FEATURE,
        num_input_examples={"train": 1},
    )
    records = registry.add(
        "records",
        t5.data.TFExampleTask,
        split_to_filepattern={"train": str(tmp_path / "records")},
        feature_description=dict.fromkeys(("inputs", "targets"), tf.io.FixedLenFeature([], tf.string)),
        text_preprocessor=None,
        metric_fns=[],
        output_features=FEATURE,
    )
    assert texts(lines) == texts(records) == [("who?", "me")]
    prepared = registry.add(
        "prepared", t5.data.TfdsTask, tfds_name="a/b:1.0.0", text_preprocessor=None, metric_fns=[], splits=["train"]
    )
    assert prepared.source.tfds_name == "a/b:1.0.0" and prepared.splits == ("train",)


def test_seqios_words_make_a_task_of_seqios() -> None:
    source = t5mix.FunctionDataSource(pairs, ["train"])
    steps = [ask, preprocessors.tokenize, preprocessors.append_eos_after_trim]
    task = registry.add(
        "words", source=source, preprocessors=steps, output_features={"inputs": FEATURE, "targets": FEATURE}
    )
    assert type(task) is t5mix.Task and texts(task) == [("train", "Yes")]


REFUSED = {
    "no source": ({}, "Exactly one of either `dataset_fn` or `source` must be provided"),
    "two sources": (
        {"dataset_fn": pairs, "splits": ["train"], "source": t5mix.FunctionDataSource(pairs, ["train"])},
        "Exactly one of either `dataset_fn` or `source`",
    ),
    "splits of a source": (
        {"splits": ["train"], "source": t5mix.FunctionDataSource(pairs, ["train"])},
        "If `source` is provided, `splits` and `num_input_examples` should not",
    ),
    "no features": ({"dataset_fn": pairs, "splits": ["train"], "output_features": []}, "must be non-empty"),
    "features of another kind": (
        {"dataset_fn": pairs, "splits": ["train"], "output_features": [FEATURE]},
        "output_features must be a dict, Feature, list of str, or None",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_work_is_refused_with_its_task(case: str) -> None:
    arguments, message = REFUSED[case]
    with pytest.raises(ValueError, match=f"task 'wrong': .*{message}"):
        registry.add("wrong", **arguments)

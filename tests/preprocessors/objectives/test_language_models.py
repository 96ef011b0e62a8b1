"""Language models: documents end, prefixes are cut anywhere."""

import numpy as np

from t5mix.data import Stream
from t5mix.declarations.task import Task
from t5mix.preprocessors import objectives
from t5mix.preprocessors.pipeline import CacheDatasetPlaceholder
from t5mix.sources import FunctionDataSource
from t5mix.vocabularies import ByteVocabulary
from t5mix.vocabularies.features import Feature

SENTINEL = 99_999


def test_prefix_lm_cuts_everywhere_equally_often():
    text = np.arange(5, dtype=np.int32)
    cuts = np.zeros(6)
    for seed in range(4000):
        example = objectives.prefix_lm.example(text, seed, SENTINEL)
        assert [*example["inputs"], *example["targets"]] == text.tolist()
        cuts[len(example["inputs"])] += 1
    assert cuts[0] == cuts[5] == 0
    assert (abs(cuts[1:5] - 1000) < 4 * np.sqrt(1000 * 3 / 4)).all()


def _features(extra_ids=100):
    vocabulary = ByteVocabulary(extra_ids=extra_ids)
    return {"inputs": Feature(vocabulary, required=False), "targets": Feature(vocabulary)}


def _task(step, name="text", features=None):
    def documents(split, shuffle_files):
        import tensorflow as tf

        bounds = tf.constant([[3, 43], [103, 203], [3, 3], [53, 183]])
        return tf.data.Dataset.from_tensor_slices(bounds).map(lambda b: {"targets": tf.range(b[0], b[1]) % 250 + 3})

    return Task(
        name,
        source=FunctionDataSource(documents, splits=["train"]),
        preprocessors=[CacheDatasetPlaceholder(), step],
        output_features=features or _features(),
    )


def _row(examples, epoch, index):
    return [ids.values for ids in examples.gather(epoch, np.array([index]))]


def test_full_lm_ends_documents_and_loses_nothing(tmp_path):
    features = {"targets": _features()["targets"]}
    task = _task(objectives.full_lm, features=features)
    found = [e["targets"] for e in task.get_dataset({"targets": 50}, shuffle=False).as_numpy_iterator()]
    text = np.concatenate(found)
    assert [len(ids) for ids in found] == [50] * 5 + [24]
    assert np.flatnonzero(text == 1).tolist() == [40, 141, 142, 273]
    examples = Stream(task, {"targets": 50}, 2, cache_dir=tmp_path)._examples["text"]
    assert [_row(examples, 0, i)[0].tolist() for i in range(examples.count)] == [ids.tolist() for ids in found]

"""Language models: documents end, prefixes are cut anywhere."""

import numpy as np

from t5mix.data import Stream
from t5mix.preprocessors import objectives

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


def _row(examples, epoch, index):
    return [ids.values for ids in examples.gather(epoch, np.array([index]))]


def test_full_lm_ends_documents_and_loses_nothing(tmp_path, features, text_task):
    task = text_task(objectives.full_lm, {"targets": features["targets"]})
    found = [e["targets"] for e in task.get_dataset({"targets": 50}, shuffle=False).as_numpy_iterator()]
    text = np.concatenate(found)
    assert [len(ids) for ids in found] == [50] * 5 + [24]
    assert np.flatnonzero(text == 1).tolist() == [40, 141, 142, 273]
    examples = Stream(task, {"targets": 50}, 2, cache_dir=tmp_path)._examples["text"]
    assert [_row(examples, 0, i)[0].tolist() for i in range(examples.count)] == [ids.tolist() for ids in found]

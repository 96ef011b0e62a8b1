"""SQuAD's metric in batches is SQuAD's metric."""

import numpy as np
import pytest

import t5mix
from t5mix import metrics

VOCABULARY = t5mix.ByteVocabulary()
FEATURES = {"targets": t5mix.Feature(VOCABULARY)}
ANSWERS = [["big moose", "hippo"], ["correct"], ["the cat sat", b"a cat"], ["b"]]
GIVEN = ["a big Moose!", "wrong", "cat", "c"]
EXAMPLES = [{"answers": np.array(answers, object)} for answers in ANSWERS]


def _ids(texts: list[str]) -> np.ndarray:
    """One row a text, filled up with 0 behind its EOS, as models give them."""
    rows = [[*VOCABULARY.encode(text), VOCABULARY.eos_id] for text in texts]
    return np.array([row + [0] * (20 - len(row)) for row in rows])


def test_batches_merged_are_the_whole() -> None:
    expected = metrics.squad([[a if isinstance(a, str) else a.decode() for a in each] for each in ANSWERS], GIVEN)
    made = metrics.ShardedSquad.empty()
    for start, stop in ((0, 1), (1, 4)):
        batch = metrics.ShardedSquad.from_model_output(EXAMPLES[start:stop], _ids(GIVEN[start:stop]), FEATURES)
        made = made.merge(batch)
    assert made.count == 4 and made.compute() == pytest.approx(expected)
    assert expected["em"] == 50


def test_examples_that_fill_a_batch_do_not_count() -> None:
    made = metrics.ShardedSquad.from_model_output(EXAMPLES, _ids(GIVEN), FEATURES, mask=np.array([1, 0, 0, 0]))
    assert made.count == 1 and made.compute() == {"em": 100, "f1": 100}
    none = metrics.ShardedSquad.from_model_output(EXAMPLES, _ids(GIVEN), FEATURES, mask=np.zeros(4))
    assert none.merge(none).compute() == {"em": 0, "f1": 0}

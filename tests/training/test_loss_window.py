"""What a line of the log counts."""

import collections

import numpy as np
import pytest

from t5mix.data import Stream
from t5mix.training.loss_window import LossWindow, examples_of
from tests.training import toy


@pytest.mark.parametrize("decoder_only", [False, True])
@pytest.mark.parametrize("pack", [False, True])
def test_examples_of_a_batch_are_those_that_the_stream_placed(tmp_path, pack, decoder_only):
    stream = Stream(
        toy.mixture(), toy.LENGTHS, toy.BATCH, cache_dir=tmp_path, seed=3, pack=pack, decoder_only=decoder_only
    )
    for step in range(5):
        expected = collections.Counter(task for task, _, _ in stream.examples(step))
        counted = examples_of(stream.batch(step), len(stream.task_names))
        assert dict(zip(stream.task_names, counted.tolist(), strict=True)) == {
            name: expected[name] for name in stream.task_names
        }


def test_a_window_goes_on_from_its_state_and_from_that_of_before():
    window = LossWindow(["a", "b"])
    window.add_examples(np.array([3, 0]))
    again = LossWindow(["a", "b"], window.state())
    again.add_examples(np.array([1, 0]))
    assert again.task_examples() == {"a": 4}
    before = {"nats": [1.0, 2.0], "tokens": [3.0, 4.0]}
    assert LossWindow(["a", "b"], before).task_examples() == {}

"""Adapters: nothing at first, the paper's layer when trained, and the same while decoding."""

import numpy as np
import pytest

from t5mix.mesh.t5.fine_tuning.settings import adapters
from tests.mesh.small import batch
from tests.mesh.t5.fine_tuning.trained import LOOP, after, engine, trained_names


@pytest.mark.parametrize("after_which", ["feed_forward", "every_layer"])
def test_at_first_they_change_nothing(after_which):
    plain, adapted = engine(**LOOP), engine(adapters(inner_size=4, after=after_which), **LOOP)
    np.testing.assert_array_equal(
        adapted.logits(adapted.initialize(seed=3), batch(0)), plain.logits(plain.initialize(seed=3), batch(0))
    )


@pytest.mark.parametrize("inner_size", [32, 128, 512, 2048])
def test_their_sizes_are_the_papers(inner_size):
    on = engine(adapters(inner_size=inner_size))
    sizes = {variable.name: variable.shape for variable in on.trained_weights}
    assert sizes["encoder/layer_001/DenseReluDense/adapter/wi/kernel"] == (32, inner_size)
    assert sizes["decoder/layer_002/DenseReluDense/adapter/wo/kernel"] == (inner_size, 32)
    assert {name.rpartition("/")[0].rpartition("/")[2] for name in sizes} == {"wi", "wo", "rms_norm"}


def test_one_stands_after_each_layer_where_that_is_chosen():
    names = trained_names(engine(adapters(inner_size=4, after="every_layer")))
    assert sum("/adapter/wi/" in name for name in names) == 5  # two layers of the encoder, three of the decoder
    assert "decoder/layer_001/EncDecAttention/adapter/wi/kernel" in names


def test_decoding_goes_through_them():
    """Greedy tokens are those of the logits, with adapters that are not small."""
    on = engine(adapters(inner_size=8, after="every_layer"), **LOOP)
    rng = np.random.default_rng(0)
    up = {
        variable.name: rng.normal(size=variable.shape).astype(np.float32)
        for variable in on.trained_weights
        if variable.name.endswith("adapter/wo/kernel")
    }
    _, arrays, _ = after(on, 1, up)
    state = on.state(arrays)
    inputs = batch(0)["inputs"] * (batch(0)["inputs_segment_ids"] == 1)
    ids = on.greedy_decode(state, inputs)
    row = {
        "inputs": inputs,
        "targets": ids,
        "inputs_segment_ids": np.minimum(inputs, 1),
        "targets_segment_ids": np.ones_like(ids),
    }
    chosen = on.logits(state, row).argmax(-1)
    ended = np.cumsum(ids == 1, axis=1) - (ids == 1) > 0
    np.testing.assert_array_equal(np.where(ended, 0, chosen), ids)

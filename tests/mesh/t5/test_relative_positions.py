"""Relative positions against Hugging Face's buckets and against a plain loop."""

import numpy as np
import pytest

from t5mix.mesh.mesh_tensorflow import mtf
from t5mix.mesh.t5 import relative_positions
from t5mix.mesh.t5.parameters import Scope
from tests.mesh.graphs import values_and_gradients


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize(("num_buckets", "max_distance"), [(32, 128), (64, 256), (8, 20)])
def test_buckets_equal_hugging_face(bidirectional, num_buckets, max_distance):
    torch = pytest.importorskip("torch")
    modeling = pytest.importorskip("transformers.models.t5.modeling_t5")
    distances = np.arange(-3000, 3001, dtype=np.int32)
    settings = {"bidirectional": bidirectional, "num_buckets": num_buckets, "max_distance": max_distance}
    theirs = modeling.T5Attention._relative_position_bucket(torch.tensor(distances), **settings).numpy()
    np.testing.assert_array_equal(relative_positions.buckets(distances, **settings), theirs)


@pytest.mark.parametrize(("queries", "keys"), [(7, 7), (5, 9), (40, 40), (1, 3)])
def test_bias_and_its_gradient_equal_a_plain_loop(queries, keys):
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(3, 8)).astype(np.float32)
    above = rng.normal(size=(3, queries, keys)).astype(np.float32)

    def bias(weights):
        scope = Scope("", lambda name, dimensions, initializer: weights)
        made = relative_positions.RelativePositions(
            scope, weights.shape.dims[0], 8, bidirectional=True, max_distance=20
        )
        return made.bias(mtf.Dimension("length", queries), mtf.Dimension("memory_length", keys))

    found, gradients = values_and_gradients(bias, {"weights": weights}, {"weights": "heads buckets"}, above)
    distances = np.arange(keys)[None, :] - np.arange(queries)[:, None]
    chosen = relative_positions.buckets(distances, bidirectional=True, num_buckets=8, max_distance=20)
    np.testing.assert_array_equal(found, weights[:, chosen])
    expected = np.stack([above[:, chosen == bucket].sum(1) for bucket in range(8)], 1)
    np.testing.assert_allclose(gradients["weights"], expected, rtol=1e-5, atol=1e-5)

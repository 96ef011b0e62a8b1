"""Weights by name: what is cut for a state goes with it; a stack is given whole or not at all."""

import weakref

import numpy as np
import pytest

from t5mix.mesh.devices import available_devices, jax
from t5mix.mesh.engine import Engine
from t5mix.mesh.layouts import MeshConfig
from t5mix.mesh.state import ONES, State, Stored, Variable, WeightsByName
from tests.mesh.small import BATCH, LENGTHS, config

BLOCKS = tuple(Variable(f"encoder/layer_{block:03d}/q", (2, 3), (-1, -1), True, ONES) for block in range(3))


def state(value: float = 0.0) -> State:
    available_devices()  # JAX starts with as many as other tests need
    return State([Stored(BLOCKS, stacked=True)], [jax.numpy.full((3, 2, 3), value)])


def test_what_is_cut_for_a_state_is_cut_once_and_goes_with_the_state():
    weights, first = WeightsByName(), state()
    cut = weights(first, BLOCKS)
    assert weights(first, BLOCKS) is cut
    array = weakref.ref(cut[0])
    del cut, first
    assert array() is None


def test_a_state_that_goes_takes_nothing_of_the_next_one():
    weights, first, second = WeightsByName(), state(0.0), state(1.0)
    weights(first, BLOCKS)
    cut = weights(second, BLOCKS)
    del first
    assert weights(second, BLOCKS) is cut
    np.testing.assert_array_equal(np.asarray(cut[2]), np.ones((2, 3)))


def test_some_blocks_of_a_stack_are_refused_where_all_are_one_array():
    model = config(num_encoder_layers=2, num_decoder_layers=2, block_loop="kept")
    on = Engine(model, MeshConfig(), batch_size=BATCH, lengths=LENGTHS)
    given = {name: value + 1.0 for name, value in on.initialize(seed=0).items() if "_slot_" not in name}
    first, second = (f"encoder/layer_{layer:03d}/SelfAttention/q" for layer in (0, 2))
    np.testing.assert_array_equal(on.initialize(1, given)[first], given[first])
    del given[second]
    with pytest.raises(ValueError, match=rf"{second} is not given, .* of other blocks is"):
        on.initialize(1, given)
    del given[first]  # now both are drawn
    np.testing.assert_array_equal(on.initialize(1, given)[second], on.initialize(1)[second])

"""Learning-rate schedules against their formulas."""

import math

import pytest

from t5mix.training.schedules import adafactor_decay_rate, constant, inverse_square_root, linear_decay


def test_constant():
    assert {constant(learning_rate=0.003)(step) for step in (0, 10, 10**6)} == {0.003}


def test_inverse_square_root_is_t5s():
    schedule = inverse_square_root()
    assert schedule(0) == schedule(9_999) == schedule(10_000) == 0.01
    assert schedule(1_000_000) == 0.001
    assert inverse_square_root(warmup_steps=4, scale=3.0)(9) == 1.0


def test_linear_decay_rises_then_falls():
    schedule = linear_decay(learning_rate=0.1, total_steps=12, warmup_steps=2, final_fraction=0.1)
    assert schedule(0) == 0.05
    assert schedule(1) == schedule(2) == 0.1
    assert math.isclose(schedule(7), 0.055)
    assert math.isclose(schedule(12), 0.01)
    assert math.isclose(schedule(50), 0.01)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: constant(learning_rate=0.0), "constant.learning_rate is 0.0: it must be positive"),
        (lambda: inverse_square_root(warmup_steps=0), "inverse_square_root.warmup_steps"),
        (lambda: inverse_square_root(scale=math.nan), "inverse_square_root.scale is nan"),
        (lambda: linear_decay(learning_rate=1.0, total_steps=5, warmup_steps=5), "less than total_steps"),
        (lambda: linear_decay(learning_rate=1.0, total_steps=5, final_fraction=2.0), "final_fraction"),
    ],
)
def test_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_adafactor_remembers_longer_as_training_goes_on():
    assert adafactor_decay_rate(0) == 0.0
    assert adafactor_decay_rate(999) == 1 - 1000**-0.8

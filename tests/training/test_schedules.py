"""Learning-rate schedules against their formulas, and against Mesh-TensorFlow's own."""

import importlib.util
import math
from pathlib import Path

import pytest

from t5mix.training import schedules
from t5mix.training.schedules import (
    constant,
    cosine_decay,
    inverse_square_root,
    linear_cooldown,
    linear_decay,
    linear_warmup,
    product,
    slanted_triangular,
    t5x_factors,
)


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


def test_cosine_decay_rises_then_falls():
    schedule = cosine_decay(learning_rate=0.2, total_steps=110, warmup_steps=10, final_fraction=0.1)
    assert schedule(0) == pytest.approx(0.02)
    assert schedule(9) == schedule(10) == 0.2
    assert schedule(60) == pytest.approx(0.11)
    assert schedule(35) == pytest.approx(0.02 + 0.18 * (1 + math.cos(math.pi / 4)) / 2)
    assert schedule(110) == schedule(10_000) == pytest.approx(0.02)


# Ours, and Mesh-TensorFlow's by name and arguments, of a run of 1,000 steps.
UPSTREAM = {
    "truncated_rsqrt": (inverse_square_root(warmup_steps=100), {"warmup_steps": 100}),
    "linear_warmup": (linear_warmup(warmup_steps=300), {"steps_or_fraction": 300}),
    "linear_decay": (linear_cooldown(total_steps=1000, steps_or_fraction=0.2), {"steps_or_fraction": 0.2}),
    "constant_learning_rate": (constant(learning_rate=0.003), {"learning_rate": 0.003}),
    "learning_rate_schedule_noam": (
        product(
            factors=(
                2.0,
                inverse_square_root(warmup_steps=100),
                linear_cooldown(total_steps=1000, steps_or_fraction=0.1),
            )
        ),
        {"warmup_steps": 100, "multiplier": 2.0},
    ),
    "slanted_triangular": (slanted_triangular(total_steps=1000), {}),
}


@pytest.fixture(scope="module")
def upstream():
    """Mesh-TensorFlow's file alone: its package imports what setuptools no longer ships."""
    from t5mix.mesh.mesh_tensorflow import mtf

    path = Path(mtf.__file__).parent / "transformer" / "learning_rate_schedules.py"
    spec = importlib.util.spec_from_file_location("upstream_schedules", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", UPSTREAM)
def test_schedules_equal_upstreams(upstream, name):
    from t5mix.mesh.mesh_tensorflow import tf

    ours, arguments = UPSTREAM[name]
    for step in (0, 1, 50, 99, 100, 101, 299, 500, 850, 999, 1000):
        theirs = float(getattr(upstream, name)(tf.constant(step), 1000, **arguments))
        assert ours(step) == pytest.approx(theirs, rel=1e-5, abs=1e-9), step


def test_a_product_counts_from_its_offset():
    schedule = product(factors=(0.5, linear_warmup(warmup_steps=10)), offset=100)
    assert [schedule(step) for step in (0, 100, 105, 110, 200)] == [0, 0, 0.25, 0.5, 0.5]


def test_t5x_factors():
    """Each against its formula in t5x's documentation."""
    standard = t5x_factors()
    assert standard(0) == 1e-8  # the least
    assert standard(500) == pytest.approx(0.5 * 0.5 / math.sqrt(1000))
    assert standard(4000) == pytest.approx(0.5 / math.sqrt(4000))
    normal = t5x_factors(factors="constant * rsqrt_normalized_decay", base_learning_rate=0.1, warmup_steps=100)
    assert [normal(step) for step in (0, 100, 400)] == pytest.approx([0.1, 0.1, 0.05])
    steps = t5x_factors(factors="constant*decay_every", steps_per_decay=10, decay_factor=0.5, base_learning_rate=1.0)
    assert [steps(step) for step in (9, 10, 35)] == [1.0, 0.5, 0.125]
    cosine = t5x_factors(factors="cosine_decay", warmup_steps=10, steps_per_cycle=100)
    assert [cosine(step) for step in (0, 10, 60, 110)] == pytest.approx([1.0, 1.0, 0.5, 1.0])
    linear = t5x_factors(factors="linear_decay", base_learning_rate=0.2, warmup_steps=10, decay_factor=0.01)
    assert [linear(step) for step in (5, 10, 60)] == pytest.approx([0.1, 0.2, 0.1])
    assert t5x_factors(factors="constant", step_offset=5)(0) == 0.5


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: constant(learning_rate=0.0), "constant.learning_rate is 0.0: it must be positive"),
        (lambda: inverse_square_root(warmup_steps=0), "inverse_square_root.warmup_steps"),
        (lambda: inverse_square_root(scale=math.nan), "inverse_square_root.scale is nan"),
        (lambda: linear_decay(learning_rate=1.0, total_steps=5, warmup_steps=5), "less than total_steps"),
        (lambda: linear_decay(learning_rate=1.0, total_steps=5, final_fraction=2.0), "final_fraction"),
        (lambda: cosine_decay(learning_rate=1.0, total_steps=5, warmup_steps=7), "cosine_decay.warmup_steps is 7"),
        (lambda: cosine_decay(learning_rate=math.inf, total_steps=5), "cosine_decay.learning_rate is inf"),
        (lambda: linear_warmup(warmup_steps=0), "linear_warmup.warmup_steps is 0"),
        (lambda: linear_cooldown(total_steps=5, steps_or_fraction=-1.0), "steps_or_fraction"),
        (lambda: slanted_triangular(total_steps=5), "cut_fraction is 0.1: .* at least one of total_steps"),
        (lambda: product(factors=()), "product.factors is empty"),
        (lambda: product(factors=("constant",)), "product.factors has 'constant'"),
        (lambda: product(factors=(0.0,)), "product.factors has 0.0"),
        (lambda: t5x_factors(factors="constant * rsqrt"), "'rsqrt' is no factor; choose from constant, .*rsqrt_decay"),
        (lambda: t5x_factors(min_learning_rate=-1.0), "min_learning_rate is -1.0"),
    ],
)
def test_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_every_schedule_is_listed():
    """The union is what gin may bind."""
    classes = {value for value in vars(schedules).values() if isinstance(value, type)}
    assert classes == set(schedules.Schedule.__args__)

"""A learning rate that stops changing too early is refused or said, wherever in the schedule it stops."""

import re

import pytest

from t5mix.runs.config.settings import Training
from t5mix.runs.preflight.schedules import check_schedule
from t5mix.training.schedules import (
    Schedule,
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


def decay(steps: int, final: float = 0.1) -> Schedule:
    return linear_decay(learning_rate=0.1, total_steps=steps, final_fraction=final)


def t5x(factors: str, **more: float) -> Schedule:
    return t5x_factors(factors=factors, warmup_steps=10, **more)  # type: ignore[arg-type]


# Schedules, and what is said where the training has 100 steps.
SAID: dict[str, tuple[Schedule, str]] = {
    "itself": (decay(40), "schedule ends at step 40: the other 60 steps keep its last learning rate, 0.01"),
    "slanted": (slanted_triangular(total_steps=40), "schedule ends at step 40: the other 60 steps keep"),
    "of a product": (
        product(factors=(2, linear_warmup(warmup_steps=10), decay(40))),
        r"the factor linear_decay\(.*\), which ends at step 40: the other 60 steps keep its last value, 0.01",
    ),
    "of a product, later": (product(factors=(constant(), decay(40)), offset=50), "ends at step 90: the other 10 steps"),
    "of a product of products": (
        product(factors=(product(factors=(inverse_square_root(), decay(40)), offset=10),), offset=5),
        r"linear_decay\(.*\), which ends at step 55: the other 45 steps",
    ),
    "floor of t5x": (
        t5x("linear_decay", decay_factor=0.05),
        "schedule is down at its min_learning_rate from step 30: the other 70 steps keep its last learning rate, 1e-08",
    ),
    "floor of t5x, by steps": (t5x("constant * decay_every", steps_per_decay=1), "from step 26: the other 74 steps"),
    "floor of t5x, in a product": (
        product(factors=(2, t5x("linear_decay", decay_factor=0.05)), offset=5),
        r"the factor t5x_factors\(.*\), which is down at its min_learning_rate from step 35: the other 65 steps keep",
    ),
}


@pytest.mark.parametrize(("schedule", "message"), SAID.values(), ids=SAID.keys())
def test_what_has_ended_is_said(schedule: Schedule, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    check_schedule("Training", Training(steps=100, schedule=schedule))
    [line] = capsys.readouterr().err.splitlines()
    assert re.match("Training.schedule ", line) and re.search(message, line)
    from_step = int(re.findall(r"step (\d+):", line)[0])
    assert schedule(from_step - 1) > schedule(from_step)


@pytest.mark.parametrize(
    "schedule",
    [
        constant(),
        decay(100, 0.0),
        product(factors=(linear_warmup(warmup_steps=10), inverse_square_root(), linear_cooldown(total_steps=100))),
        product(factors=(constant(), decay(40)), offset=60),
        product(factors=(constant(), decay(40)), offset=1000),
        t5x("constant * linear_warmup * rsqrt_decay"),
        t5x("constant * cosine_decay", steps_per_cycle=30),  # it rises again
    ],
)
def test_what_goes_on_is_not_said(schedule: Schedule, capsys: pytest.CaptureFixture[str]) -> None:
    check_schedule("Training", Training(steps=100, schedule=schedule))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "schedule",
    [
        decay(40, 0.0),
        cosine_decay(learning_rate=1, total_steps=40),
        product(factors=(constant(), linear_cooldown(total_steps=40))),
        product(factors=(constant(), product(factors=(decay(30, 0.0),), offset=10))),
        t5x("constant * linear_decay", decay_factor=1 / 30, min_learning_rate=0),
    ],
)
def test_what_falls_to_zero_is_refused(schedule: Schedule) -> None:
    with pytest.raises(ValueError, match=r"Training.schedule, .*, has learning rate 0 from step 40 on, and Training"):
        check_schedule("Training", Training(steps=100, schedule=schedule))

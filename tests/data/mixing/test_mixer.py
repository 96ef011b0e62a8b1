"""Which task each draw is of: its law, and that any place is found without replay."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t5mix.data.mixing.task_order import TaskOrder
from t5mix.data.mixing.weights import integer_weights
from t5mix.declarations.mixture import Mixture

RATES = st.dictionaries(
    st.text("abcdefgh", min_size=1, max_size=4), st.floats(1e-3, 1e3, allow_nan=False), min_size=1, max_size=12
)


def _named(rates):
    return {f"t{number}": float(rate) for number, rate in enumerate(rates)}


def _farthest(rates, tasks):
    """The greatest distance of a count from its share, in examples, over all tasks and prefixes."""
    total = sum(Fraction(rate) for rate in rates.values())
    prefixes = np.arange(1, len(tasks) + 1)
    worst = 0.0
    for number, rate in enumerate(rates.values()):
        share = prefixes * float(Fraction(rate) / total)
        worst = max(worst, np.abs(np.cumsum(tasks == number) - share).max())
    return worst


@given(rates=RATES)
def test_weights_are_the_rates_to_a_part_in_two_to_the_48(rates):
    weights = integer_weights(rates)
    total = sum(Fraction(rate) for rate in rates.values())
    assert weights.sum() == 1 << 48
    for rate, weight in zip(rates.values(), weights.tolist(), strict=True):
        assert abs(weight - Fraction(rate) / total * 2**48) <= 1


def test_the_rarest_task_has_a_weight():
    assert integer_weights({"a": 1.0, "b": 1e-30, "c": 1.0}).tolist() == [1 << 47, 1, (1 << 47) - 1]


@settings(max_examples=60, deadline=None)
@given(rates=RATES, seed=st.integers(0, 2**32))
def test_every_prefix_holds_each_share_to_within_one_example(rates, seed):
    tasks = TaskOrder(rates, seed).tasks(0, 3000)
    assert _farthest(rates, tasks) <= 1 + 1e-9


@pytest.mark.parametrize(
    "rates",
    [
        [1, 3],
        [1, 2.7182818],
        np.arange(1, 11) ** 2.5,
        np.ones(1000),
        np.random.default_rng(0).pareto(1.0, 1000) + 0.05,
        [0.05] * 10 + (np.random.default_rng(1).random(40) * 1e-3).tolist(),
        [100, 100, 100, 1, 1, 0.3],
    ],
    ids=["two", "irrational", "ten", "equal", "pareto", "in step", "few rare"],
)
def test_the_law_and_the_seek(rates):
    rates = _named(rates)
    mixing = TaskOrder(rates, 3)
    tasks = mixing.tasks(0, 50_000)
    assert _farthest(rates, tasks) <= 1 + 1e-9
    for draw in np.random.default_rng(2).integers(0, 50_000, 30).tolist():
        assert np.array_equal(mixing.before(draw), np.bincount(tasks[:draw], minlength=len(rates)))


def _leaf_shares(nested):
    """Shares of tasks where each mixture gives its share to its parts by their rates, exactly."""
    total = sum(Fraction(rate) for _, rate in nested)
    shares = {}
    for part, rate in nested:
        share = Fraction(rate) / total
        if isinstance(part, str):
            shares[part] = shares.get(part, 0) + share
        else:
            for name, inner in _leaf_shares(part).items():
                shares[name] = shares.get(name, 0) + share * inner
    return shares


def _declared(nested, make_task, name="root"):
    parts = [
        (make_task(part) if isinstance(part, str) else _declared(part, make_task, f"{name}_{number}"), rate)
        for number, (part, rate) in enumerate(nested)
    ]
    return Mixture(name, parts)


def test_the_law_holds_for_tasks_of_nested_mixtures(make_task):
    nested = [("a", 0.3), ([("b", 7.0), ([("c", 2.5), ("d", 1 / 3)], 1.1)], 2.0), ([("e", 9.0), ("f", 5.5)], 0.7)]
    mixture, expected = _declared(nested, make_task), _leaf_shares(nested)
    rates = {task.name: mixture.get_rate(task) for task in mixture.tasks}
    assert {name: rate / sum(rates.values()) for name, rate in rates.items()} == pytest.approx(
        {name: float(share) for name, share in expected.items()}, rel=1e-15
    )
    tasks = TaskOrder(rates, 3).tasks(0, 100_000)
    assert _farthest({name: expected[name] for name in rates}, tasks) <= 1 + 1e-6


def test_rates_over_six_decades_stay_within_one_example_and_the_share_among_the_rare():
    rates = _named(10 ** (6 * np.arange(1000) / 999))
    mixing = TaskOrder(rates, 3)
    tasks = mixing.tasks(0, 50_000)
    rare = [rate for rate in rates.values() if rate * 2**16 < sum(rates.values())]
    assert 1 < len(rare) and _farthest(rates, tasks) <= 1 + max(rare) / sum(rare)
    for draw in (1, 8191, 8192, 33_333):
        assert np.array_equal(mixing.before(draw), np.bincount(tasks[:draw], minlength=1000))


@pytest.mark.parametrize("place", [10**6, 10**10 + 12_345])
def test_parts_of_the_sequence_join_far_out(place):
    rates = _named(np.random.default_rng(3).random(20) + 1e-6)
    one, other = (TaskOrder(rates, 5) for _ in range(2))
    whole = one.tasks(place, place + 20_000)
    assert np.array_equal(other.tasks(place + 7000, place + 9000), whole[7000:9000])
    counts = other.before(place + 9000) - one.before(place)
    assert np.array_equal(counts, np.bincount(whole[:9000], minlength=20))
    assert one.before(place).sum() == place


def test_the_seed_decides_the_draws():
    rates = _named(np.ones(5))
    one, other = (TaskOrder(rates, seed).tasks(0, 1000) for seed in (0, 1))
    assert not np.array_equal(one, other)


def test_draws_are_the_same_in_every_version():
    # Changing these changes the order of every run: raise the stream's version with them.
    rates = {"a": 1.0, "b": 2.5, "c": 0.5}
    assert TaskOrder(rates, 0).tasks(0, 12).tolist() == BALANCED
    assert TaskOrder(rates, 0).before(10**12).tolist() == [250000000000, 625000000000, 125000000000]


BALANCED = [1, 1, 0, 1, 1, 2, 0, 1, 1, 0, 1, 1]

"""Rates against exact arithmetic in fractions."""

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import t5mix
from t5mix.declarations import rates

FEATURES = {"targets": t5mix.Feature(t5mix.ByteVocabulary())}


def nothing(split: str, shuffle_files: bool) -> None:
    raise AssertionError("rates read no example")


def task(name: str, examples: int | None = None) -> t5mix.Task:
    known = {} if examples is None else {"train": examples}
    return t5mix.Task(name, t5mix.FunctionDataSource(nothing, ["train"], known), FEATURES)


@given(n=st.integers(0, 10**12), maximum=st.none() | st.integers(1, 10**9), scale=st.integers(1, 50))
def test_proportional_rates_are_exact(n: int, maximum: int | None, scale: int) -> None:
    expected = Fraction(n) * scale if maximum is None else min(Fraction(n) * scale, Fraction(maximum))
    assert Fraction(rates.mixing_rate_num_examples(task("t", n), maximum=maximum, scale=scale)) == expected


def test_the_cap_comes_before_the_root() -> None:
    assert rates.mixing_rate_num_examples(task("t", 10_000), maximum=2500, temperature=2) == 50.0
    assert rates.mixing_rate_num_examples(task("t", 100), maximum=2500, scale=4, temperature=2) == 20.0
    assert rates.proportional(maximum=2500, temperature=2)(task("t", 10_000)) == 50.0
    assert rates.equal(task("t", 7)) == 1.0


@given(
    small=st.integers(1, 10**6),
    factor=st.integers(2, 1000),
    cool=st.floats(1, 8),
    warm=st.floats(1.1, 8),
)
def test_rates_approach_each_other_as_temperature_grows(small: int, factor: int, cool: float, warm: float) -> None:
    def ratio(temperature: float) -> float:
        one, other = (
            rates.mixing_rate_num_examples(task("t", n), temperature=temperature) for n in (small, small * factor)
        )
        return other / one

    assert 1 <= ratio(cool * warm) < ratio(cool) * (1 + 1e-9)


@pytest.mark.parametrize(
    "settings",
    [{"maximum": 0}, {"maximum": -1}, {"scale": 0}, {"temperature": 0}, {"temperature": math.nan}, {"scale": math.inf}],
)
def test_settings_that_make_no_rate_are_refused(settings: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        rates.mixing_rate_num_examples(task("t", 5), **settings)
    with pytest.raises(ValueError, match=next(iter(settings))):
        rates.proportional(**settings)


def test_an_unknown_number_of_examples_is_refused_with_the_fix() -> None:
    with pytest.raises(ValueError, match=r"task 'shy'.*num_input_examples"):
        rates.mixing_rate_num_examples(task("shy"))
    with pytest.raises(ValueError, match="fallback_to_num_input_examples"):
        rates.mixing_rate_num_examples(task("t", 5), fallback_to_num_input_examples=False)


def exact_unimax(examples: dict[str, int], budget: int, epochs: int) -> dict[str, Fraction]:
    """The water level: the share that every uncapped task gets, found by bisection over the caps."""
    caps = {name: Fraction(n * epochs) for name, n in examples.items()}
    if sum(caps.values()) <= budget:
        return caps
    levels = sorted(set(caps.values()))
    for low, high in zip([Fraction(0), *levels], levels, strict=False):
        full = [c for c in caps.values() if c <= low]
        level = (budget - sum(full)) / Fraction(len(caps) - len(full))
        if low <= level <= high:
            return {name: min(cap, level) for name, cap in caps.items()}
    raise AssertionError("no level")


@settings(max_examples=200)
@given(
    sizes=st.lists(st.integers(1, 10**6), min_size=1, max_size=12),
    budget=st.integers(1, 10**7),
    epochs=st.integers(1, 8),
)
def test_unimax_is_the_water_level(sizes: list[int], budget: int, epochs: int) -> None:
    examples = {f"t{i}": n for i, n in enumerate(sizes)}
    got = rates.unimax(examples, budget, epochs)
    assert got == {name: float(share) for name, share in exact_unimax(examples, budget, epochs).items()}
    assert list(got) == list(examples)


def test_unimax_refuses_what_cannot_be_shared() -> None:
    assert rates.unimax({"big": 1000, "small": 10}, 100, 2) == {"big": 80.0, "small": 20.0}
    for arguments in (({}, 1, 1), ({"a": 0}, 1, 1), ({"a": 1}, 0, 1), ({"a": 1}, 1, -1)):
        with pytest.raises(ValueError):
            rates.unimax(*arguments)


def test_a_text_is_no_maximum() -> None:
    with pytest.raises(ValueError, match="rate: maximum is '3'; give a positive number"):
        rates.proportional(maximum="3")  # type: ignore[arg-type]

"""Mixtures: seqio's arithmetic of rates in fractions, and declarations that cannot work."""

import math
import re
import time
from collections import Counter
from fractions import Fraction

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

import t5mix

VOCABULARY = t5mix.ByteVocabulary()
FEATURES = {"targets": t5mix.Feature(VOCABULARY)}


def letters(name: str, size: int):
    def dataset_fn(split: str, shuffle_files: bool) -> tf.data.Dataset:
        return tf.data.Dataset.from_tensor_slices({"targets": [f"{name}{i}" for i in range(max(size, 1))]}).take(size)

    return dataset_fn


def task(name: str, size: int = 10, splits=("train",), features=FEATURES, known: bool = True) -> t5mix.Task:
    source = t5mix.FunctionDataSource(letters(name, size), splits, dict.fromkeys(splits, size) if known else {})
    return t5mix.Task(name, source, features, [t5mix.preprocessors.tokenize])


A, B, C, D = (task(name, size) for name, size in (("a", 10), ("b", 20), ("c", 30), ("d", 40)))


# Rates.

rate_numbers = st.integers(0, 1000) | st.fractions(0, 10, max_denominator=8)


@settings(max_examples=150)
@given(
    own=st.lists(rate_numbers, min_size=4, max_size=4),
    inner=st.lists(rate_numbers, min_size=4, max_size=4).filter(any),
    innermost=st.lists(rate_numbers, min_size=4, max_size=4).filter(any),
    inner_rate=rate_numbers,
    innermost_rate=rate_numbers.filter(bool),
)
def test_nested_rates_are_seqios_in_fractions(own, inner, innermost, inner_rate, innermost_rate) -> None:
    if not any(own) and not inner_rate:
        return
    tasks = (A, B, C, D)
    deepest = t5mix.Mixture("deepest", [(t, float(r)) for t, r in zip(tasks, innermost, strict=True)])
    middle = t5mix.Mixture(
        "middle", [(deepest, float(innermost_rate)), *((t, float(r)) for t, r in zip(tasks, inner, strict=True))]
    )
    outer = t5mix.Mixture(
        "outer", [(middle, float(inner_rate)), *((t, float(r)) for t, r in zip(tasks, own, strict=True))]
    )
    exact_middle = [
        Fraction(innermost_rate) * Fraction(innermost[i]) / sum(map(Fraction, innermost)) + Fraction(inner[i])
        for i in range(4)
    ]
    middle_total = Fraction(innermost_rate) + sum(map(Fraction, inner))
    exact = [Fraction(inner_rate) * exact_middle[i] / middle_total + Fraction(own[i]) for i in range(4)]
    for i, each in enumerate(tasks):
        assert outer.get_rate(each) == pytest.approx(float(exact[i]), rel=1e-14)
    assert outer.total_rate == float(Fraction(inner_rate) + sum(map(Fraction, own)))
    shares = outer.rates()
    assert list(shares) == ["a", "b", "c", "d"]
    for i, share in enumerate(shares.values()):
        assert share == pytest.approx(float(exact[i] / sum(exact)), rel=1e-14)


def test_a_function_of_the_task_is_a_rate() -> None:
    mixture = t5mix.Mixture("m", [A, ("d" and D, t5mix.rates.proportional(maximum=15)), (B, 5)], lambda t: len(t.name))
    assert mixture.get_rate(A) == 1.0 and mixture.get_rate("d") == 15.0 and mixture.total_rate == 21.0
    assert mixture.rates() == {"a": 1 / 21, "b": 5 / 21, "d": 15 / 21}


def test_a_task_twice_in_nested_mixtures_adds_up_and_counts_once() -> None:
    one, two = t5mix.Mixture("one", [A, B], 1), t5mix.Mixture("two", [B, C], 1)
    both = t5mix.Mixture("both", [(one, 1), (two, 1)])
    assert [t.name for t in both.tasks] == ["a", "b", "c"]
    assert both.rates() == {"a": 0.25, "b": 0.5, "c": 0.25}
    assert both.num_input_examples("train") == 60


def test_zero_is_a_rate() -> None:
    mixture = t5mix.Mixture("m", [(A, 0), (B, 3)])
    assert mixture.rates() == {"a": 0.0, "b": 1.0}


def test_many_nested_tasks_are_quick() -> None:
    tasks = [task(f"t{i}") for i in range(10_000)]
    start = time.perf_counter()
    parts = [t5mix.Mixture(f"part{i}", tasks[i::50], 1) for i in range(50)]
    shares = t5mix.Mixture("all", parts, 2).rates()
    assert math.fsum(shares.values()) == pytest.approx(1)
    assert time.perf_counter() - start < 1


# Declarations that cannot work.

OTHER = {"targets": t5mix.Feature(t5mix.ByteVocabulary(extra_ids=1))}
SHORT = t5mix.Mixture("short", [A, B], 1)

REFUSED = {
    "negative": ([(A, -1.0)], None, "rate of 'a' is -1.0"),
    "NaN": ([(A, math.nan), (B, 1)], None, "rate of 'a' is nan"),
    "infinite": ([(A, math.inf)], None, "rate of 'a' is inf"),
    "text": ([(A, "1")], None, "rate of 'a' is '1'"),
    "all zero": ([(A, 0), (B, 0.0)], None, "only rates of 0"),
    "empty": ([], 1, "no tasks"),
    "one text": ("train", 1, "give a list"),
    "set": ({"a"}, 1, "no order"),
    "no rate": ([A, (B, 1)], None, "no rate for 'a'.*default_rate"),
    "no pair": ([(A, 1, 2)], None, "pair"),
    "twice": ([(A, 1), (A, 2)], None, "'a' twice"),
    "not a task": ([3], 1, "has 3 among its tasks"),
    "function for a mixture": ([(SHORT, t5mix.mixing_rate_num_examples)], None, "'short' a function.*number"),
    "default function for a mixture": ([SHORT], t5mix.mixing_rate_num_examples, "'short' a function.*number"),
    "two tasks of one name": ([task("a"), SHORT], 1, "two different tasks named 'a', declared at .*and"),
    "two vocabularies": ([A, task("x", features=OTHER)], 1, "feature 'targets' with two vocabularies.*'a'.*'x'"),
    "two dtypes": (
        [A, task("x", features={"targets": t5mix.Feature(VOCABULARY, dtype="int64")})], 1, "two dtypes.*int32.*int64",
    ),
    "two ranks": ([A, task("x", features={"targets": t5mix.Feature(VOCABULARY, rank=2)})], 1, "two ranks"),
    "other features": (
        [A, task("x", features={**FEATURES, "inputs": t5mix.Feature(VOCABULARY)})], 1, "different output_features",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_work_is_refused_when_it_is_declared(case: str) -> None:
    tasks, default_rate, message = REFUSED[case]
    with pytest.raises(ValueError, match="mixture 'bad'") as error:
        t5mix.Mixture("bad", tasks, default_rate)
    assert re.search(message, str(error.value)), str(error.value)


@pytest.mark.parametrize("rate", [-1, math.nan, None, "x"])
def test_a_function_that_returns_no_rate_is_refused_when_it_is_asked(rate: object) -> None:
    mixture = t5mix.Mixture("m", [(A, lambda task: rate), (B, 1)])
    with pytest.raises(ValueError, match="mixture 'm': the rate of 'a'"):
        mixture.rates()


def test_functions_that_return_zero_only_are_refused_when_asked() -> None:
    mixture = t5mix.Mixture("m", [A, B], lambda task: 0)
    with pytest.raises(ValueError, match="only rates of 0"):
        mixture.total_rate  # noqa: B018
    with pytest.raises(ValueError, match="only rates of 0"):
        mixture.rates()
    with pytest.raises(ValueError, match="no task 'aa'; did you mean 'a'"):
        t5mix.Mixture("m", [A], 1).get_rate("aa")


# Examples.


def drawn(mixture: t5mix.Mixture, count: int, **arguments: object) -> list[str]:
    dataset = mixture.get_dataset({"targets": 5}, **arguments).take(count)  # type: ignore[arg-type]
    return [VOCABULARY.decode(example["targets"]) for example in dataset.as_numpy_iterator()]


def test_get_dataset_draws_by_the_rates_and_repeats_with_its_seed() -> None:
    mixture = t5mix.Mixture("m", [(A, 1), (B, 3)])
    texts = drawn(mixture, 2000, seed=7)
    counts = Counter(text[0] for text in texts)
    assert abs(counts["b"] - 1500) < 5 * math.sqrt(2000 * 0.75 * 0.25)
    assert texts == drawn(mixture, 2000, seed=7) != drawn(mixture, 2000, seed=8)


def test_get_dataset_without_shuffling_repeats_without_a_seed() -> None:
    mixture = t5mix.Mixture("m", [(A, 1), (B, 3)])
    assert drawn(mixture, 50, shuffle=False) == drawn(mixture, 50, shuffle=False)


def test_examples_have_the_features_asked_for() -> None:
    mixture = t5mix.Mixture("m", [A, B], 1)
    one = next(iter(mixture.get_dataset()))
    assert set(one) == {"targets"}
    one = next(iter(mixture.get_dataset(copy_pretokenized=True)))
    assert set(one) == {"targets", "targets_pretokenized"}


def test_a_task_without_the_split_is_left_out_with_a_warning() -> None:
    mixture = t5mix.Mixture("m", [A, task("v", splits=("validation",))], 1)
    assert mixture.splits == ("train", "validation")
    with pytest.warns(UserWarning, match="task 'v' has no split 'train'"):
        assert {text[0] for text in drawn(mixture, 20)} == {"a"}
    with pytest.raises(ValueError, match=r"no task with split 'dev'.*train, validation"):
        mixture.get_dataset(split="dev")


def test_an_empty_task_is_an_error_and_not_an_early_end() -> None:
    declared = t5mix.Mixture("m", [(A, 98), (task("e", 0), 2)])
    with pytest.raises(ValueError, match=r"mixture 'm' draws from task 'e'.*no example"):
        declared.get_dataset()

    def drop(dataset: tf.data.Dataset) -> tf.data.Dataset:
        return dataset.filter(lambda example: tf.constant(False))

    emptied = t5mix.Task("e", A.source, FEATURES, [t5mix.preprocessors.tokenize, drop])
    found_late = t5mix.Mixture("m", [(A, 50), (emptied, 50)])
    with pytest.raises(ValueError, match="task 'e', which has no example"):
        found_late.get_dataset(seed=1)


def test_num_epochs_ends_with_the_first_task_that_does() -> None:
    assert 1 <= len(drawn(t5mix.Mixture("m", [A, B], 1), 1000, num_epochs=1, seed=1)) < 30


def test_the_share_of_each_task_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    mixture = t5mix.Mixture("m", [(task("a"), 3), (task("b"), 1)])
    with caplog.at_level("INFO", logger="t5mix.declarations.mixture"):
        mixture.get_dataset(log_mixing_proportions=False)
        assert not caplog.messages
        mixture.get_dataset()
    assert caplog.messages == ["mixture m: 0.750000 of task a", "mixture m: 0.250000 of task b"]


def test_the_parts_are_those_that_were_named_in_their_order() -> None:
    inner = t5mix.Mixture("inner", [(task("z"), 1), (task("a"), 1)])
    outer = t5mix.Mixture("outer", [(task("y"), 1), (inner, 2)])
    assert [part.name for part in outer.parts] == ["y", "inner"] and [t.name for t in outer.tasks] == ["a", "y", "z"]


def test_rates_whose_sum_is_too_great_are_refused() -> None:
    mixture = t5mix.Mixture("great", [(A, 1e308), (B, 1e308)])
    for ask in (mixture.rates, lambda: mixture.total_rate):
        with pytest.raises(ValueError, match="mixture 'great' has rates whose sum is too great; divide"):
            ask()

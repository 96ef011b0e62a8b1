"""Fingerprints of values: functions with what they hold, objects, arrays, files."""

import dataclasses
import functools
import re
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from t5mix.internal.code import fingerprints


def test_lambdas_on_one_line_differ() -> None:
    one, other = (lambda x: x + 1, lambda x: x + 2)
    assert fingerprints.of_callable(one) != fingerprints.of_callable(other)


def test_tensors_and_arrays_count_to_the_last_element() -> None:
    import tensorflow as tf

    table = np.arange(5000)
    changed = table.copy()
    changed[2500] = 0
    for kind in (tf.constant, np.array, lambda x: x.astype(object)):
        assert fingerprints.digest(kind(table)) == fingerprints.digest(kind(table))
        assert fingerprints.digest(kind(table)) != fingerprints.digest(kind(changed))


class Abridged:
    """Tells not all of itself."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Abridged([1, 2, ..., 9])"


def test_an_abridged_text_is_no_content() -> None:
    with pytest.raises(ValueError, match="no content to compare"):
        fingerprints.digest(Abridged())


def scaled(scale: float, offset: int = 0):
    def by(x: float) -> float:
        return scale * x + offset

    return by


def test_closures_and_arguments_count() -> None:
    assert fingerprints.of_callable(scaled(2)) == fingerprints.of_callable(scaled(2))
    prints = {
        fingerprints.of_callable(f)
        for f in (
            scaled(2),
            scaled(3),
            scaled(2, 1),
            functools.partial(scaled(2), x=1),
            functools.partial(scaled(2), 1),
        )
    }
    assert len(prints) == 5
    assert fingerprints.of_callable(functools.partial(max, 1)) != fingerprints.of_callable(functools.partial(min, 1))


def test_order_counts_in_lists_and_dicts_but_not_in_sets() -> None:
    assert fingerprints.digest([1, 2]) != fingerprints.digest([2, 1])
    assert fingerprints.digest({"a": 1, "b": 2}) != fingerprints.digest({"b": 2, "a": 1})
    assert fingerprints.digest({"a", "b"}) == fingerprints.digest({"b", "a"})


def test_things_that_look_alike_differ() -> None:
    plain = [1, 1.0, True, "1", b"1", None, "None", "ab", Path("1"), int]
    nested = [[1], (1,), {1}, {1: 1}, ["a", "b"], ["ab"], re.compile("1")]
    arrays = [np.int32(1), np.ones([1, 1]), np.array([1]), np.array([[1]]), np.array([1], np.int8)]
    values = [*plain, *nested, *arrays]
    assert len({fingerprints.digest(value) for value in values}) == len(values)
    assert fingerprints.digest("a", "bc") != fingerprints.digest("ab", "c")


def test_objects_by_fields_or_by_their_own_statement() -> None:
    @dataclasses.dataclass
    class Point:
        x: int

    class Stated:
        def __init__(self, text: str) -> None:
            self.fingerprint = text
            self.lock = threading.Lock()

    @dataclasses.dataclass
    class Wrapper:
        func: Callable[..., float]
        times: int

    assert fingerprints.digest(Wrapper(abs, 1)) != fingerprints.digest(Wrapper(abs, 2))
    assert fingerprints.digest(Point(1)) == fingerprints.digest(Point(1)) != fingerprints.digest(Point(2))
    assert fingerprints.digest(Stated("a")) == fingerprints.digest(Stated("a")) != fingerprints.digest(Stated("b"))


def test_what_has_no_content_is_refused() -> None:
    for value in (threading.Lock(), functools.partial(print, threading.Lock()), iter([])):
        with pytest.raises(ValueError, match="fingerprint"):
            fingerprints.digest(value)


def test_cycles_end() -> None:
    knot: list = []
    knot.append(knot)

    def calls_itself(n: int) -> int:
        return n and calls_itself(n - 1)

    assert len(fingerprints.digest(knot)) == len(fingerprints.digest(calls_itself)) == 64


def test_files_by_their_bytes(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_bytes(b"x" * 10_000)
    other.write_bytes(b"x" * 10_000)
    assert fingerprints.of_file(one) == fingerprints.of_file(str(other))
    other.write_bytes(b"y" * 10_000)
    assert fingerprints.of_file(one) != fingerprints.of_file(other)

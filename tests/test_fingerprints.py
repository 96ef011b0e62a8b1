"""Fingerprints change with what decides a result, and with nothing else."""

import dataclasses
import functools
import re
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from t5mix import fingerprints

MODULE = """
import functools
import re
import helper

PATTERN = re.compile("a+")
NUMBER = 3

def inner(x):
    return x + NUMBER

def outer(x):
    return inner(x) if PATTERN.match("a") else helper.more(x)

def make(scale):
    def scaled(x, offset=1):
        return scale * outer(x) + offset
    return scaled

class Callable:
    def __init__(self, n):
        self.n = n
    def __call__(self, x):
        return x + self.n

CASES = [outer, make(2), functools.partial(outer, x=1), Callable(5), make(2).__call__, {"b", "a"}]
print([fingerprints.digest(case) for case in CASES[:4]], fingerprints.digest(CASES[5]))
"""
HELPER = "def more(x):\n    return x\n"

ROOT = str(Path(fingerprints.__file__).parents[1])


def printed(folder: Path, module: str = MODULE, helper: str = HELPER, hash_seed: str = "0") -> str:
    folder.mkdir(exist_ok=True)
    (folder / "helper.py").write_text(helper)
    (folder / "main.py").write_text(
        f"import sys\nsys.path.insert(0, {ROOT!r})\nfrom t5mix import fingerprints\n{module}"
    )
    result = subprocess.run(
        [sys.executable, "main.py"],
        cwd=folder,
        env={"PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_code_is_identified_by_content_in_every_process_and_folder(tmp_path: Path) -> None:
    assert printed(tmp_path / "one") == printed(tmp_path / "two", hash_seed="7")


@pytest.mark.parametrize(
    ("old", "new"),
    [("return x + NUMBER", "return x - NUMBER"), ("NUMBER = 3", "NUMBER = 4"), ('"a+"', '"b+"')],
)
def test_a_changed_function_or_constant_behind_it_counts(tmp_path: Path, old: str, new: str) -> None:
    before, after = printed(tmp_path / "a"), printed(tmp_path / "b", MODULE.replace(old, new))
    one, other = (re.findall(r"[0-9a-f]{64}", out) for out in (before, after))
    assert [a == b for a, b in zip(one, other, strict=True)] == [False, False, False, True, True]


def test_a_changed_helper_in_another_file_counts(tmp_path: Path) -> None:
    before = printed(tmp_path / "a")
    assert before != printed(tmp_path / "b", helper=HELPER.replace("return x", "return -x"))


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
    things = [*plain, *nested, *arrays]
    assert len({fingerprints.digest(thing) for thing in things}) == len(things)
    assert fingerprints.digest("a", "bc") != fingerprints.digest("ab", "c")


def test_objects_by_fields_or_by_their_own_statement() -> None:
    @dataclasses.dataclass
    class Point:
        x: int

    class Stated:
        def __init__(self, text: str) -> None:
            self.fingerprint = text
            self.lock = threading.Lock()

    assert fingerprints.digest(Point(1)) == fingerprints.digest(Point(1)) != fingerprints.digest(Point(2))
    assert fingerprints.digest(Stated("a")) == fingerprints.digest(Stated("a")) != fingerprints.digest(Stated("b"))


def test_what_has_no_content_is_refused() -> None:
    for thing in (threading.Lock(), functools.partial(print, threading.Lock()), iter([])):
        with pytest.raises(ValueError, match="fingerprint"):
            fingerprints.digest(thing)


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

"""Fingerprints change with what decides a result, and with nothing else."""

import dataclasses
import functools
import importlib
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from t5mix.internal.code import fingerprints, source_code

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

ROOT = str(Path(fingerprints.__file__).parents[3])


def printed(folder: Path, module: str = MODULE, helper: str = HELPER, hash_seed: str = "0") -> str:
    folder.mkdir(exist_ok=True)
    (folder / "helper.py").write_text(helper)
    (folder / "main.py").write_text(
        f"import sys\nsys.path.insert(0, {ROOT!r})\nfrom t5mix.internal.code import fingerprints\n{module}"
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


CASE = "print(fingerprints.of_callable(case))"
CACHED = f"""
import functools
@functools.cache
def table():
    return 3
def case(x):
    return x + table()
{CASE}
"""
OBJECT = f"""
import functools
SCALE = 3
def scale(x):
    return x * SCALE
class Base:
    @functools.cached_property
    def offset(self):
        return 1
class Step(Base):
    def __call__(self, x):
        return scale(x) + self.offset
case = Step()
{CASE}
"""
MODULES = f"""
import helper
def case(x):
    return helper.TABLE[helper.Kind(x).value], helper.again.TABLE
{CASE}
"""
LAMBDAS = f"""
case = [
    lambda x:
        x + 3
][0]
{CASE}
"""
DECORATED = f"""
import functools
def plus(f):
    @functools.wraps(f)
    def added(x):
        return f(x) + 1
    return added
@plus
def case(x):
    return 2 * x
{CASE}
"""
TABLES = "import enum, helper as again\nTABLE = (3, 5)\nclass Kind(enum.Enum):\n    A = 0\n"


@pytest.mark.parametrize(
    ("module", "helper", "old", "new"),
    [
        (CACHED, "", "return 3", "return 4"),
        (OBJECT, "", "return 1", "return 2"),
        (OBJECT, "", "SCALE = 3", "SCALE = 4"),
        (MODULES, TABLES, "(3, 5)", "(3, 6)"),
        (MODULES, TABLES, "A = 0", "A = 1"),
        (DECORATED, "", "f(x) + 1", "f(x) + 2"),
        (DECORATED, "", "2 * x", "3 * x"),
        (LAMBDAS, "", "x + 3", "x + 4"),
    ],
)
def test_what_stands_behind_a_step_counts(tmp_path: Path, module: str, helper: str, old: str, new: str) -> None:
    before = printed(tmp_path / "a", module, helper)
    assert before == printed(tmp_path / "b", module, helper, hash_seed="3")
    assert before != printed(tmp_path / "c", module.replace(old, new), helper.replace(old, new))


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


STEP = "from sums import inner\ndef step(x):\n    return inner.twice(x)\n"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[str, set[str]]]:
    """Installs a package of one function, as pip would; gives that function's fingerprint and the libraries met."""

    def install(number: int, version: str = "1.0", change: str = "", declares: bool = False) -> tuple[str, set[str]]:
        place = tmp_path / str(number) / "site-packages"
        for name, text in (("sums/__init__.py", STEP), ("sums/inner.py", f"def twice(x):\n    return 2 * x{change}\n")):
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_text(text)
        metadata = place / f"sums-{version}.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: sums\nVersion: {version}\n")
        (metadata / "RECORD").write_text("sums/__init__.py,,\nsums/inner.py,,\n")
        if declares:
            (metadata / "entry_points.txt").write_text("[t5mix.packs]\nsums = sums\n")
        with monkeypatch.context() as patch:
            patch.syspath_prepend(str(place))
            for name in ("sums", "sums.inner"):
                patch.delitem(sys.modules, name, raising=False)
            for remembered in (
                source_code._package_of,
                source_code._distributions,
                source_code._names_of_distributions,
            ):
                remembered.cache_clear()
            with fingerprints.libraries() as met:
                found = fingerprints.of_callable(importlib.import_module("sums").step)
            for name in ("sums", "sums.inner"):
                del sys.modules[name]
            return found, met

    return install


def test_a_library_counts_by_its_name_and_is_told(installed: Callable[..., tuple[str, set[str]]]) -> None:
    first = installed(1)
    assert first == installed(2) == installed(3, version="1.1") == installed(4, change=" + 1")
    assert first[1] == {"sums"}


def test_an_installed_package_of_declarations_is_followed(installed: Callable[..., tuple[str, set[str]]]) -> None:
    first = installed(1, declares=True)
    assert first == installed(2, version="1.1", declares=True) != installed(3, change=" + 1", declares=True)
    assert first[1] == set()


# The same code, for a reader in other clothes: docstring, comments, annotations, layout, quotes, `pass`.
PLAIN = f"""
import dataclasses, functools
RATE = 2
def helper(x, y=1):
    return x * RATE + y
class Step:
    def __init__(self, n):
        self.n = n
    def __call__(self, x):
        total = helper(x) + self.n
        return total
def make(scale):
    def scaled(x):
        names = ["a", "b"]
        return helper(x, y=3) * scale, names
    return scaled
case = [helper, Step(3), make(2), lambda x: x + 1, functools.partial(helper, y=5)]
{CASE}
"""
DRESSED = f"""
import dataclasses, functools
from collections.abc import Callable
from typing import Any
# The rate.
RATE: int = 2


def helper(x: int, y: "int" = 1) -> int:
    '''Scales.'''
    return (
        x * RATE
        + y
    )  # done


class Step:
    '''A step.'''

    n: int

    def __init__(self, n: int) -> None:
        '''Takes n.'''
        self.n = n

    def __call__(self, x: int) -> int:
        total: int = helper(x) + self.n
        pass
        return total


def make(scale: int) -> Callable[..., Any]:
    def scaled(x: int) -> tuple[int, list[str]]:
        names: list[str] = [
            'a',
            'b',
        ]
        return helper(x, y=3,) * scale, names

    return scaled


case = [helper, Step(3), make(2), (lambda  x :  x+1), functools.partial(helper, y=5)]
{CASE}
"""


def test_docstrings_comments_annotations_and_layout_do_not_count(tmp_path: Path) -> None:
    assert printed(tmp_path / "a", PLAIN) == printed(tmp_path / "b", DRESSED)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("RATE = 2", "RATE = 3"),  # a constant
        ("x * RATE + y", "x * RATE - y"),  # a helper
        ("y=1)", "y=2)"),  # a default
        ("make(2)", "make(3)"),  # a closure's value
        ("Step(3)", "Step(4)"),  # an attribute
        ("+ self.n", "- self.n"),  # a method
        ("lambda x: x + 1", "lambda x: x + 2"),
        ("y=5", "y=6"),  # an argument
        ('"b"]', '"c"]'),
    ],
)
def test_what_changes_a_result_counts(tmp_path: Path, old: str, new: str) -> None:
    assert old in PLAIN
    assert printed(tmp_path / "a", PLAIN) != printed(tmp_path / "b", PLAIN.replace(old, new, 1))


FIELDS = f"""
import dataclasses
@dataclasses.dataclass(frozen=True)
class Step:
    '''A step.'''
    first: int = 1
    second: int = 2
    def __call__(self, x):
        return x * self.first
case = Step
{CASE}
"""


def test_fields_count_in_their_order_and_not_by_their_types(tmp_path: Path) -> None:
    before = printed(tmp_path / "a", FIELDS)
    assert before == printed(tmp_path / "b", FIELDS.replace(": int", ": float").replace("A step", "One step"))
    swapped = FIELDS.replace("first: int = 1\n    second: int = 2", "second: int = 2\n    first: int = 1")
    assert before != printed(tmp_path / "c", swapped)


OURS = f"""
import t5mix
from t5mix.preprocessors import rekey
def case(dataset):
    from t5mix.preprocessors import tokenize
    return tokenize(t5mix.preprocessors.append_eos(rekey(dataset)))
{CASE}
"""


def test_t5mix_counts_by_numbers_wherever_a_name_is_imported(tmp_path: Path) -> None:
    raised = "from t5mix.internal.code import revisions\nrevisions.NUMBERS = {{{!r}: 2}}\n{}"
    before = printed(tmp_path / "a", OURS)
    moved = OURS.replace("from t5mix.preprocessors import rekey", "from t5mix.preprocessors.parsing import rekey")
    assert before == printed(tmp_path / "b", moved)
    assert before == printed(tmp_path / "c", raised.format("translate", OURS))
    others = [printed(tmp_path / name, raised.format(name, OURS)) for name in ("rekey", "append_eos", "tokenize")]
    assert len({before, *others}) == 4


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

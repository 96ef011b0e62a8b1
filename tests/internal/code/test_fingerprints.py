"""Fingerprints change with what decides a result, and with nothing else."""

import importlib
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

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
        timeout=300,
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

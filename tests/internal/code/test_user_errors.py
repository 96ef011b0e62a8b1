"""An error as one line: the user's own place, the kind where it says something, and no traceback in the text."""

from pathlib import Path

import pytest

import t5mix
from t5mix.internal.code import user_errors

CODE = """
import tensorflow as tf

class Mute(Exception):
    def __str__(self):
        raise RuntimeError

class End(BaseException):
    pass

def wrapped():
    try:
        {}["inner"]
    except KeyError as error:
        raise RuntimeError("outer") from error

def group():
    raise ExceptionGroup("two", [ValueError("first"), ValueError("second")])

def raising(error):
    raise error

def inside(lines):
    def read(text):
        raise ZeroDivisionError("no such number")
    return list(lines.map(lambda text: tf.py_function(read, [text], tf.string)))

def traced(lines):
    @tf.function
    def read(text):
        return {}["column"]
    return read("x")

def operation(lines):
    return list(lines.map(tf.strings.to_number))
"""


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    """A user's file, and what it defines."""
    file = tmp_path_factory.mktemp("theirs") / "mine.py"
    file.write_text(CODE)
    names: dict = {}
    exec(compile(CODE, str(file), "exec"), names)
    return file, names


def line_of(call, *arguments) -> str:
    with pytest.raises(BaseException) as raised:
        call(*arguments)
    # The frames of this file stand for t5mix's.
    error = raised.value
    while error.__traceback__ and error.__traceback__.tb_frame.f_code.co_filename == __file__:
        error.__traceback__ = error.__traceback__.tb_next
    return user_errors.one_line(error)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("KeyError('x')", "KeyError: 'x'"),
        ("ValueError('two\\n  lines')", "two lines"),
        ("SystemExit(0)", "SystemExit: 0"),
        ("End('of all')", "End: of all"),
        ("Mute()", "Mute"),
        ("RecursionError('too deep')", "RecursionError: too deep"),
        ("OSError(28, 'No space left')", "OSError: [Errno 28] No space left"),
    ],
)
def test_the_users_line_the_kind_and_the_message(theirs, error: str, said: str) -> None:
    file, names = theirs
    assert line_of(names["raising"], eval(error, names)) == f"{file}:21: {said}"


def test_causes_and_groups(theirs) -> None:
    file, names = theirs
    assert line_of(names["wrapped"]) == f"{file}:15: RuntimeError: outer"
    assert line_of(names["group"]) == "first"


def test_the_place_in_a_text_of_tensorflow(theirs) -> None:
    import tensorflow as tf

    file, names = theirs
    lines = tf.data.Dataset.from_tensor_slices(["a"])
    assert line_of(names["inside"], lines) == f"{file}:25: ZeroDivisionError: no such number"
    assert line_of(names["traced"], lines).startswith(f"{file}:31: KeyError: 'column'")
    said = line_of(names["operation"], lines)
    assert said.startswith(f"{file}:35: InvalidArgumentError: ") and "could not correctly convert string: a" in said
    assert "[[" not in said and "\n" not in said


def test_notes_and_length() -> None:
    error = ValueError("x" * 10_000)
    assert len(user_errors.one_line(error)) < 3_100
    with pytest.raises(ValueError) as raised, user_errors.within("metric 'f'"):
        raise ValueError("odd")
    assert user_errors.one_line(raised.value).endswith("odd; in metric 'f'")


def test_whose_files_are_users() -> None:
    import numpy

    for file in (t5mix.__file__, numpy.__file__, Path.__module__, "<string>"):
        assert not user_errors.is_users(str(file)) or file == Path.__module__
    assert not user_errors.is_users(__import__("json").__file__) and user_errors.is_users("/home/me/mine.py")

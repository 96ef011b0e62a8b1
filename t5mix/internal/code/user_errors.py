"""An error as one line for people, with the line of the user's own code that it comes from.

Users' functions are called in many places: by declarations, tf.data, threads, metrics. None of these catches what they
raise. The line is found where it is printed, in the traceback, or in the text that TensorFlow makes of one.
"""

import contextlib
import os
import re
import sysconfig
import traceback
from collections.abc import Iterator

from t5mix.internal import paths

_INSTALLED = re.compile(r"[\\/](site|dist)-packages[\\/]")
_NOT_USERS = tuple(
    str(folder) + os.sep for folder in {str(paths.PACKAGE), *map(sysconfig.get_path, ("stdlib", "platstdlib"))}
)
_FRAME = re.compile(r'File "([^"\n]+)", line (\d+)')
_TRACEBACK = "Traceback (most recent call last):"
# What TensorFlow puts around the message of a Python function.
_NODES = re.compile(
    r"\{\{function_node [^}]*\}\}|Error in user-defined function passed to .*? transformation with iterator: [\w:]*\w: "
    r"|\[\[\{\{.*|\[Op:\w+\].*",
    re.DOTALL,
)
_LONGEST = 3000  # characters of a line
# Kinds of errors whose message is enough.
_SAID = (ValueError, OSError, ImportError, FloatingPointError)


@contextlib.contextmanager
def within(what: str) -> Iterator[None]:
    """Adds to what the body raises where it was raised, "metric 'f' of task 'x'"."""
    try:
        yield
    except Exception as error:
        error.add_note(f"in {what}")
        raise


def one_line(error: BaseException) -> str:
    """Returns "file:line: kind: message; notes", with the kind where the message may not be enough.

    Args:
        error: any exception, such as SystemExit.
    """
    if isinstance(error, BaseExceptionGroup):
        return one_line(error.exceptions[0])
    message, where = _message(error), users_line(error)
    kind = type(error).__name__
    plain = isinstance(error, ValueError) or (not where and isinstance(error, _SAID))
    if not message or not (plain or _says_its_kind(error)):
        message = f"{kind}: {message}" if message else kind
    if where and where not in message:
        message = f"{where}: {message}"
    line = " ".join("; ".join([message, *map(str, getattr(error, "__notes__", ()))]).split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]} ..."


def users_line(error: BaseException) -> str | None:
    """Returns "file:line" of the innermost frame of users' code, or None where there is none."""
    seen: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in seen:
        found = _in_text(_text(link)) or _in_frames(link)
        if found:
            return found
        seen.append(link)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return None


def is_users(file: str) -> bool:
    """Tells whether a file is neither t5mix's, nor Python's, nor of an installed package."""
    if file.startswith("<") or "__autograph_generated" in file or _INSTALLED.search(file):
        return False
    return not os.path.abspath(file).startswith(_NOT_USERS)


def _in_frames(error: BaseException) -> str | None:
    frames = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    places = [f"{file}:{line}" for file, line in frames if is_users(file)]
    return places[-1] if places else None


def _in_text(message: str) -> str | None:
    """Finds the place in a message that holds a traceback, as those of tf.data and of other processes do."""
    if "in user code:" not in message and _TRACEBACK not in message:
        return None
    places = [f"{file}:{line}" for file, line in _FRAME.findall(message) if is_users(file)]
    return places[-1] if places else None


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # a user's class may fail even there
        return ""


def _says_its_kind(error: BaseException) -> bool:
    """Tells whether it is TensorFlow's text of one of Python's errors, whose kind is in the message."""
    if "in user code:" in _text(error):
        return True
    return _TRACEBACK in _text(error) and type(error).__module__.startswith("tensorflow")


def _message(error: BaseException) -> str:
    """Returns the message without a traceback in it."""
    message = _text(error)
    if isinstance(error, KeyError) and len(error.args) == 1:  # its text is the key as Python writes it
        message = error.args[0] if "in user code:" in message else repr(error.args[0])
    if message.startswith("in user code:"):
        return message.rstrip().splitlines()[-1].strip().removeprefix("ValueError: ")  # it begins with the kind
    head, found, _ = message.partition(_TRACEBACK)
    if type(error).__module__.startswith("tensorflow"):
        head = _NODES.sub("", head).strip().removeprefix("ValueError: ")
    return head.strip() or (message if not found else "")

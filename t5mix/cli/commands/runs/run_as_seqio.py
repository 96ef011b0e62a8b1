"""Runs a program of somebody else's, to which `import seqio` and `import t5` mean t5mix."""

import argparse
import importlib.util
import runpy
import sys
import traceback
from pathlib import Path

import t5mix
from t5mix.internal.terminal import say

EPILOG = """\
examples:
  t5mix run-as-seqio their_script.py --their_flag
  t5mix run-as-seqio their_package.tasks_test

What stands behind the file or module is given to it. `--as_seqio`, with every other command, lets the files that
`--include` names import seqio and T5 in this way.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the program and its arguments."""
    parser.epilog = EPILOG
    parser.add_argument("program", metavar="FILE_OR_MODULE", help="a Python file, or a module that can be imported")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="...", help="arguments of the program")


def run(args: argparse.Namespace) -> int:
    """Runs the program as Python runs a main program, and returns the status that Python ends with.

    An error in it is shown as Python shows it.
    """
    file = Path(args.program)
    if not file.is_file() and (file.suffix == ".py" or "/" in args.program):
        raise ValueError(f"run-as-seqio: there is no file {args.program}; give the path of a Python file, or a module")
    if not file.is_file() and not _is_module(args.program):
        raise ValueError(f"run-as-seqio: there is no file and no module {args.program}; is its folder in PYTHONPATH?")
    before, sys.argv = sys.argv, [args.program, *args.arguments]
    sys.path.insert(0, str(file.resolve().parent) if file.is_file() else "")
    try:
        with t5mix.as_seqio():
            if file.is_file():
                runpy.run_path(str(file), run_name="__main__")
            else:
                runpy.run_module(args.program, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return _status(end.code)
    except KeyboardInterrupt:  # Ctrl-C and signals: the command ends as every command does
        raise
    except BaseException as error:  # also those that are no Exception, such as asyncio's CancelledError
        traceback.print_exception(_without_ours(error))
        return 1
    finally:
        sys.argv = before
        del sys.path[0]
    return 0


def _status(code: object) -> int:
    """Returns the exit status that `sys.exit(code)` means; what is no number is printed, as Python does."""
    if code is None:
        return 0
    if isinstance(code, int):
        return code
    say(str(code))
    return 1


def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):  # a part of the name is no package, or the name is none
        return False


def _without_ours(error: BaseException) -> BaseException:
    """Returns an error whose traceback begins in the program, where it got there."""
    found = error.__traceback__
    while found is not None and found.tb_frame.f_code.co_filename in (__file__, runpy.__file__, "<frozen runpy>"):
        found = found.tb_next
    return error.with_traceback(found) if found is not None else error

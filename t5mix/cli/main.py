"""The `t5mix` command: finds the subcommand, runs it, and turns errors into one clear line.

A subcommand is a module with `add_arguments(parser)` and `run(args) -> int`. Only the one that was
asked for is imported, so that help answers at once.
"""

import argparse
import contextlib
import importlib
import os
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import t5mix
from t5mix.cli.signals import Stopped, stoppable
from t5mix.internal.lazy import silence
from t5mix.internal.processes.memory import keep_freed_memory
from t5mix.internal.terminal import never_fail_to_print, say, visible
from t5mix.training.interruption import Interrupted

# The folders of `commands/`, and what is in them.
FOLDERS = {
    "tasks": {
        "list": "name the tasks and mixtures that are registered",
        "show": "look at a task's examples and tokens, or at a mixture's rates",
        "plan": "tell what so many steps on a mixture feed, task by task",
        "cache": "make token caches ahead of time, or list them",
        "check": "try tasks on real examples: features, labels, metrics, splits",
        "overlap": "look for evaluation examples in training examples",
    },
    "runs": {
        "train": "train on a mixture, and fine-tune from there where the run says so",
        "finetune": "fine-tune a checkpoint on each task",
        "rehearse": "compile a run for a TPU topology without having one: what fits, how long it takes",
        "eval": "score checkpoints, task by task, beside baselines",
        "predict": "answer the lines of a file, a table or a task's split",
        "score": "tell how likely given targets are",
        "average": "average checkpoints of a run",
        "whatif": "repeat a run without a task, or with other rates, and compare",
        "transfer": "tell what each task of a mixture does for each other, by small runs",
        "export": "write a checkpoint for other programs: Hugging Face, SavedModel, StableHLO",
        "run-as-seqio": "run a Python program to which `import seqio` and `import t5` mean t5mix",
    },
    "results": {
        "compare": "tell which runs differ, task by task, and how surely",
        "conflict": "tell which tasks' gradients agreed in a run, and which did not",
        "diff": "say what differs between two runs' settings, tasks and data",
        "lineage": "say where a checkpoint comes from",
        "report": "show a run as one page of HTML",
        "submission": "write the files that the servers of GLUE and SuperGLUE take",
    },
}
COMMANDS = {name: summary for commands in FOLDERS.values() for name, summary in commands.items()}

# Set to 1, it is `--as_seqio` in every command.
AS_SEQIO = "T5MIX_AS_SEQIO"

# Commands that hand what stands behind "--" to a library.
_HANDING_ON = ("cache",)

EPILOG = """\
examples:
  t5mix list
  t5mix show offline_abbreviate --examples 3
  t5mix train --gin_file runs/offline.gin --gin_param "Run.seed = 1"

`t5mix COMMAND --help` explains a command.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        argv: the arguments after the program's name; those of this process by default.

    Returns:
        The exit status: 0; 2 where the input was wrong; 128 and the signal's number where one stopped it.
    """
    never_fail_to_print()
    arguments = list(sys.argv[1:] if argv is None else argv)
    command = _command(arguments)
    handed_on: list[str] = []
    if command in _HANDING_ON and "--" in arguments:
        division = arguments.index("--")
        arguments, handed_on = arguments[:division], arguments[division + 1 :]
    # It may stand before the command, too; behind it, it may be an argument of somebody else's program.
    start = arguments.index(command) if command else len(arguments)
    show_all = "--traceback" in arguments[:start]
    arguments = [each for each in arguments[:start] if each != "--traceback"] + arguments[start:]
    args = _parser(command).parse_args(arguments, argparse.Namespace(handed_on=handed_on))
    silence()  # declarations files may import TensorFlow by themselves
    if command in FOLDERS["runs"]:
        keep_freed_memory()
    try:
        with stoppable(), _warnings_of_one_line(), contextlib.ExitStack() as undo:
            if args.as_seqio or os.environ.get(AS_SEQIO, "0") not in ("", "0"):
                undo.enter_context(t5mix.as_seqio())
            if args.include or args.keep_going:
                from t5mix.declarations import discovery  # loads NumPy, which help does without

                for path in args.include or ():
                    discovery.include(path)
                if args.keep_going:
                    discovery.discovery.keep_going()
            return args.run(args)
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Stopped as stopped:
        say(f"t5mix: {stopped}")
        return 128 + stopped.number
    except Interrupted:
        raise
    except BaseException as error:  # also SystemExit and its like, which end a program, of users' code
        return _refuse(error, show_all or args.traceback)


def _refuse(error: BaseException, show_all: bool) -> int:
    """Says in one line what is wrong, with the line of the user's own code where it comes from that."""
    from t5mix.internal.code.user_errors import one_line, users_line

    if show_all and isinstance(error, Exception):
        raise error
    if show_all:
        traceback.print_exception(error)
    expected = isinstance(error, (ValueError, OSError, ImportError, FloatingPointError))
    more = "" if expected or users_line(error) else "; --traceback shows where"
    say(f"t5mix: error: {one_line(error)}{more}")
    return 2


@contextlib.contextmanager
def _warnings_of_one_line() -> Iterator[None]:
    """Shows warnings without the line of code that gave them, and as `say` shows other texts."""

    def one_line(message: Warning | str, *where: Any, **more: Any) -> str:
        return f"t5mix: warning: {visible(' '.join(str(message).split()))}\n"

    before = warnings.formatwarning
    warnings.formatwarning = one_line
    try:
        yield
    finally:
        warnings.formatwarning = before


def module_of(command: str) -> str:
    """Returns the name of the module in which a command is."""
    [folder] = [folder for folder, commands in FOLDERS.items() if command in commands]
    return f"t5mix.cli.commands.{folder}.{command.replace('-', '_')}"


def _command(arguments: Sequence[str]) -> str | None:
    """Returns the first argument that names a command, whose module is the one to import."""
    return next((argument for argument in arguments if argument in COMMANDS), None)


def _parser(command: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="t5mix",
        description="Task and Mixture declarations in, trained text-to-text models out.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--traceback", action="store_true", help="show the whole traceback of an error, of any command")
    parser.add_argument("--version", action="version", version=f"t5mix {t5mix.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        child = commands.add_parser(
            name,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if name == command:
            _fill(child, name)
    return parser


def _fill(parser: argparse.ArgumentParser, command: str) -> None:
    module = importlib.import_module(module_of(command))
    module.add_arguments(parser)
    parser.set_defaults(run=module.run)
    common = parser.add_argument_group("for every command")
    common.add_argument(
        "--include",
        "--pack",  # its first name
        action="append",
        metavar="PATH",
        help="a file or folder of your own tasks and mixtures; repeatable",
    )
    common.add_argument(
        "--as_seqio",
        action="store_true",
        help="let `import seqio` and `import t5` in those files mean t5mix; T5MIX_AS_SEQIO=1 does it for every command",
    )
    common.add_argument(
        "--keep_going",
        action="store_true",
        help="leave out, with a line, a task or mixture of your files that cannot work, and load the rest",
    )
    common.add_argument(
        "--traceback",
        "--debug",  # its first name
        action="store_true",
        default=os.environ.get("T5MIX_TRACEBACK", "0") not in ("", "0"),
        help="show the whole traceback of an error; so does T5MIX_TRACEBACK=1",
    )

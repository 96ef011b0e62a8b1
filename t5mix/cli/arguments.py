"""Arguments that several commands share: gin settings, as T5's users type them, and shorthands for the commonest."""

import argparse
import contextlib
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from t5mix.declarations.task import Task
    from t5mix.runs.preflight.checks import Checked

GIN_EPILOG = """\
gin settings:
  --gin_file runs/offline.gin            a path, or a name within the shipped gin folder; repeatable, later ones win
  --gin_param "Training.steps = 500"     one setting; repeatable, wins over files; text needs quotes of its own:
                                         --gin_param "Run.mixture = 'offline_proportional'"
"""


_GREATEST = 2**31 - 1  # what TensorFlow and JAX count to


def add_gin_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds `--gin_file` and `--gin_param`."""
    group = parser.add_argument_group("settings")
    group.add_argument(
        "--gin_file",
        action="append",
        default=[],
        metavar="FILE",
        help="settings, by path or by name in the shipped gin folder; repeatable",
    )
    group.add_argument(
        "--gin_param",
        action="append",
        default=[],
        metavar="SETTING",
        help="one setting, such as 'Training.steps = 500'; repeatable, wins over files",
    )


def add_processes(parser: argparse.ArgumentParser) -> None:
    """Adds `--coordinator`, `--processes` and `--process`."""
    group = parser.add_argument_group(
        "several processes", "found by themselves under SLURM, Open MPI and on a TPU slice; see docs/pods.md"
    )
    group.add_argument("--coordinator", metavar="HOST:PORT", help="where the first process is; it opens that port")
    group.add_argument("--processes", type=positive, metavar="N", help="how many there are")
    group.add_argument("--process", type=count, metavar="I", help="which of them this is, from 0")
    group.add_argument("--wait", type=positive, default=300, metavar="SECONDS", help="for all to have come [300]")


def add_copy(parser: argparse.ArgumentParser) -> None:
    """Adds `--copy_to`."""
    parser.add_argument(
        "--copy_to",
        metavar="ADDRESS",
        help="gs://BUCKET/NAME or s3://BUCKET/NAME, which gets a copy of the run folder with each checkpoint; a run "
        "folder that is not there is brought back from it",
    )


@contextlib.contextmanager
def several_processes(args: argparse.Namespace) -> Iterator[None]:
    """Makes this process one of several, in the body, where the arguments or the environment say so.

    Args:
        args: with what `add_processes` adds.
    """
    from t5mix.internal.processes import joining

    def prepare() -> None:
        from t5mix.mesh.devices import configure_cpu

        configure_cpu()

    with joining.joined(args.coordinator, args.processes, args.process, prepare, args.wait):
        yield


def add_trained(parser: argparse.ArgumentParser) -> None:
    """Adds `--trained`."""
    parser.add_argument(
        "--trained",
        metavar="FOLDER",
        help="what was trained on the checkpoint and lies alone (t5mix export --format trained), to be put onto it; "
        "with the lengths that it was trained with",
    )


def add_confidence(parser: argparse.ArgumentParser) -> None:
    """Adds `--confidence`."""
    parser.add_argument("--confidence", type=_share, default=0.95, metavar="SHARE", help="of the intervals [0.95]")


def gin_params(args: argparse.Namespace, shorthands: Mapping[str, str]) -> list[str]:
    """Returns the settings of the command line: `--gin_param`, then shorthands, which win.

    Args:
        args: parsed arguments.
        shorthands: gin name by argument name, `{"steps": "Training.steps"}`.
    """
    given = {name: getattr(args, name) for name in shorthands}
    short = [f"{shorthands[name]} = {value!r}" for name, value in given.items() if value is not None]
    return [*args.gin_param, *short]


# gin name by argument name.
DECODING = {
    name: f"Decoding.{name}" for name in ("beams", "length_penalty", "best", "temperature", "top_k", "top_p")
} | {"decoding_seed": "Decoding.seed"}


def add_decoding_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds how answers are decoded: `--beams` and its like."""
    group = parser.add_argument_group("decoding", "by default the likeliest token is taken at each position")
    group.add_argument("--beams", type=positive, metavar="N", help="search with so many beams; T5 takes 4")
    group.add_argument(
        "--length_penalty", type=float, metavar="POWER", help="of the length that scores of beams are divided by: 0.6"
    )
    group.add_argument("--temperature", type=float, metavar="T", help="draw tokens, by probabilities ^ (1 / T)")
    group.add_argument("--top_k", type=positive, metavar="K", help="draw one of the K likeliest tokens")
    group.add_argument("--top_p", type=float, metavar="P", help="draw one of the likeliest with probability P together")
    group.add_argument("--best", type=positive, metavar="N", help="answers to each input: of the beams, or samples")
    group.add_argument("--decoding_seed", type=count, metavar="SEED", help="of what is drawn; by default 0")


def add_ensemble_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds `--ensemble` and `--combine`."""
    parser.add_argument(
        "--ensemble",
        action="append",
        default=[],
        metavar="PATH",
        help="a further checkpoint, which answers together with the first; repeatable",
    )
    parser.add_argument(
        "--combine",
        choices=("mean", "vote"),
        help="how they answer: by the mean of log-probabilities while they decode (the default), or by vote",
    )


def ensemble(args: argparse.Namespace, checked: "Checked", params: Sequence[str]) -> "list[Checked]":
    """Returns the further checkpoints that answer, after checking that they can.

    Args:
        args: parsed arguments.
        checked: the first checkpoint.
        params: settings of the command line, which hold for all of them.

    Raises:
        ValueError: they cannot; or `--combine` stands alone.
    """
    if not args.ensemble:
        if args.combine:
            raise ValueError(f"--combine {args.combine} is of several checkpoints: name further ones by --ensemble")
        return []
    from t5mix.runs.answers.ensembles import check_ensemble
    from t5mix.runs.preflight import checks
    from t5mix.runs.preflight.foreign_checkpoints import names_no_task

    # What is no run takes tasks and lengths from the first.
    task = None if names_no_task(checked.run, checked.checkpoint) else checked.run.mixture
    given: dict[str, Any] = {"task": task, "lengths": checked.run.sequence_length}
    others = [checks.check_recorded(path, args.gin_file, params, args.include or (), **given) for path in args.ensemble]
    check_ensemble(checked, others, args.combine or "mean")
    return others


def names(text: str) -> tuple[str, ...]:
    """Parses names with commas between them, for argparse."""
    found = tuple(name.strip() for name in text.split(","))
    if not all(found):
        raise argparse.ArgumentTypeError(f"{text!r} has a name that is empty: write them as a,b")
    return found


def positive(text: str) -> int:
    """Parses a whole number of at least 1, for argparse."""
    return _number(text, 1)


def count(text: str) -> int:
    """Parses a whole number of at least 0, for argparse."""
    return _number(text, 0)


def length(text: str) -> int:
    """Parses a number of tokens, for argparse."""
    return _number(text, 1, 2**22)


def seed(text: str) -> int:
    """Parses a seed, for argparse."""
    return _number(text, -(2**63), 2**63 - 1)


def _share(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no share between 0 and 1, such as 0.95")
    return number


def _number(text: str, least: int, most: int = _GREATEST) -> int:
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if number < least:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of at least {least}")
    if number > most:
        raise argparse.ArgumentTypeError(f"{text!r} is more than {most:,}")
    return number


def find_tasks(names: Sequence[str]) -> "list[Task]":
    """Returns the tasks that names of tasks, of mixtures, and patterns mean, each once, in that order.

    Raises:
        ValueError: when a name is not known, or a pattern matches no task.
    """
    from t5mix.declarations.registry import TaskRegistry, get_mixture_or_task, get_subtasks

    found: dict[str, Task] = {}
    for name in names:
        if any(sign in name for sign in "*?["):
            matching = [known for known in TaskRegistry.names() if fnmatchcase(known, name)]
            if not matching:
                raise ValueError(f"no task matches {name!r}; try: t5mix list")
            found.update((each, TaskRegistry.get(each)) for each in matching)
        else:
            found.update((task.name, task) for task in get_subtasks(get_mixture_or_task(name)))
    return list(found.values())

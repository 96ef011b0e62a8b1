"""The steps of a run that first fed the training examples of a ledger."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from t5mix.data import Stream
from t5mix.declarations.task import Task
from t5mix.evaluation.cached_split import read_cached
from t5mix.evaluation.overlap.ledger import Entry, Ledger


def with_first_steps(
    ledger: Ledger,
    tasks: Sequence[Task],
    stream: Stream,
    steps: int,
    tell: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> tuple[Ledger, list[str]]:
    """Returns a ledger that says of each training example by which step it was first fed.

    A training example is found again in the stream by its tokens; where others have the very same, the first of them
    counts. Of a document that is cut into segments it is the first segment that is fed.

    Args:
        ledger: the ledger; what it does not name of an entry's training examples has no step.
        tasks: those that it was made of.
        stream: of the run.
        steps: how many of its steps were done.
        tell: called with what is done, how much of it, and how much there is.

    Returns:
        The ledger, and the tasks of which nothing can be told, since `tf.data` makes their examples anew in each epoch
        or they have no token cache.
    """
    by_name = {task.name: task for task in tasks}
    found: dict[tuple[str, int], list[int]] = {}  # numbers in the stream, of numbers in the ledger
    unknown: list[str] = []
    wanted = _named(ledger)
    for done, (name, numbers) in enumerate(wanted.items()):
        tell("finding training examples in the stream", done, len(wanted))
        if name not in stream.task_names:
            continue
        tokens = _tokens(by_name[name], numbers)
        same = None if tokens is None else stream.made_of(name, tokens)
        if same is None:
            unknown.append(name)
        else:
            found |= {(name, number): some for number, some in zip(numbers, same, strict=True)}
    asked: dict[str, list[int]] = {}
    for (name, _), some in found.items():
        asked.setdefault(name, []).extend(some)
    fed = stream.first_fed(asked, steps, lambda done, total: tell("looking through batches", done, total))
    first = {
        (name, number): min((fed[name, index] for index in some if (name, index) in fed), default=None)
        for (name, number), some in found.items()
    }
    return dataclasses.replace(ledger, entries=[_with_steps(entry, first) for entry in ledger.entries]), unknown


def _named(ledger: Ledger) -> dict[str, list[int]]:
    """Returns the training examples that the ledger names, task by task."""
    named: dict[str, set[int]] = {}
    for entry in ledger.entries:
        for match in entry.matches:
            named.setdefault(match.task, set()).add(match.index)
    return {name: sorted(numbers) for name, numbers in sorted(named.items())}


def _tokens(task: Task, numbers: Sequence[int]) -> list[dict[str, np.ndarray]] | None:
    """Returns the token ids of training examples, as the steps before the cache leave them; None without a cache."""
    tokens = read_cached(task, "train")
    if tokens is None:
        return None
    table = tokens.table
    features = [name for name in task.output_features if name in table.column_names]
    part = table.select(features).take(numbers)
    ids = {name: part.column(name).to_pylist() for name in features}
    return [{name: np.array(ids[name][row], np.int32) for name in features} for row in range(len(numbers))]


def _with_steps(entry: Entry, first: Mapping[tuple[str, int], int | None]) -> Entry:
    matches = [dataclasses.replace(match, first_step=first.get((match.task, match.index))) for match in entry.matches]
    steps = [match.first_step for match in matches if match.first_step is not None]
    return dataclasses.replace(entry, matches=matches, first_step=min(steps, default=None))

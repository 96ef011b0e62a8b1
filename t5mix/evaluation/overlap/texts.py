"""The texts of a split, many at a time: inputs and targets, before any objective."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from t5mix.declarations.task import Task
from t5mix.evaluation.cached_split import read_cached
from t5mix.evaluation.examples import read_texts
from t5mix.evaluation.overlap.index import EvaluationExamples
from t5mix.evaluation.scoring.baselines import common_words

if TYPE_CHECKING:
    import pyarrow as pa

# Characters that are read together, and an example more: what is made of them takes about 70 bytes of each.
AT_ONCE = 1 << 20

Texts = tuple[list[str], list[str]]  # inputs and targets

FEATURES = ("inputs", "targets")


def evaluation_examples(task: Task, split: str) -> EvaluationExamples:
    """Reads the inputs and targets of a split, without the words that all inputs begin with."""
    inputs: list[str] = []
    targets: list[str] = []
    for some, wanted in read(task, split):
        inputs += some
        targets += wanted
    prefix = common_words(inputs)
    return EvaluationExamples(task.name, split, [text.removeprefix(prefix) for text in inputs], targets)


def prefix_of(task: Task, split: str) -> str:
    """Reads the inputs of a split, and returns the words that all of them begin with.

    Raises:
        ValueError: as `cached_split.read_split`.
    """
    ends: list[str] = []  # the least and the greatest text, which share the least
    for inputs, _ in _read(task, split, FEATURES[:1]):
        ends = [min(ends[:1] + inputs), max(ends[-1:] + inputs)]
    return common_words(ends)


def read(task: Task, split: str) -> Iterator[Texts]:
    """Yields inputs and targets of a split, in its own order, about `AT_ONCE` characters at a time.

    A task that leaves out a feature, as one for span corruption has no inputs, has empty texts there.

    Raises:
        ValueError: as `cached_split.read_split`.
    """
    return _read(task, split, FEATURES)


def _read(task: Task, split: str, features: tuple[str, ...]) -> Iterator[Texts]:
    """Yields what `read` does; the texts of other features may be empty."""
    tokens = read_cached(task, split)
    if tokens is None:
        yield from _parts(read_texts(task, split))
        return
    for batch in tokens.batches([column for name in features for column in (f"{name}_pretokenized", name)]):
        inputs, targets = (_texts(task, name, batch) for name in FEATURES)
        yield from _parts(zip(inputs, targets, strict=True))


def _parts(pairs: Iterable[tuple[str, str]]) -> Iterator[Texts]:
    """Divides examples into parts of about `AT_ONCE` characters."""
    inputs: list[str] = []
    targets: list[str] = []
    size = 0
    for one, other in pairs:
        inputs.append(one)
        targets.append(other)
        size += len(one) + len(other) + 1
        if size >= AT_ONCE:
            yield inputs, targets
            inputs, targets, size = [], [], 0
    if inputs:
        yield inputs, targets


def _texts(task: Task, feature: str, batch: "pa.RecordBatch") -> list[str]:
    for name in (f"{feature}_pretokenized", feature):
        if name not in batch.schema.names:
            continue
        values = batch.column(name).to_pylist()
        if name == feature:
            return [task.output_features[feature].vocabulary.decode(ids) for ids in values]
        return [value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in values]
    return [""] * batch.num_rows

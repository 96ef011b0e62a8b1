"""The texts of a split, many at a time: inputs and targets, before any objective."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from t5mix.declarations.task import Task
from t5mix.evaluation.cached_split import read_cached
from t5mix.evaluation.examples import read_texts
from t5mix.evaluation.overlap.index import EvaluationExamples
from t5mix.evaluation.scoring.baselines import common_words

if TYPE_CHECKING:
    import pyarrow as pa

# Examples that are read together, and those that tell the words which all begin with.
AT_ONCE = 1 << 14

Texts = tuple[list[str], list[str]]  # inputs and targets


def evaluation_examples(task: Task, split: str) -> EvaluationExamples:
    """Reads the inputs and targets of a split, without the words that all inputs begin with."""
    inputs: list[str] = []
    targets: list[str] = []
    for some, wanted in read(task, split):
        inputs += some
        targets += wanted
    prefix = common_words(inputs)
    return EvaluationExamples(task.name, split, [text.removeprefix(prefix) for text in inputs], targets)


def read(task: Task, split: str) -> Iterator[Texts]:
    """Yields inputs and targets of a split, in its own order, `AT_ONCE` examples at a time.

    A task that leaves out a feature, as one for span corruption has no inputs, has empty texts there.

    Raises:
        ValueError: as `cached_split.read_split`.
    """
    table = read_cached(task, split)
    if table is None:
        pairs: list[tuple[str, str]] = []
        for pair in read_texts(task, split):
            pairs.append(pair)
            if len(pairs) == AT_ONCE:
                yield _columns(pairs)
                pairs = []
        if pairs:
            yield _columns(pairs)
        return
    for start in range(0, table.num_rows, AT_ONCE):
        part = table.slice(start, AT_ONCE)
        yield _texts(task, "inputs", part), _texts(task, "targets", part)


def _columns(pairs: Sequence[tuple[str, str]]) -> Texts:
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def _texts(task: Task, feature: str, table: "pa.Table") -> list[str]:
    for name in (f"{feature}_pretokenized", feature):
        if name not in table.column_names:
            continue
        values = table.column(name).to_pylist()
        if name == feature:
            return [task.output_features[feature].vocabulary.decode(ids) for ids in values]
        return [value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in values]
    return [""] * table.num_rows

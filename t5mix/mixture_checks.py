"""Whether tasks can be mixed."""

from collections.abc import Iterable
from typing import NoReturn

from t5mix.features import Feature
from t5mix.task import Task


def refuse(mixture: str, what: str, mend: str) -> NoReturn:
    """Raises the ValueError of a mixture: its name, what is wrong and the mend."""
    raise ValueError(f"mixture {mixture!r} {what}; {mend}")


def same_features(mixture: str, tasks: Iterable[Task]) -> None:
    """Refuses tasks whose features differ in name, vocabulary, dtype or rank.

    Raises:
      ValueError: naming two tasks that differ.
    """
    first, *rest = tasks
    expected = first.output_features
    for task in rest:
        got = task.output_features
        if got.keys() != expected.keys():
            refuse(
                mixture,
                f"has tasks with different output_features: {first.name!r} {list(expected)}, {task.name!r} {list(got)}",
                "give every task the same; declare what some lack required=False",
            )
        for key, feature in got.items():
            _same_feature(mixture, key, (first, expected[key]), (task, feature))


def _same_feature(mixture: str, key: str, one: tuple[Task, Feature], other: tuple[Task, Feature]) -> None:
    if one[1] is other[1]:
        return
    for field, plural in (("vocabulary", "vocabularies"), ("dtype", "dtypes"), ("rank", "ranks")):
        first, second = getattr(one[1], field), getattr(other[1], field)
        if first is not second and first != second:
            refuse(
                mixture,
                f"feeds feature {key!r} with two {plural}: {first!r} of task {one[0].name!r} and "
                f"{second!r} of task {other[0].name!r}",
                "declare both tasks with the same",
            )

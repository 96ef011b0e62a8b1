"""A split as evaluation sees it: ids for the model, texts for people and baselines."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from t5mix.declarations.task import Task
from t5mix.evaluation.cached_split import read_split

Text = tuple[str, str]  # an input and its target


@dataclass(frozen=True)
class Example:
    """One example of a test set.

    Attributes:
        inputs: ids that the model reads, trimmed, EOS included.
        input_text: the input as written.
        target_text: the whole target as written, however short the targets' length is.
        is_truncated: whether trimming took something from the input.
        target_is_truncated: whether it took something from the target.
        fields: every field that preprocessing left, as NumPy arrays or bytes, for postprocessors.
    """

    inputs: tuple[int, ...]
    input_text: str
    target_text: str
    is_truncated: bool
    target_is_truncated: bool
    fields: Mapping[str, Any]


def read_examples(task: Task, split: str, lengths: Mapping[str, int], limit: int | None = None) -> list[Example]:
    """Reads a split in its own order.

    Args:
        task: the task.
        split: name of the split.
        lengths: greatest number of tokens of each feature.
        limit: examples to read at most; None is the whole split.

    Raises:
        ValueError: if the split is unknown or gives no example.
    """
    examples = [_example(task, fields, lengths) for fields in read_split(task, split, lengths, limit)]
    if not examples:
        raise ValueError(
            f"task {task.name!r}: split {split!r} gives no examples to evaluate; "
            "look at its preprocessors, which may filter them all out"
        )
    return examples


def read_texts(
    task: Task, split: str, limit: int | None = None, lengths: Mapping[str, int] | None = None
) -> Iterator[Text]:
    """Yields the input and the target of each example of a split as texts; lengths are for steps, none is trimmed."""
    for fields in read_split(task, split, lengths, limit, trim=False):
        yield text_of(task, "inputs", fields), text_of(task, "targets", fields)


def text_of(task: Task, feature: str, fields: Mapping[str, Any]) -> str:
    """Returns a feature's text: what was tokenized where that is kept, else the decoded ids."""
    if f"{feature}_pretokenized" in fields:
        return as_text(fields[f"{feature}_pretokenized"])
    if feature not in fields or feature not in task.output_features:
        return ""
    return task.output_features[feature].vocabulary.decode(fields[feature].tolist())


def as_text(value: Any) -> str:
    """Returns a string scalar of NumPy, bytes or str as str."""
    value = value.item() if hasattr(value, "item") else value
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def _example(task: Task, fields: Mapping[str, Any], lengths: Mapping[str, int]) -> Example:
    inputs = tuple(fields["inputs"].tolist()) if "inputs" in fields else ()
    return Example(
        inputs=inputs,
        input_text=text_of(task, "inputs", fields),
        target_text=text_of(task, "targets", fields),
        is_truncated=_is_truncated(task, "inputs", fields, lengths),
        target_is_truncated=_is_truncated(task, "targets", fields, lengths),
        fields=fields,
    )


def _is_truncated(task: Task, name: str, fields: Mapping[str, Any], lengths: Mapping[str, int]) -> bool:
    limit, feature = lengths.get(name), task.output_features.get(name)
    # Only what fills its length can have lost something, so few are tokenized again.
    if limit is None or feature is None or name not in fields or getattr(fields[name], "size", 0) < limit:
        return False
    if f"{name}_pretokenized" in fields:
        return len(feature.vocabulary.encode(text_of(task, name, fields))) + feature.add_eos > limit
    return feature.add_eos and int(fields[name].reshape(-1)[-1]) != feature.vocabulary.eos_id

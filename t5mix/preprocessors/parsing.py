"""Steps that rename, parse or show the features of an example, whatever it is about."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from t5mix.internal.lazy import tensorflow as tf
from t5mix.preprocessors.mapping import map_over_dataset, one_of_each

Example = Mapping[str, Any]


@map_over_dataset
def rekey(example: Example, key_map: Mapping[str, str | None] | None = None) -> Example:
    """Renames features by a map from new to old names; a new name without an old one gets "".

    Before, with key_map `{"inputs": None, "targets": "text"}`: `{"text": "It rains"}`; after:
    `{"inputs": "", "targets": "It rains"}`.

    Raises:
        ValueError: when the example has no feature of an old name.
    """
    if not key_map:
        return example
    for old in key_map.values():
        if old and old not in example:
            raise ValueError(f"rekey: no feature {old!r}; the example has {', '.join(example)}")
    return {new: example[old] if old else "" for new, old in key_map.items()}


@map_over_dataset
def print_dataset(example: Example, summarize: int = 3) -> Example:
    """Prints the features of every example to the standard error stream; changes nothing.

    Before and after: `{"targets": "It rains"}`.
    """
    for key, value in example.items():
        tf.print(f"{key}:", value, summarize=summarize)
    return example


@one_of_each
def parse_tsv(
    dataset: "tf.data.Dataset",
    field_names: Sequence[str] | None = None,
    field_delim: str = "\t",
    field_columns: Sequence[int] | None = None,
) -> "tf.data.Dataset":
    r"""Splits lines into fields by name; quotes mean nothing.

    Before: `"It rains\tEs regnet"`; after: `{"inputs": "It rains", "targets": "Es regnet"}`.

    Args:
        dataset: string scalars, one a line.
        field_names: names of the fields; None is "inputs" and "targets".
        field_delim: what divides them.
        field_columns: which column each is, from 0; None takes them in order, and a line must then
            have just as many.

    Raises:
        ValueError: when there is not one column from 0 for each name.
        tf.errors.InvalidArgumentError: while reading, at a line with too few or too many fields.
    """
    labels = list(field_names or ("inputs", "targets"))
    columns = list(field_columns or range(len(labels)))
    if len(columns) != len(labels) or min(columns) < 0:
        raise ValueError(
            f"parse_tsv: field_columns is {columns} for the fields {', '.join(labels)}; give each its column, from 0"
        )

    def parse(line: Any) -> dict[str, Any]:
        fields = tf.strings.split(line, field_delim)
        count = tf.size(fields)
        fits = count > max(columns) if field_columns else count == len(labels)
        fits &= line != ""  # which has no field, as in T5
        wrong = tf.debugging.Assert(fits, [f"parse_tsv: not {len(labels)} fields in:", line])
        with tf.control_dependencies([wrong]):
            fields = tf.identity(fields)
        return {name: fields[column] for name, column in zip(labels, columns, strict=True)}

    return map_over_dataset(parse)(dataset)


@one_of_each
def preprocess_tsv(
    dataset: "tf.data.Dataset",
    field_delim: str = "\t",
    num_fields: int = 2,
    inputs_format: str = "{0}",
    targets_format: str = "{1}",
    field_names: Sequence[str] | None = None,
    use_quote_delim: bool = False,
) -> "tf.data.Dataset":
    r"""Makes inputs and targets of lines of fields, by formats that name them.

    Before, with num_fields 3, inputs_format "numerator: {2} denominator: {1}" and targets_format "quotient: {0}":
    `"2\t3\t6"`; after: `{"inputs": "numerator: 6 denominator: 3", "targets": "quotient: 2"}`.

    Args:
        dataset: string scalars, one a line.
        field_delim: what divides the fields.
        num_fields: how many fields a line has.
        inputs_format: text with fields in braces, by number, or by name when field_names is given.
        targets_format: likewise.
        field_names: names of the fields; the first names the first.
        use_quote_delim: whether double quotes hold fields together, as in CSV.
    """
    labels = list(field_names) if field_names else [str(i) for i in range(num_fields)]

    def parse(line: Any) -> dict[str, Any]:
        fields = tf.io.decode_csv(
            line, record_defaults=[""] * len(labels), field_delim=field_delim,
            use_quote_delim=use_quote_delim,
        )  # fmt: skip
        example = dict(zip(labels, fields, strict=True))
        return {
            "inputs": fill(inputs_format, example),
            "targets": fill(targets_format, example),
        }

    return map_over_dataset(parse)(dataset)


@map_over_dataset
def preprocess_tensorflow_examples(example: Example, inputs_format: str, targets_format: str) -> dict[str, Any]:
    """Makes inputs and targets of features, by formats that name them.

    Before, with inputs_format "title: {title}" and targets_format "{year}": `{"title": "Rain", "year": "1921"}`;
    after: `{"inputs": "title: Rain", "targets": "1921"}`.

    Args:
        example: an example.
        inputs_format: text with names of features in braces.
        targets_format: likewise.

    Raises:
        ValueError: when a format names no feature.
        TypeError: when it names one that is no text.
    """
    return {"inputs": fill(inputs_format, example), "targets": fill(targets_format, example)}


def fill(template: str, example: Example) -> Any:
    """Returns `template`, a string scalar, with each {name} replaced by the feature of that name.

    Raises:
        ValueError: when the example has no such feature.
        TypeError: when it is no text.
    """
    parts: list[Any] = []
    for index, part in enumerate(re.split(r"\{([^{}]+)\}", template)):
        if index % 2 and part not in example:
            raise ValueError(f"the format {template!r} names {part!r}; the example has {', '.join(example)}")
        if index % 2 and tf.convert_to_tensor(example[part]).dtype != tf.string:
            raise TypeError(f"the format {template!r} names {part!r}, which is no text; make it text before")
        parts.append(example[part] if index % 2 else part)
    return tf.strings.join(parts)

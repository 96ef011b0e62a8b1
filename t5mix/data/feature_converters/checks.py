"""Whether examples have the features, dtypes, axes and lengths that a converter takes or makes."""

from collections.abc import Iterable, Mapping
from typing import Any

from t5mix.internal.lazy import tensorflow as tf


def check_exact_match(
    expected_features: Iterable[str],
    actual_features: Iterable[str],
    expected_feature_source: str,
    actual_feature_source: str,
) -> None:
    """Refuses names that are not the same.

    Raises:
        ValueError: naming those that are too many or missing.
    """
    expected, actual = list(expected_features), list(actual_features)
    extra = sorted(name for name in actual if name not in expected)
    if extra:
        raise ValueError(
            f"The {actual_feature_source} contains extra features not specified in the {expected_feature_source}: "
            f"{_braced(extra)}; leave them out"
        )
    missing = sorted(name for name in expected if name not in actual)
    if missing:
        raise ValueError(
            f"The {actual_feature_source} is missing features specified in the {expected_feature_source}: "
            f"{_braced(missing)}; give them"
        )


def _braced(names: list[str]) -> str:
    return "{" + ", ".join(map(repr, names)) + "}"


def check_specs(spec: Mapping[str, Any], expected: Mapping[str, Any], error_label: str) -> None:
    """Refuses a dataset by its element spec.

    Args:
        spec: the dataset's `element_spec`.
        expected: for each feature its `FeatureSpec`.
        error_label: which examples these are: `input_validation` or `output_validation`.

    Raises:
        ValueError: naming the feature that is missing, or has another dtype or number of axes.
    """
    for name, feature in expected.items():
        if name not in spec:
            raise ValueError(
                f"Dataset is missing an expected feature during {error_label} validation: '{name}'. "
                f"It has {', '.join(spec)}; expected are {', '.join(expected)}"
            )
        dtype, rank = tf.as_dtype(feature.dtype), spec[name].shape.rank
        if spec[name].dtype != dtype:
            raise ValueError(
                f"Dataset has incorrect type for feature '{name}' during {error_label} validation: "
                f"Got {spec[name].dtype.name}, expected {dtype.name}"
            )
        if rank != feature.rank:
            raise ValueError(
                f"Dataset has incorrect rank for feature '{name}' during {error_label} validation: "
                f"Got {rank}, expected {feature.rank}"
            )


def check_lengths(
    ds: "tf.data.Dataset",
    expected_lengths: Mapping[str, Any],
    sequence_axis_mapping: Mapping[str, int],
    strict: bool,
    error_label: str,
) -> "tf.data.Dataset":
    """Returns the dataset with checks, which run with each example.

    Args:
        ds: examples.
        expected_lengths: for each feature its length.
        sequence_axis_mapping: for each of them the axis that has this length.
        strict: whether to refuse shorter features too, not only longer ones.
        error_label: which examples these are.
    """

    def check(name: str, value: Any) -> Any:
        if name not in expected_lengths:
            return value
        limit = tf.constant(expected_lengths[name], tf.int64)
        length = _length(value, sequence_axis_mapping[name], strict)
        relation = "equal" if strict else "less than or equal"
        message = (
            f"Feature '{name}' has length not {relation} to the expected length of {expected_lengths[name]} "
            f"during {error_label} validation"
        )
        assertion = tf.debugging.assert_equal if strict else tf.debugging.assert_less_equal
        first = []
        if strict and isinstance(value, tf.RaggedTensor):
            ragged = f"Strict length check requires all RaggedTensor dimensions to be equal, got others in '{name}'"
            first = [tf.debugging.assert_equal(length, tf.reduce_max(length), message=ragged)]
        with tf.control_dependencies(first):  # so that this is what is said of a value that fails both
            last = assertion(tf.identity(length), limit, message=message)
        with tf.control_dependencies([*first, last]):
            return tf.nest.map_structure(tf.identity, value, expand_composites=True)

    def one(example: Mapping[str, Any]) -> dict[str, Any]:
        return {name: check(name, value) for name, value in example.items()}

    return ds.map(one, num_parallel_calls=tf.data.AUTOTUNE)


def _length(value: Any, axis: int, strict: bool) -> Any:
    """Returns the length of an axis; of a ragged one that of each row, or the greatest."""
    if not isinstance(value, tf.RaggedTensor):
        return tf.shape(value, out_type=tf.int64)[axis]
    if strict and axis:
        return tf.reshape(tf.cast(value.row_lengths(axis), tf.int64), [-1])
    return value.bounding_shape(axis=axis, out_type=tf.int64)

"""Datasets and dicts compared, and a dataset of examples written down."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from t5mix.internal.lazy import tensorflow as tf

Example = Mapping[str, Any]


def assert_dataset(
    dataset: "tf.data.Dataset",
    expected: Example | Sequence[Example],
    expected_dtypes: "Mapping[str, tf.DType] | None" = None,
    rtol: float = 1e-7,
    atol: float = 0,
) -> None:
    """Asserts that a dataset has these examples, in this order, and no others.

    Args:
        dataset: examples as dicts.
        expected: the examples, or the one; str stands for bytes of UTF-8.
        expected_dtypes: of some features, or all.
        rtol: relative tolerance of floats.
        atol: absolute tolerance of floats.

    Raises:
        AssertionError: naming the example and the feature.
    """
    examples = [expected] if isinstance(expected, Mapping) else list(expected)
    found = list(dataset.as_numpy_iterator())
    if len(found) != len(examples):
        raise AssertionError(f"the dataset has {len(found)} examples, expected are {len(examples)}")
    for number, (one, other) in enumerate(zip(found, examples, strict=True)):
        _assert_same(f"example {number}", one, other, rtol, atol)
    for name, dtype in (expected_dtypes or {}).items():
        is_of = dataset.element_spec[name].dtype
        if is_of != dtype:
            raise AssertionError(f"feature {name!r} is {is_of.name}, expected is {tf.as_dtype(dtype).name}")


def assert_datasets_eq(dataset1: "tf.data.Dataset", dataset2: "tf.data.Dataset") -> None:
    """Asserts that two datasets have the same examples in the same order; floats must be equal to the last bit.

    Raises:
        AssertionError: naming the example and the feature.
    """
    assert_dataset(dataset1, list(dataset2.as_numpy_iterator()), rtol=0)


def assert_datasets_neq(dataset1: "tf.data.Dataset", dataset2: "tf.data.Dataset") -> None:
    """Asserts that two datasets are not the same, or not in the same order.

    Raises:
        AssertionError: when they are.
    """
    try:
        assert_datasets_eq(dataset1, dataset2)
    except AssertionError:
        return
    raise AssertionError("the datasets have the same examples in the same order")


def _assert_same(where: str, found: Any, expected: Any, rtol: float, atol: float) -> None:
    if isinstance(found, Mapping):
        if not isinstance(expected, Mapping) or set(found) != set(expected):
            names = sorted(expected) if isinstance(expected, Mapping) else expected
            raise AssertionError(f"{where} has {sorted(found)}, expected is {names}")
        for name, value in found.items():
            _assert_same(f"{where}, {name!r}", value, expected[name], rtol, atol)
        return
    found, expected = _plain(found), _plain(expected)
    if isinstance(found, list) or isinstance(expected, list):
        if not isinstance(found, list) or not isinstance(expected, list) or len(found) != len(expected):
            raise AssertionError(f"{where} is {found!r}, expected is {expected!r}")
        for index, (one, other) in enumerate(zip(found, expected, strict=True)):
            _assert_same(f"{where}[{index}]", one, other, rtol, atol)
    elif isinstance(found, float) and isinstance(expected, float | int):
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol, err_msg=where)
    elif found != expected:
        raise AssertionError(f"{where} is {found!r}, expected is {expected!r}")


def _plain(value: Any) -> Any:
    """Returns arrays and ragged tensors as nested lists, tensors' scalars as Python's, str as bytes."""
    if hasattr(value, "to_list"):
        value = value.to_list()
    elif hasattr(value, "numpy"):
        value = value.numpy()
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, tuple):
        value = list(value)
    return value.encode("utf-8") if isinstance(value, str) else value


def create_default_dataset(
    x: Sequence[Example],
    feature_names: Sequence[str] = ("inputs", "targets"),
    output_types: "Mapping[str, tf.DType] | None" = None,
    output_shapes: Mapping[str, Any] | None = None,
) -> "tf.data.Dataset":
    """Returns a dataset of examples written down.

    Args:
        x: the examples.
        feature_names: what each has.
        output_types: dtypes by name; None is int32 for all.
        output_shapes: shapes by name; None is `[None]` for all.
    """
    types = output_types or dict.fromkeys(feature_names, tf.int32)
    shapes = output_shapes or {name: [None] for name in feature_names}
    signature = {name: tf.TensorSpec(shapes[name], types[name]) for name in types}
    return tf.data.Dataset.from_generator(lambda: iter(x), output_signature=signature)


def assert_dict_values_equal(a: Any, b: Any) -> None:
    """Asserts that two dicts have the same keys and equal arrays, at any depth.

    Raises:
        AssertionError: when they have not.
    """
    tf.nest.map_structure(np.testing.assert_equal, a, b)


def assert_dict_contains(expected: Mapping[str, Any], actual: Mapping[str, Any]) -> None:
    """Asserts that a dict has what another has, and perhaps more.

    Raises:
        AssertionError: naming what is missing or another.
    """
    for name, value in expected.items():
        if name not in actual:
            raise AssertionError(f"{name!r} is missing among {sorted(actual)}")
        np.testing.assert_equal(actual[name], value, err_msg=name)


def dataset_as_text(ds: "tf.data.Dataset") -> Iterator[dict[str, Any]]:
    """Yields the examples of a dataset, with bytes as text."""
    for example in ds.as_numpy_iterator():
        yield {name: value.decode("utf-8") if isinstance(value, bytes) else value for name, value in example.items()}

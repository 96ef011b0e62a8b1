"""Steps that make tokens of text and end them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from t5mix.features import Feature
from t5mix.lazy import lazy_import
from t5mix.mapping import each_example, map_over_dataset

if TYPE_CHECKING:
    import tensorflow as tf
else:
    tf = lazy_import("tensorflow")

Features = Mapping[str, Feature]
Example = Mapping[str, Any]


@each_example
def tokenize(
    dataset: "tf.data.Dataset",
    output_features: Features,
    copy_pretokenized: bool = True,
    with_eos: bool = False,
) -> "tf.data.Dataset":
    """Encodes every output feature with its vocabulary; other features stay as they are.

    Before: `{"inputs": "It rains", "idx": 3}`; after: `{"inputs": [94, 3412],
    "inputs_pretokenized": "It rains", "idx": 3}`.

    Args:
      dataset: examples whose output features are text: scalars, or vectors of texts, which become
        ragged ids.
      output_features: the task's, given by the task.
      copy_pretokenized: whether to keep the text as `<feature>_pretokenized`.
      with_eos: whether to end every sequence of a feature with add_eos by EOS; of a vector of
        texts, the last.
    """
    return map_over_dataset(tokenize_impl)(dataset, output_features, copy_pretokenized, with_eos)


def tokenize_impl(
    features: Example, output_features: Features, copy_pretokenized: bool = True, with_eos: bool = False
) -> dict[str, Any]:
    """Returns one example tokenized; see `tokenize`."""
    result: dict[str, Any] = {}
    for key, value in features.items():
        if key not in output_features:
            result[key] = value
            continue
        if copy_pretokenized:
            result[f"{key}_pretokenized"] = value
        feature = output_features[key]
        ids = feature.vocabulary.encode_tf(value)
        if with_eos and feature.add_eos:
            ids = _end_last(ids, eos_id(key, feature))
        result[key] = ids
    return result


@each_example
def tokenize_and_append_eos(
    dataset: "tf.data.Dataset",
    output_features: Features,
    copy_pretokenized: bool = True,
) -> "tf.data.Dataset":
    """Encodes every output feature and ends it with EOS: `tokenize` with `with_eos`.

    Before: `{"inputs": "It rains"}`; after: `{"inputs": [94, 3412, 1], "inputs_pretokenized": "It
    rains"}`.
    """
    return tokenize(dataset, output_features, copy_pretokenized, with_eos=True)


@each_example
def append_eos(dataset: "tf.data.Dataset", output_features: Features) -> "tf.data.Dataset":
    """Ends every sequence of a feature with add_eos by EOS, without trimming.

    Before: `{"targets": [7, 8]}`; after: `{"targets": [7, 8, 1]}`.
    """
    return append_eos_after_trim(dataset, output_features, None)


@each_example
def append_eos_after_trim(
    dataset: "tf.data.Dataset",
    output_features: Features,
    sequence_length: Mapping[str, int] | None = None,
) -> "tf.data.Dataset":
    """Trims every sequence of a feature with add_eos so that it fits with EOS, and ends it.

    Before, with sequence_length `{"targets": 3}`: `{"targets": [7, 8, 9]}`; after:
    `{"targets": [7, 8, 1]}`.

    Args:
      dataset: examples of tokens, of any rank; the innermost axis is ended.
      output_features: the task's, given by the task.
      sequence_length: the greatest lengths with EOS; None trims nothing.

    Raises:
      ValueError: when a length leaves no room for EOS.
    """
    return map_over_dataset(append_eos_after_trim_impl)(dataset, output_features, sequence_length)


def append_eos_after_trim_impl(
    features: Example, output_features: Features, sequence_length: Mapping[str, int] | None = None
) -> dict[str, Any]:
    """Returns one example trimmed and ended; see `append_eos_after_trim`."""
    lengths, result = sequence_length or {}, dict(features)
    for key, feature in output_features.items():
        if key in result and feature.add_eos:
            value, limit = result[key], lengths.get(key)
            if limit is not None:
                if limit < 1:
                    raise ValueError(f"append_eos_after_trim: sequence_length[{key!r}] is {limit}; give 1 or more")
                value = value[..., : limit - 1]
            result[key] = append_to_innermost_axis(value, eos_id(key, feature))
    return result


def eos_id(key: str, feature: Feature) -> int:
    """Returns the id that ends a feature.

    Raises:
      ValueError: when its vocabulary has none.
    """
    number = feature.vocabulary.eos_id
    if number is None:
        raise ValueError(
            f"feature {key!r} has add_eos, but {feature.vocabulary!r} has no EOS; declare it "
            "add_eos=False, or train the vocabulary with one"
        )
    return number


def append_to_innermost_axis(tokens: Any, eos: int) -> Any:
    """Puts `eos` behind each row of the innermost axis.

    Before, with 1: `[[7, 8], [9]]`; after: `[[7, 8, 1], [9, 1]]`.
    """
    if isinstance(tokens, tf.RaggedTensor):
        if tokens.shape.rank > 2:
            return tokens.with_values(append_to_innermost_axis(tokens.values, eos))
        ends = tf.fill([tokens.nrows(), 1], tf.cast(eos, tokens.dtype))
        return tf.concat([tokens, ends], axis=1)
    rank = tokens.shape.rank
    return tf.pad(tokens, [[0, 0]] * (rank - 1) + [[0, 1]], constant_values=eos)


def _end_last(tokens: Any, eos: int) -> Any:
    """Puts `eos` behind a vector, or behind the last row of each innermost list of rows."""
    if not isinstance(tokens, tf.RaggedTensor):
        return tf.concat([tokens, tf.constant([eos], tokens.dtype)], axis=0)
    if tokens.ragged_rank > 2:
        return tokens.with_values(_end_last(tokens.values, eos))
    if tokens.ragged_rank == 2:
        return tokens.with_values(_end_rows(tokens.values, tokens.row_splits, eos))
    return _end_rows(tokens, tf.stack([0, tokens.nrows()]), eos)


def _end_rows(rows: Any, splits: Any, eos: int) -> Any:
    """Puts `eos` behind the last row of each list of rows, of which `splits` says where they begin and end."""
    last = tf.boolean_mask(splits[1:] - 1, splits[1:] > splits[:-1])
    counts = tf.scatter_nd(last[:, tf.newaxis], tf.ones_like(last), rows.nrows()[tf.newaxis])
    ends = tf.RaggedTensor.from_row_lengths(tf.fill([tf.size(last)], tf.cast(eos, rows.dtype)), counts)
    return tf.concat([rows, ends], axis=1)

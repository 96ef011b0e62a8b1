"""Steps that make tokens of text and end them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from t5mix.features import Feature
from t5mix.lazy import lazy_import
from t5mix.mapping import map_over_dataset

if TYPE_CHECKING:
    import tensorflow as tf
else:
    tf = lazy_import("tensorflow")

Features = Mapping[str, Feature]
Example = Mapping[str, Any]


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

    def encode(example: Example) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, value in example.items():
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

    return map_over_dataset(encode)(dataset)


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


def append_eos(dataset: "tf.data.Dataset", output_features: Features) -> "tf.data.Dataset":
    """Ends every sequence of a feature with add_eos by EOS, without trimming.

    Before: `{"targets": [7, 8]}`; after: `{"targets": [7, 8, 1]}`.
    """
    return append_eos_after_trim(dataset, output_features, None)


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
    """
    lengths = sequence_length or {}

    def end(example: Example) -> dict[str, Any]:
        result = dict(example)
        for key, feature in output_features.items():
            if key in result and feature.add_eos:
                value, limit = result[key], lengths.get(key)
                if limit is not None:
                    value = value[..., : limit - 1]
                result[key] = _end_each(value, eos_id(key, feature))
        return result

    return map_over_dataset(end)(dataset)


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


def _end_each(tokens: Any, eos: int) -> Any:
    """Puts `eos` behind the innermost axis."""
    if isinstance(tokens, tf.RaggedTensor):
        if tokens.ragged_rank > 1:
            return tokens.with_values(_end_each(tokens.values, eos))
        ends = tf.fill([tokens.nrows(), 1], tf.cast(eos, tokens.dtype))
        return tf.concat([tokens, ends], axis=1)
    rank = tokens.shape.rank
    return tf.pad(tokens, [[0, 0]] * (rank - 1) + [[0, 1]], constant_values=eos)


def _end_last(tokens: Any, eos: int) -> Any:
    """Puts `eos` behind the last row of a ragged matrix, or behind a vector."""
    end = tf.constant([eos], tokens.dtype)
    if not isinstance(tokens, tf.RaggedTensor):
        return tf.concat([tokens, end], axis=0)
    values = tf.concat([tokens.values, end], axis=0)
    splits = tokens.row_splits
    return tf.RaggedTensor.from_row_splits(values, tf.concat([splits[:-1], splits[-1:] + 1], axis=0))

"""Steps on tokens: making them of text, ending, trimming and padding them, and putting sentinels around them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from t5mix.internal.lazy import tensorflow as tf
from t5mix.preprocessors import input_checks, trim_and_pack
from t5mix.preprocessors.mapping import map_over_dataset, one_of_each
from t5mix.vocabularies.features import Feature
from t5mix.vocabularies.sentinels import first_sentinel

Features = Mapping[str, Feature]
Example = Mapping[str, Any]


@one_of_each
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


@one_of_each
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


@one_of_each
def append_eos(dataset: "tf.data.Dataset", output_features: Features) -> "tf.data.Dataset":
    """Ends every sequence of a feature with add_eos by EOS, without trimming.

    Before: `{"targets": [7, 8]}`; after: `{"targets": [7, 8, 1]}`.
    """
    return append_eos_after_trim(dataset, output_features, None)


@one_of_each
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


@map_over_dataset
def truncate_inputs_left(example: Example, sequence_length: Mapping[str, int] | None) -> Example:
    """Keeps the last tokens of the inputs, as many as their length; without one it changes nothing.

    Before, with sequence_length `{"inputs": 2}`: `{"inputs": [7, 8, 9]}`; after: `{"inputs": [8, 9]}`.

    Put it behind `append_eos`, and EOS stays.

    Raises:
        ValueError: when the length is less than 1.
    """
    if not sequence_length or "inputs" not in sequence_length:
        return example
    input_checks.require("truncate_inputs_left", example, "inputs")
    length = input_checks.length_of("truncate_inputs_left", sequence_length, "inputs")
    return {**example, "inputs": example["inputs"][-length:]}


@map_over_dataset
def trim_tokens_at_front(
    x: Example,
    sequence_length: Mapping[str, int],
    keys_to_trim: Sequence[str] | None = None,
    **unused_kwargs: Any,
) -> Example:
    """Keeps the last tokens of features, leaving room for EOS.

    Before, with sequence_length `{"inputs": 3}`: `{"inputs": [7, 8, 9]}`; after: `{"inputs": [8, 9]}`.

    Args:
        x: an example of tokens, [length].
        sequence_length: the greatest lengths with EOS.
        keys_to_trim: features to trim; None trims all that have a length.
        **unused_kwargs: `output_features`, which is not used.

    Raises:
        ValueError: when a feature named has no length, or one of less than 1.
    """
    input_checks.only_of_a_run("trim_tokens_at_front", unused_kwargs)
    result = dict(x)
    for key in keys_to_trim or sequence_length:
        if key in x:
            room = input_checks.length_of("trim_tokens_at_front", sequence_length, key) - 1
            result[key] = x[key][tf.maximum(tf.shape(x[key])[0] - room, 0) :]
    return result


def trim_and_pad_dataset(dataset: "tf.data.Dataset", sequence_length: Mapping[str, int]) -> "tf.data.Dataset":
    """Trims features, and pads them with 0, to their lengths; others stay as they are.

    Before, with sequence_length `{"targets": 4}`: `{"targets": [7, 8]}`; after: `{"targets": [7, 8, 0, 0]}`.
    """
    return trim_and_pack.trim_and_pad_dataset(dataset, sequence_length)


def apply_feature_converter(
    dataset: "tf.data.Dataset", sequence_length: Mapping[str, int], feature_converter: Callable[..., Any]
) -> "tf.data.Dataset":
    """Makes examples what a model reads, in a task instead of in its run.

    Before, with `EncDecFeatureConverter(pack=False)`: `{"inputs": [7, 1], "targets": [8, 1]}`; after:
    `{"encoder_input_tokens": [7, 1], "decoder_target_tokens": [8, 1], "decoder_input_tokens": [0, 8],
    "decoder_loss_weights": [1, 1]}`.

    Args:
        dataset: examples of tokens.
        sequence_length: the lengths of features.
        feature_converter: what converts them, such as a `t5mix.EncDecFeatureConverter`.
    """
    return feature_converter(dataset, sequence_length)


def add_sentinels(dataset: "tf.data.Dataset", output_features: Features, num_sentinels: int = 1) -> "tf.data.Dataset":
    """Puts sentinels behind the inputs and before the targets.

    Before, with a vocabulary of 32,100 ids: `{"inputs": [94, 3412], "targets": [7]}`; after: `{"inputs": [94, 3412,
    32099], "targets": [32099, 7]}`.

    Args:
        dataset: examples of tokens, `inputs` and `targets`, int [length].
        output_features: the task's, given by the task.
        num_sentinels: how many; they are the vocabulary's last ids, downward.
    """

    def ids(key: str, tokens: Any) -> Any:
        last = first_sentinel(output_features[key].vocabulary)
        return tf.range(last, last - num_sentinels, -1, dtype=tokens.dtype)

    def add(example: Example) -> dict[str, Any]:
        inputs, targets = example["inputs"], example["targets"]
        inputs = tf.concat([inputs, ids("inputs", inputs)], axis=0)
        return {**example, "inputs": inputs, "targets": tf.concat([ids("targets", targets), targets], axis=0)}

    return map_over_dataset(add)(dataset)


def append_eos_after_trim_and_preserve(
    dataset: "tf.data.Dataset",
    output_features: Features,
    sequence_length: Mapping[str, int] | None = None,
    preserve_final_n_tokens_when_trimming: int = 1,
) -> "tf.data.Dataset":
    """Trims every sequence of a feature with add_eos in front of its last tokens, and ends it.

    Before, with sequence_length `{"inputs": 4}`: `{"inputs": [7, 8, 9, 32099]}`; after: `{"inputs": [7, 8, 32099, 1]}`.

    Args:
        dataset: examples of tokens, int [length].
        output_features: the task's, given by the task.
        sequence_length: the greatest lengths with EOS; None trims nothing.
        preserve_final_n_tokens_when_trimming: how many last tokens stay.
    """
    lengths = sequence_length or {}

    def end(example: Example) -> dict[str, Any]:
        result = dict(example)
        for key, feature in output_features.items():
            if key in result and feature.add_eos:
                tokens = result[key]
                size = tf.size(tokens)
                room = size if lengths.get(key) is None else tf.minimum(size, lengths[key] - 1)
                last = tf.minimum(preserve_final_n_tokens_when_trimming, room)
                eos = tf.constant([eos_id(key, feature)], tokens.dtype)
                result[key] = tf.concat([tokens[: room - last], tokens[size - last :], eos], axis=0)
        return result

    return map_over_dataset(end)(dataset)

"""Joining texts of tokens and cutting them into segments that fit."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from t5mix.feature_converters import packing
from t5mix.features import Feature
from t5mix.lazy import lazy_import
from t5mix.mapping import draws_seeds, map_over_dataset
from t5mix.preprocessors import arguments
from t5mix.preprocessors.chunks import size_of_all
from t5mix.preprocessors.text import log_uniform

if TYPE_CHECKING:
    import tensorflow as tf
else:
    tf = lazy_import("tensorflow")

Example = Mapping[str, Any]
Features = Mapping[str, Feature]


def reduce_concat_tokens(
    dataset: "tf.data.Dataset", feature_key: str = "targets", batch_size: int = 128, **unused_kwargs: Any
) -> "tf.data.Dataset":
    """Joins the tokens of every `batch_size` texts into one; other features are not kept.

    Before, with batch_size 2: `{"targets": [3, 4]}`, `{"targets": [5]}`, `{"targets": [6]}`; after:
    `{"targets": [3, 4, 5]}`, `{"targets": [6]}`.

    Zeros at the end of a text are padding and are left out; a zero inside is kept, which T5 leaves out too.

    Args:
      dataset: examples of tokens, int [length].
      feature_key: the tokens.
      batch_size: how many texts make one.
      **unused_kwargs: `sequence_length` and `output_features`, which are not used.
    """
    arguments.only_of_a_run("reduce_concat_tokens", unused_kwargs)

    def tokens(example: Example) -> Any:
        arguments.require("reduce_concat_tokens", example, feature_key)
        return packing.strip_padding(example[feature_key])

    texts = map_over_dataset(tokens)(dataset).ragged_batch(batch_size)
    return map_over_dataset(lambda batch: {feature_key: batch.values})(texts)


@draws_seeds(1)
def split_tokens(
    dataset: "tf.data.Dataset",
    min_tokens_per_segment: int | None = None,
    max_tokens_per_segment: int | None = None,
    feature_key: str = "targets",
    additional_feature_keys: Sequence[str] | None = None,
    passthrough_feature_keys: Sequence[str] | None = None,
    **unused_kwargs: Any,
) -> "tf.data.Dataset":
    """Cuts each text into segments of equally many tokens; the last may be shorter.

    Before, with max_tokens_per_segment 2: `{"targets": [3, 4, 5]}`; after: `{"targets": [3, 4]}`, `{"targets": [5]}`.

    An example without tokens makes none.  Features that are not named are not kept.

    Args:
      dataset: examples of tokens, [length, ...].
      min_tokens_per_segment: draw the number of tokens for each text, its logarithm uniform from this number to the
        greatest; None always takes the greatest.
      max_tokens_per_segment: the greatest number of tokens, which must be given.
      feature_key: the feature to cut.
      additional_feature_keys: features of the same length, which are cut likewise.
      passthrough_feature_keys: features that each segment keeps whole.
      **unused_kwargs: `sequence_length` and `output_features`, which are not used.

    Raises:
      ValueError: when numbers of tokens are missing or out of order, or a feature is missing or named twice.
      tf.errors.InvalidArgumentError: while reading, when an additional feature has another length.
    """
    arguments.only_of_a_run("split_tokens", unused_kwargs)
    least, most = min_tokens_per_segment, max_tokens_per_segment
    if most is None or not 1 <= (1 if least is None else least) <= most:
        raise ValueError(
            f"split_tokens: min_tokens_per_segment is {least} and max_tokens_per_segment {most}; give the second, and "
            "whole numbers from 1 with the first no greater"
        )
    cut, kept = (feature_key, *(additional_feature_keys or ())), tuple(passthrough_feature_keys or ())
    arguments.disjoint("split_tokens", cut, kept)

    def segments(example: Example, seed: Any) -> "tf.data.Dataset":
        arguments.require("split_tokens", example, *cut, *kept)
        length = tf.constant(most) if least is None else log_uniform(least, most, seed)
        count = size_of_all("split_tokens", example, cut)

        def segment(number: Any) -> dict[str, Any]:
            start = tf.cast(number, tf.int32) * length
            parts = {key: example[key][start : start + length] for key in cut}
            return {**parts, **{key: example[key] for key in kept}}

        numbers = tf.data.Dataset.range(tf.cast((count + length - 1) // length, tf.int64))
        return numbers.map(segment)

    return map_over_dataset(segments, num_seeds=1)(dataset).flat_map(lambda made: made)


@draws_seeds(1)
def split_tokens_to_inputs_length(
    dataset: "tf.data.Dataset", sequence_length: Mapping[str, int], output_features: Features, **kwargs: Any
) -> "tf.data.Dataset":
    """Cuts each text into segments that fit the inputs with EOS: `split_tokens`, whose further arguments it takes.

    Before, with sequence_length `{"inputs": 3}`: `{"targets": [3, 4, 5]}`; after: `{"targets": [3, 4]}`,
    `{"targets": [5]}`.
    """
    room = arguments.room_of("split_tokens_to_inputs_length", sequence_length, output_features, "inputs")
    return split_tokens(dataset, max_tokens_per_segment=room, **kwargs)


@draws_seeds(1)
def split_tokens_to_targets_length(
    dataset: "tf.data.Dataset", sequence_length: Mapping[str, int], output_features: Features, **kwargs: Any
) -> "tf.data.Dataset":
    """Cuts each text into segments that fit the targets with EOS: `split_tokens`, whose further arguments it takes.

    Before, with sequence_length `{"targets": 3}`: `{"targets": [3, 4, 5]}`; after: `{"targets": [3, 4]}`,
    `{"targets": [5]}`.
    """
    room = arguments.room_of("split_tokens_to_targets_length", sequence_length, output_features, "targets")
    return split_tokens(dataset, max_tokens_per_segment=room, **kwargs)


@draws_seeds(1)
def split_tokens_to_random_length(
    dataset: "tf.data.Dataset", sequence_length: Mapping[str, int], output_features: Features, **kwargs: Any
) -> "tf.data.Dataset":
    """Cuts each text into segments of a length drawn for it, from 8 tokens to what fits the inputs with EOS.

    Before, with sequence_length `{"inputs": 11}`, when 8 is drawn: `{"targets": [3, 4, 5, 6, 7, 8, 9, 10, 11]}`; after:
    `{"targets": [3, 4, 5, 6, 7, 8, 9, 10]}`, `{"targets": [11]}`.
    """
    room = arguments.room_of("split_tokens_to_random_length", sequence_length, output_features, "inputs")
    return split_tokens(dataset, min_tokens_per_segment=8, max_tokens_per_segment=room, **kwargs)


def concatenate_and_split_to_fixed_length(
    dataset: "tf.data.Dataset",
    sequence_length: Mapping[str, int],
    output_features: Features,
    feature_key: str = "targets",
    **unused_kwargs: Any,
) -> "tf.data.Dataset":
    """Joins all texts and cuts them into segments that fit with EOS; the last may be shorter.

    Before, with sequence_length `{"targets": 4}`: `{"targets": [3, 4]}`, `{"targets": [5, 6]}`; after:
    `{"targets": [3, 4, 5]}`, `{"targets": [6]}`.

    Args:
      dataset: examples of tokens, int [length].
      sequence_length: the lengths of features.
      output_features: the task's, given by the task.
      feature_key: the tokens; other features are not kept.
      **unused_kwargs: refused.
    """
    arguments.only_of_a_run("concatenate_and_split_to_fixed_length", unused_kwargs)
    room = arguments.room_of("concatenate_and_split_to_fixed_length", sequence_length, output_features, feature_key)

    def tokens(example: Example) -> dict[str, Any]:
        arguments.require("concatenate_and_split_to_fixed_length", example, feature_key)
        return {feature_key: example[feature_key]}

    return map_over_dataset(tokens)(dataset).rebatch(room)

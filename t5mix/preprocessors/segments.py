"""Joining texts of tokens, and cutting them into segments or random parts that fit."""

from collections.abc import Mapping, Sequence
from typing import Any

from t5mix.internal.lazy import tensorflow as tf
from t5mix.preprocessors import input_checks, trim_and_pack
from t5mix.preprocessors.mapping import draws_seeds, map_over_dataset
from t5mix.preprocessors.text import log_uniform
from t5mix.vocabularies.features import Feature

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
    input_checks.only_of_a_run("reduce_concat_tokens", unused_kwargs)

    def tokens(example: Example) -> Any:
        input_checks.require("reduce_concat_tokens", example, feature_key)
        return trim_and_pack.strip_padding(example[feature_key])

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

    An example without tokens makes none. Features that are not named are not kept.

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
    input_checks.only_of_a_run("split_tokens", unused_kwargs)
    least, most = min_tokens_per_segment, max_tokens_per_segment
    if most is None or not 1 <= (1 if least is None else least) <= most:
        raise ValueError(
            f"split_tokens: min_tokens_per_segment is {least} and max_tokens_per_segment {most}; give the second, and "
            "whole numbers from 1 with the first no greater"
        )
    cut, passed_through = (feature_key, *(additional_feature_keys or ())), tuple(passthrough_feature_keys or ())
    input_checks.disjoint("split_tokens", cut, passed_through)

    def segments(example: Example, seed: Any) -> "tf.data.Dataset":
        input_checks.require("split_tokens", example, *cut, *passed_through)
        length = tf.constant(most) if least is None else log_uniform(least, most, seed)
        count = size_of_all("split_tokens", example, cut)

        def segment(number: Any) -> dict[str, Any]:
            start = tf.cast(number, tf.int32) * length
            parts = {key: example[key][start : start + length] for key in cut}
            return {**parts, **{key: example[key] for key in passed_through}}

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
    room = input_checks.room_of("split_tokens_to_inputs_length", sequence_length, output_features, "inputs")
    return split_tokens(dataset, max_tokens_per_segment=room, **kwargs)


@draws_seeds(1)
def split_tokens_to_targets_length(
    dataset: "tf.data.Dataset", sequence_length: Mapping[str, int], output_features: Features, **kwargs: Any
) -> "tf.data.Dataset":
    """Cuts each text into segments that fit the targets with EOS: `split_tokens`, whose further arguments it takes.

    Before, with sequence_length `{"targets": 3}`: `{"targets": [3, 4, 5]}`; after: `{"targets": [3, 4]}`,
    `{"targets": [5]}`.
    """
    room = input_checks.room_of("split_tokens_to_targets_length", sequence_length, output_features, "targets")
    return split_tokens(dataset, max_tokens_per_segment=room, **kwargs)


@draws_seeds(1)
def split_tokens_to_random_length(
    dataset: "tf.data.Dataset", sequence_length: Mapping[str, int], output_features: Features, **kwargs: Any
) -> "tf.data.Dataset":
    """Cuts each text into segments of a length drawn for it, from 8 tokens to what fits the inputs with EOS.

    Before, with sequence_length `{"inputs": 11}`, when 8 is drawn: `{"targets": [3, 4, 5, 6, 7, 8, 9, 10, 11]}`; after:
    `{"targets": [3, 4, 5, 6, 7, 8, 9, 10]}`, `{"targets": [11]}`.
    """
    room = input_checks.room_of("split_tokens_to_random_length", sequence_length, output_features, "inputs")
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
    input_checks.only_of_a_run("concatenate_and_split_to_fixed_length", unused_kwargs)
    room = input_checks.room_of("concatenate_and_split_to_fixed_length", sequence_length, output_features, feature_key)

    def tokens(example: Example) -> dict[str, Any]:
        input_checks.require("concatenate_and_split_to_fixed_length", example, feature_key)
        return {feature_key: example[feature_key]}

    return map_over_dataset(tokens)(dataset).rebatch(room)


@draws_seeds(1)
def select_random_chunk(
    dataset: "tf.data.Dataset",
    output_features: Mapping[str, Feature],
    max_length: int | None = None,
    feature_key: str = "targets",
    additional_feature_keys: Sequence[str] | None = None,
    passthrough_feature_keys: Sequence[str] | None = None,
    sequence_length: Mapping[str, int] | None = None,
    uniform_random_start: bool = False,
    min_length: int | None = None,
    **unused_kwargs: Any,
) -> "tf.data.Dataset":
    """Keeps of each text one random part of at most `max_length` tokens.

    Before, with max_length 3: `{"targets": [3, 4, 5, 6, 7]}`; after: `{"targets": [3, 4, 5]}` or
    `{"targets": [6, 7]}`.

    An example without tokens makes none. For arguments and errors see `single_example_select_random_chunk`;
    `unused_kwargs` are refused.
    """
    input_checks.only_of_a_run("select_random_chunk", unused_kwargs)

    def select(example: Example, seed: Any) -> dict[str, Any]:
        return single_example_select_random_chunk(
            example, seed, output_features, max_length, feature_key, additional_feature_keys,
            passthrough_feature_keys, sequence_length, uniform_random_start, min_length,
        )  # fmt: skip

    def filled(example: Example) -> Any:
        input_checks.require("select_random_chunk", example, feature_key)
        return tf.size(example[feature_key]) > 0

    return map_over_dataset(select, num_seeds=1)(dataset.filter(filled))


def single_example_select_random_chunk(
    features: Example,
    seed: Any,
    output_features: Mapping[str, Feature],
    max_length: int | None = None,
    feature_key: str = "targets",
    additional_feature_keys: Sequence[str] | None = None,
    passthrough_feature_keys: Sequence[str] | None = None,
    sequence_length: Mapping[str, int] | None = None,
    uniform_random_start: bool = False,
    min_length: int | None = None,
) -> dict[str, Any]:
    """Returns one random part of a text of tokens; see `select_random_chunk`.

    Args:
        features: an example of tokens, [length, ...].
        seed: a pair of whole numbers.
        output_features: the task's, given by the task.
        max_length: the greatest length; None takes the sequence length of the feature, less one for its EOS.
        feature_key: the feature to cut.
        additional_feature_keys: features of the same length, of which the same part is kept.
        passthrough_feature_keys: features kept as they are.
        sequence_length: the lengths of features, for a max_length of None.
        uniform_random_start: begin anywhere, also before the text, so that every token is as likely to be kept;
            otherwise parts begin at multiples of the length.
        min_length: draw the length from min_length to max_length; None always takes max_length.

    Raises:
        ValueError: when no length is given, lengths are out of order, or a feature is missing or named twice.
        tf.errors.InvalidArgumentError: while reading, when an additional feature has another length.
    """
    step = "select_random_chunk"
    cut, passed_through = (feature_key, *(additional_feature_keys or ())), tuple(passthrough_feature_keys or ())
    input_checks.disjoint(step, cut, passed_through)
    input_checks.require(step, features, *cut, *passed_through)
    if max_length is None:
        max_length = input_checks.room_of(step, sequence_length, output_features, feature_key)
    if max_length < 1 or not 1 <= (1 if min_length is None else min_length) <= max_length:
        raise ValueError(f"{step}: min_length is {min_length} and max_length {max_length}; give 1 or more, in order")
    seeds = tf.unstack(tf.random.experimental.stateless_split(maybe_cast_seed(seed)))
    length: Any = max_length
    if min_length is not None:
        length = _draw(min_length, max_length + 1, seeds[0])
    count = size_of_all(step, features, cut)
    if uniform_random_start:
        start = _draw(1 - length, count, seeds[1])
    else:
        start = length * _draw(0, (count + length - 1) // length, seeds[1])
    end = start + length
    start = tf.maximum(start, 0)
    return {**{key: features[key][start:end] for key in cut}, **{key: features[key] for key in passed_through}}


def _draw(least: Any, beyond: Any, seed: Any) -> Any:
    return tf.random.stateless_uniform([], seed, minval=least, maxval=beyond, dtype=tf.int32)


def size_of_all(step: str, example: Example, features: Sequence[str]) -> Any:
    """Returns the length of features along their first axis, int32 [], which must be the same for all."""
    first = features[0]
    count = tf.shape(example[first])[0]
    same = [
        tf.debugging.assert_equal(tf.shape(example[key])[0], count, f"{step}: {key} is not as long as {first}")
        for key in features[1:]
    ]
    with tf.control_dependencies(same):
        return tf.identity(count)


def maybe_cast_seed(seed: Any) -> Any:
    """Returns a seed of a dtype that `tf.random.stateless_*` takes: what is not int32 or int64 becomes int64.

    JAX's keys, uint32 [2], are such seeds.

    Args:
        seed: [2], or a pair of numbers.
    """
    parts = [tf.convert_to_tensor(part) for part in (seed if isinstance(seed, list | tuple) else [seed])]
    cast = [part if part.dtype in (tf.int32, tf.int64) else tf.cast(part, tf.int64) for part in parts]
    return tuple(cast) if isinstance(seed, list | tuple) else cast[0]

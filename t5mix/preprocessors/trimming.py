"""Steps that give features of tokens the length of a run."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from t5mix.feature_converters import packing
from t5mix.lazy import lazy_import
from t5mix.mapping import map_over_dataset
from t5mix.preprocessors import arguments

if TYPE_CHECKING:
    import tensorflow as tf

    from t5mix.feature_converters import FeatureConverter
else:
    tf = lazy_import("tensorflow")

Example = Mapping[str, Any]


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
    arguments.require("truncate_inputs_left", example, "inputs")
    length = arguments.length_of("truncate_inputs_left", sequence_length, "inputs")
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
    arguments.only_of_a_run("trim_tokens_at_front", unused_kwargs)
    result = dict(x)
    for key in keys_to_trim or sequence_length:
        if key in x:
            room = arguments.length_of("trim_tokens_at_front", sequence_length, key) - 1
            result[key] = x[key][tf.maximum(tf.shape(x[key])[0] - room, 0) :]
    return result


def trim_and_pad_dataset(dataset: "tf.data.Dataset", sequence_length: Mapping[str, int]) -> "tf.data.Dataset":
    """Trims features, and pads them with 0, to their lengths; others stay as they are.

    Before, with sequence_length `{"targets": 4}`: `{"targets": [7, 8]}`; after: `{"targets": [7, 8, 0, 0]}`.
    """
    return packing.trim_and_pad_dataset(dataset, sequence_length)


def apply_feature_converter(
    dataset: "tf.data.Dataset", sequence_length: Mapping[str, int], feature_converter: "FeatureConverter"
) -> "tf.data.Dataset":
    """Makes examples what a model reads, in a task instead of in its run.

    Before, with `EncDecFeatureConverter(pack=False)`: `{"inputs": [7, 1], "targets": [8, 1]}`; after:
    `{"encoder_input_tokens": [7, 1], "decoder_target_tokens": [8, 1], "decoder_input_tokens": [0, 8],
    "decoder_loss_weights": [1, 1]}`.

    Args:
      dataset: examples of tokens.
      sequence_length: the lengths of features.
      feature_converter: what converts them.
    """
    return feature_converter(dataset, sequence_length)

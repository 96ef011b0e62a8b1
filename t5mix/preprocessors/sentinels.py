"""Sentinels on supervised examples, as span corruption has them: ` ... <extra_id_0>` -> `<extra_id_0> ...`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from t5mix.features import Feature
from t5mix.lazy import lazy_import
from t5mix.mapping import map_over_dataset
from t5mix.preprocessors.tokens import eos_id

if TYPE_CHECKING:
    import tensorflow as tf
else:
    tf = lazy_import("tensorflow")

Features = Mapping[str, Feature]
Example = Mapping[str, Any]


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
        last = output_features[key].vocabulary.vocab_size - 1
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
                kept = tf.minimum(preserve_final_n_tokens_when_trimming, room)
                eos = tf.constant([eos_id(key, feature)], tokens.dtype)
                result[key] = tf.concat([tokens[: room - kept], tokens[size - kept :], eos], axis=0)
        return result

    return map_over_dataset(end)(dataset)

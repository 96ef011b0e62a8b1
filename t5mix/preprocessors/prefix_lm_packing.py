"""Prefix language modelling that makes a model's own features, in rows without padding.

Not in T5's paper; T5 has it for comparing encoder-decoders with decoders alone.
"""

from collections.abc import Mapping
from typing import Any

from t5mix.internal.lazy import tensorflow as tf
from t5mix.preprocessors import trim_and_pack
from t5mix.preprocessors.mapping import draws_seeds, map_over_dataset
from t5mix.preprocessors.segments import reduce_concat_tokens, select_random_chunk, split_tokens
from t5mix.preprocessors.tokens import append_eos, trim_and_pad_dataset
from t5mix.vocabularies.features import Feature

Example = Mapping[str, Any]

_LONGEST_TEXT = 65536
_TEXTS_JOINED = 128


@draws_seeds(2)
def targets_for_prefix_lm_objective(
    dataset: "tf.data.Dataset", sequence_length: Mapping[str, int], output_features: Mapping[str, Feature]
) -> "tf.data.Dataset":
    """Ends texts with EOS, joins them and cuts them into targets of full length.

    Before, with sequence_length `{"targets": 4}`: `{"targets": [7, 8]}` and `{"targets": [9, 10, 11]}`; after:
    `{"targets": [7, 8, 1, 9]}` and `{"targets": [10, 11, 1, 0]}`.

    Args:
        dataset: examples of tokens, `targets`, int [length].
        sequence_length: the length of targets.
        output_features: the task's, given by the task.
    """
    texts = select_random_chunk(dataset, output_features, max_length=_LONGEST_TEXT)
    joined = reduce_concat_tokens(append_eos(texts, output_features), batch_size=_TEXTS_JOINED)
    segments = split_tokens(joined, max_tokens_per_segment=sequence_length["targets"])
    return trim_and_pad_dataset(segments, sequence_length)


@draws_seeds(1)
def pack_prefix_lm_encoder_decoder(
    ds: "tf.data.Dataset", sequence_length: Mapping[str, int], pad_id: int = 0
) -> "tf.data.Dataset":
    """Cuts two examples each into a prefix and the rest, and packs prefixes for the encoder and rests for the decoder.

    Before, with a length of 4: `{"targets": [2, 3, 4, 5]}` and `{"targets": [6, 7, 8, 9]}`; after, when the first
    prefix has one token, so that the second has three: `{"encoder_input_tokens": [2, 6, 7, 8], "encoder_segment_ids":
    [1, 2, 2, 2], "encoder_positions": [0, 0, 1, 2], "decoder_target_tokens": [3, 4, 5, 9], "decoder_input_tokens": [0,
    3, 4, 0], "decoder_segment_ids": [1, 1, 1, 2], "decoder_positions": [0, 1, 2, 0], "decoder_loss_weights":
    [1, 1, 1, 1]}`.

    Of an odd number of examples the last is packed with padding; T5 fails there.

    Args:
        ds: examples with `targets`, int [length].
        sequence_length: the lengths of features, all the same and even.
        pad_id: the id without loss.

    Raises:
        ValueError: when lengths differ or are odd.
    """
    length = _packed_length("pack_prefix_lm_encoder_decoder", sequence_length)

    def pack(targets: Any, seed: Any) -> dict[str, Any]:
        two = tf.pad(targets, [[0, 2 - tf.shape(targets)[0]], [0, 0]], constant_values=pad_id)
        first = _split_point(length, seed)  # tokens of the first prefix; the second has the rest of the row
        inputs = tf.ensure_shape(tf.concat([two[0, :first], two[1, : length - first]], axis=0), [length])
        outputs = tf.ensure_shape(tf.concat([two[0, first:], two[1, length - first :]], axis=0), [length])
        position = tf.range(length)
        segments, output_segments = (1 + tf.cast(position >= cut, tf.int32) for cut in (first, length - first))
        return {
            "encoder_input_tokens": inputs,
            "decoder_target_tokens": outputs,
            "decoder_input_tokens": trim_and_pack.make_autoregressive_inputs(outputs, sequence_id=output_segments),
            "encoder_segment_ids": segments,
            "encoder_positions": position - first * (segments - 1),
            "decoder_segment_ids": output_segments,
            "decoder_positions": position - (length - first) * (output_segments - 1),
            "decoder_loss_weights": tf.cast(outputs != pad_id, tf.int32),
        }

    return map_over_dataset(pack, num_seeds=1)(ds.map(lambda example: example["targets"]).batch(2))


@draws_seeds(1)
def pack_prefix_lm_decoder_only(
    ds: "tf.data.Dataset", sequence_length: Mapping[str, int], loss_on_targets_only: bool = True, pad_id: int = 0
) -> "tf.data.Dataset":
    """Cuts each example into a prefix, which the decoder sees as a whole, and the rest.

    Before, with a length of 4: `{"targets": [2, 3, 4, 5]}`; after, when the prefix has two tokens:
    `{"decoder_target_tokens": [2, 3, 4, 5], "decoder_input_tokens": [0, 2, 3, 4], "decoder_loss_weights":
    [0, 0, 1, 1], "decoder_causal_attention": [1, 1, 1, 0]}`.

    Args:
        ds: examples with `targets`, int [length].
        sequence_length: the lengths of features, all the same and even.
        loss_on_targets_only: whether the prefix has no loss.
        pad_id: the id without loss.

    Raises:
        ValueError: when lengths differ or are odd.
    """
    length = _packed_length("pack_prefix_lm_decoder_only", sequence_length)

    def pack(example: Example, seed: Any) -> dict[str, Any]:
        targets = tf.ensure_shape(example["targets"], [length])
        cut, position = _split_point(length, seed), tf.range(length)
        counted = (position >= cut) if loss_on_targets_only else tf.fill([length], True)
        return {
            "decoder_target_tokens": targets,
            "decoder_input_tokens": trim_and_pack.make_autoregressive_inputs(targets),
            "decoder_loss_weights": tf.cast(counted & (targets != pad_id), tf.int32),
            "decoder_causal_attention": tf.cast(position <= cut, tf.int32),
        }

    return map_over_dataset(pack, num_seeds=1)(ds)


def _split_point(length: int, seed: Any) -> Any:
    return tf.random.stateless_uniform([], seed, minval=1, maxval=length, dtype=tf.int32)


def _packed_length(step: str, sequence_length: Mapping[str, int]) -> int:
    lengths = sorted(set(sequence_length.values()))
    if len(lengths) != 1 or lengths[0] % 2 or lengths[0] < 2:
        raise ValueError(f"{step}: sequence_length is {dict(sequence_length)}; give all features one even length")
    return lengths[0]

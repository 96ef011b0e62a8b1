"""For models with an encoder and a decoder, such as T5."""

from collections.abc import Mapping
from typing import Any, ClassVar

from t5mix.data.feature_converters.base import INT32, FeatureConverter, Specs
from t5mix.internal.lazy import tensorflow as tf
from t5mix.preprocessors import trim_and_pack


class EncDecFeatureConverter(FeatureConverter):
    """Inputs go to the encoder, targets to the decoder.

    Before, with lengths of 8 and 6: `{"inputs": [7, 8, 1], "targets": [3, 1]}`, `{"inputs": [9, 4, 6, 1],
    "targets": [5, 1]}`. After, packed: `{"encoder_input_tokens": [7, 8, 1, 9, 4, 6, 1, 0],
    "encoder_segment_ids": [1, 1, 1, 2, 2, 2, 2, 0], "encoder_positions": [0, 1, 2, 0, 1, 2, 3, 0],
    "decoder_target_tokens": [3, 1, 5, 1, 0, 0], "decoder_input_tokens": [0, 3, 0, 5, 0, 0],
    "decoder_loss_weights": [1, 1, 1, 1, 0, 0], "decoder_segment_ids": [1, 1, 2, 2, 0, 0],
    "decoder_positions": [0, 1, 0, 1, 0, 0]}`.
    """

    TASK_FEATURES: ClassVar[Specs] = {"inputs": INT32, "targets": INT32}
    MODEL_FEATURES: ClassVar[Specs] = {
        "encoder_input_tokens": INT32,
        "decoder_target_tokens": INT32,
        "decoder_input_tokens": INT32,
        "decoder_loss_weights": INT32,
    }
    PACKING_FEATURE_DTYPES: ClassVar[Mapping[str, Any]] = {
        "encoder_segment_ids": "int32",
        "decoder_segment_ids": "int32",
        "encoder_positions": "int32",
        "decoder_positions": "int32",
    }

    def _convert_example(self, features: Mapping[str, Any]) -> dict[str, Any]:
        targets, segments = features["targets"], features.get("targets_segment_ids")
        made = {
            "encoder_input_tokens": features["inputs"],
            "decoder_target_tokens": targets,
            "decoder_input_tokens": trim_and_pack.make_autoregressive_inputs(targets, segments, bos_id=self.bos_id),
            "decoder_loss_weights": trim_and_pack.not_padding(targets if segments is None else segments, "int32"),
        }
        if segments is not None:
            made["encoder_segment_ids"] = features["inputs_segment_ids"]
            made["decoder_segment_ids"] = segments
            made["encoder_positions"] = features["inputs_positions"]
            made["decoder_positions"] = features["targets_positions"]
        return {**made, **self._passed(features)}

    def _convert_features(self, ds: "tf.data.Dataset", task_feature_lengths: Mapping[str, int]) -> "tf.data.Dataset":
        ds = self._pack_or_pad(ds, task_feature_lengths)
        names = [*task_feature_lengths, *(_PACKED if self.pack else ())]
        return ds.map(
            lambda example: self._convert_example({name: example[name] for name in names}),
            num_parallel_calls=tf.data.AUTOTUNE,
        )

    def get_model_feature_lengths(self, task_feature_lengths: Mapping[str, int]) -> dict[str, int]:
        """Returns the inputs' length for the encoder's features and the targets' for the decoder's."""
        names = [*self.MODEL_FEATURES, *(self.PACKING_FEATURE_DTYPES if self.pack else ())]
        lengths = {"encoder": task_feature_lengths["inputs"], "decoder": task_feature_lengths["targets"]}
        return {**{name: lengths[name.partition("_")[0]] for name in names}, **self._passed(task_feature_lengths)}


_PACKED = ("inputs_segment_ids", "inputs_positions", "targets_segment_ids", "targets_positions")


class PrePackedEncDecFeatureConverter(EncDecFeatureConverter):
    """The same for examples that are packed already, with segment ids and positions of their own."""

    TASK_FEATURES: ClassVar[Specs] = {**EncDecFeatureConverter.TASK_FEATURES, **dict.fromkeys(_PACKED, INT32)}
    MODEL_FEATURES: ClassVar[Specs] = {
        **EncDecFeatureConverter.MODEL_FEATURES,
        **dict.fromkeys(EncDecFeatureConverter.PACKING_FEATURE_DTYPES, INT32),
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if self.pack:
            raise ValueError("'pack=True' is not allowed in PrePackedEncDecFeatureConverter; give pack=False")

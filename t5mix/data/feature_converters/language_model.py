"""For models with a decoder only."""

from collections.abc import Mapping
from typing import Any, ClassVar

from t5mix.data.feature_converters.base import INT32, FeatureConverter, Specs
from t5mix.internal.lazy import tensorflow as tf
from t5mix.preprocessors import trim_and_pack


class LMFeatureConverter(FeatureConverter):
    """Targets are predicted from their beginning.

    Before, with a length of 6: `{"targets": [3, 9, 1]}`, `{"targets": [4, 1]}`. After, packed:
    `{"decoder_target_tokens": [3, 9, 1, 4, 1, 0], "decoder_input_tokens": [0, 3, 9, 0, 4, 0],
    "decoder_loss_weights": [1, 1, 1, 1, 1, 0], "decoder_segment_ids": [1, 1, 1, 2, 2, 0],
    "decoder_positions": [0, 1, 2, 0, 1, 0]}`.
    """

    TASK_FEATURES: ClassVar[Specs] = {"targets": INT32}
    MODEL_FEATURES: ClassVar[Specs] = {
        "decoder_target_tokens": INT32,
        "decoder_input_tokens": INT32,
        "decoder_loss_weights": INT32,
    }
    PACKING_FEATURE_DTYPES: ClassVar[Mapping[str, Any]] = {"decoder_segment_ids": "int32", "decoder_positions": "int32"}

    def _convert_example(self, features: Mapping[str, Any]) -> dict[str, Any]:
        targets, segments = features["targets"], features.get("targets_segment_ids")
        made = {
            "decoder_target_tokens": targets,
            "decoder_input_tokens": trim_and_pack.make_autoregressive_inputs(targets, segments, bos_id=self.bos_id),
            "decoder_loss_weights": trim_and_pack.not_padding(targets if segments is None else segments, "int32"),
        }
        if segments is not None:
            made["decoder_segment_ids"] = segments
            made["decoder_positions"] = features["targets_positions"]
        return {**made, **self._passed(features)}

    def _convert_features(self, ds: "tf.data.Dataset", task_feature_lengths: Mapping[str, int]) -> "tf.data.Dataset":
        ds = self._pack_or_pad(ds, task_feature_lengths)
        names = [*task_feature_lengths, *(("targets_segment_ids", "targets_positions") if self.pack else ())]
        return ds.map(
            lambda example: self._convert_example({name: example[name] for name in names}),
            num_parallel_calls=tf.data.AUTOTUNE,
        )

    def get_model_feature_lengths(self, task_feature_lengths: Mapping[str, int]) -> dict[str, int]:
        """Returns the length of all task features together for each feature."""
        passed = self._passed(task_feature_lengths)
        length = sum(length for name, length in task_feature_lengths.items() if name not in passed)
        names = [*self.MODEL_FEATURES, *(self.PACKING_FEATURE_DTYPES if self.pack else ())]
        return {**dict.fromkeys(names, length), **passed}

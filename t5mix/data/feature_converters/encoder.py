"""For models with an encoder only."""

from collections.abc import Mapping
from typing import Any, ClassVar

from t5mix.data.feature_converters.base import INT32, FeatureConverter, Specs
from t5mix.internal.lazy import tensorflow as tf


class EncoderFeatureConverter(FeatureConverter):
    """Each token of the inputs has its target, and those that are masked have loss.

    Before, with mask_id 9 and lengths of 5: `{"inputs": [8, 9, 3, 1], "targets": [8, 7, 3, 1]}`. After:
    `{"encoder_input_tokens": [8, 9, 3, 1, 0], "encoder_target_tokens": [8, 7, 3, 1, 0],
    "encoder_loss_weights": [0, 1, 0, 0, 0], ...}`.

    Args:
        mask_id: the id of masked tokens.
        **kwargs: see `FeatureConverter`.
    """

    TASK_FEATURES: ClassVar[Specs] = {"inputs": INT32, "targets": INT32}
    MODEL_FEATURES: ClassVar[Specs] = {
        "encoder_target_tokens": INT32,
        "encoder_input_tokens": INT32,
        "encoder_loss_weights": INT32,
    }
    PACKING_FEATURE_DTYPES: ClassVar[Mapping[str, Any]] = {"encoder_segment_ids": "int32", "encoder_positions": "int32"}

    def __init__(self, mask_id: int, **kwargs: Any) -> None:
        self._mask_id = mask_id
        super().__init__(**kwargs)

    @property
    def mask_id(self) -> int:
        """The id of masked tokens."""
        return self._mask_id

    def _convert_example(self, features: Mapping[str, Any]) -> dict[str, Any]:
        made = {
            "encoder_input_tokens": features["inputs"],
            "encoder_target_tokens": features["targets"],
            "encoder_loss_weights": tf.cast(tf.equal(features["inputs"], self._mask_id), tf.int32),
        }
        if self.pack:
            made["encoder_segment_ids"] = features["inputs_segment_ids"]
            made["encoder_positions"] = features["inputs_positions"]
        return {**made, **self._passed(features)}

    def _convert_features(self, ds: "tf.data.Dataset", task_feature_lengths: Mapping[str, int]) -> "tf.data.Dataset":
        ds = self._pack_or_pad(ds, task_feature_lengths)
        return ds.map(self._convert_example, num_parallel_calls=tf.data.AUTOTUNE)

    def get_model_feature_lengths(self, task_feature_lengths: Mapping[str, int]) -> dict[str, int]:
        """Returns the inputs' length for each feature."""
        names = [*self.MODEL_FEATURES, *(self.PACKING_FEATURE_DTYPES if self.pack else ())]
        return {**dict.fromkeys(names, task_feature_lengths["inputs"]), **self._passed(task_feature_lengths)}

"""For examples that are what the model reads already."""

from collections.abc import Mapping
from typing import Any, ClassVar

from t5mix.data.feature_converters.base import FeatureConverter, Specs
from t5mix.internal.lazy import tensorflow as tf


class PassThroughFeatureConverter(FeatureConverter):
    """Returns examples as they are.

    Args:
        **unused_kwargs: accepted for seqio's sake.
    """

    TASK_FEATURES: ClassVar[Specs] = {}
    MODEL_FEATURES: ClassVar[Specs] = {}
    PACKING_FEATURE_DTYPES: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, **unused_kwargs: Any) -> None:
        super().__init__(pack=False)

    def __call__(self, ds: "tf.data.Dataset", task_feature_lengths: Mapping[str, int]) -> "tf.data.Dataset":
        """Returns the dataset."""
        return ds

    def _convert_features(self, ds: "tf.data.Dataset", task_feature_lengths: Mapping[str, int]) -> "tf.data.Dataset":
        return ds

    def get_model_feature_lengths(self, task_feature_lengths: Mapping[str, int]) -> Mapping[str, int]:
        """Returns the lengths as they are."""
        return task_feature_lengths


class PrePackedLMFeatureConverter(PassThroughFeatureConverter):
    """Keeps the features of a packed language model, with their lengths fixed.

    `task_feature_lengths` has the length `targets`, which is that of each feature.
    """

    BATCH_FEATURES: tuple[str, ...] = (
        "decoder_input_tokens",
        "decoder_loss_weights",
        "decoder_positions",
        "decoder_segment_ids",
        "decoder_target_tokens",
    )

    def __call__(self, ds: "tf.data.Dataset", task_feature_lengths: Mapping[str, int]) -> "tf.data.Dataset":
        """Returns examples of BATCH_FEATURES only.

        Raises:
            ValueError: naming the feature that the dataset does not have, or the length that is not given.
        """
        missing = [name for name in self.BATCH_FEATURES if name not in ds.element_spec]
        if missing:
            raise ValueError(f"{type(self).__name__}: the dataset has no feature {missing[0]!r}; pack it with it")
        length = self._length(task_feature_lengths)

        def one(example: Mapping[str, Any]) -> dict[str, Any]:
            return {name: tf.ensure_shape(example[name], [length]) for name in self.BATCH_FEATURES}

        return ds.map(one, num_parallel_calls=tf.data.AUTOTUNE)

    def _length(self, lengths: Mapping[str, int]) -> int:
        if "targets" not in lengths:
            raise ValueError(f"{type(self).__name__}: task_feature_lengths has no 'targets'; give its length")
        return lengths["targets"]

    def get_model_feature_lengths(self, task_feature_lengths: Mapping[str, int]) -> Mapping[str, int]:
        """Returns the one length for each feature."""
        return dict.fromkeys(self.BATCH_FEATURES, self._length(task_feature_lengths))


class PrePackedPrefixLMFeatureConverter(PrePackedLMFeatureConverter):
    """The same for a prefix language model, whose features are as long as inputs and targets together."""

    BATCH_FEATURES = (*PrePackedLMFeatureConverter.BATCH_FEATURES, "decoder_causal_attention")

    def _length(self, lengths: Mapping[str, int]) -> int:
        if "inputs" not in lengths:
            raise ValueError(f"{type(self).__name__}: task_feature_lengths has no 'inputs'; give its length")
        return lengths["inputs"] + super()._length(lengths)

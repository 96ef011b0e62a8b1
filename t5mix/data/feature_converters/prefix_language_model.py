"""For models with a decoder only that read inputs before they predict targets."""

from collections.abc import Mapping
from typing import Any, ClassVar

from t5mix.data.feature_converters.base import INT32, Specs
from t5mix.data.feature_converters.language_model import LMFeatureConverter
from t5mix.internal.lazy import tensorflow as tf
from t5mix.preprocessors import trim_and_pack


class PrefixLMFeatureConverter(LMFeatureConverter):
    """Inputs and targets follow one another, and inputs are seen from everywhere.

    Before, with lengths of 5 and 4: `{"inputs": [7, 8, 1], "targets": [3, 9, 1]}`. After, packed or not:
    `{"decoder_target_tokens": [7, 8, 1, 3, 9, 1, 0, 0, 0], "decoder_loss_weights": [0, 0, 0, 1, 1, 1, 0, 0, 0],
    "decoder_causal_attention": [1, 1, 1, 1, 0, 0, 0, 0, 0], ...}`. The attention mask has one place more
    than the inputs: the one where the last of them is read and the first target predicted.

    Source: Raffel et al. 2020, arXiv:1910.10683, section 3.2.1.

    Args:
        loss_on_targets_only: whether inputs have no loss.
        **kwargs: see `FeatureConverter`.
    """

    TASK_FEATURES: ClassVar[Specs] = {"inputs": INT32, "targets": INT32}
    MODEL_FEATURES: ClassVar[Specs] = {**LMFeatureConverter.MODEL_FEATURES, "decoder_causal_attention": INT32}

    def __init__(self, loss_on_targets_only: bool = True, **kwargs: Any) -> None:
        self._loss_on_targets_only = loss_on_targets_only
        super().__init__(**kwargs)

    @property
    def loss_on_targets_only(self) -> bool:
        """Whether inputs have no loss."""
        return self._loss_on_targets_only

    def _joined(self, features: Mapping[str, Any]) -> dict[str, Any]:
        """Returns inputs and targets as one, and masks of the same length."""
        inputs, targets = (trim_and_pack.strip_padding(features[name]) for name in ("inputs", "targets"))
        return self._with_masks(inputs, targets)

    def _with_masks(self, inputs: Any, targets: Any) -> dict[str, Any]:
        before, after = tf.size(inputs), tf.size(targets)
        # Where there is no target, one of padding is read after the inputs.
        padding = tf.zeros([tf.cast(tf.equal(after, 0), tf.int32)], tf.int32)
        targets = tf.concat([inputs, targets, padding], axis=0)
        positions = tf.range(tf.size(targets))
        has_loss = (positions >= before if self._loss_on_targets_only else positions >= 0) & (
            positions < before + after
        )
        return {
            "targets": targets,
            "decoder_causal_attention": tf.cast(positions < before + 1, tf.int32),
            "decoder_loss_weights": tf.cast(has_loss, tf.int32),
        }

    def _convert_features(self, ds: "tf.data.Dataset", task_feature_lengths: Mapping[str, int]) -> "tf.data.Dataset":
        passed = self._passed(task_feature_lengths)
        length = sum(length for name, length in task_feature_lengths.items() if name not in passed)

        def join(example: Mapping[str, Any]) -> dict[str, Any]:
            return {**self._joined(example), **self._passed(example)}

        def convert(example: Mapping[str, Any]) -> dict[str, Any]:
            made = {**self._convert_example(example), **{name: example[name] for name in masks}}
            return {**made, **self._passed(example)}

        ds = ds.map(join, num_parallel_calls=tf.data.AUTOTUNE)
        masks = [name for name in ds.element_spec if name not in ("targets", *passed)]
        lengths = {**dict.fromkeys(["targets", *masks], length), **passed}
        # Masks are as long as their tokens, whatever zeros are in them.
        ds = trim_and_pack.pack_dataset(ds, lengths) if self.pack else trim_and_pack.trim_and_pad_dataset(ds, lengths)
        return ds.map(convert, num_parallel_calls=tf.data.AUTOTUNE)


class PrefixSuffixLMFeatureConverter(PrefixLMFeatureConverter):
    """The same with suffixes behind the targets.

    Before: `{"inputs": [9, 4, 6], "targets": [3, 9], "suffixes": [2, 1]}`. After:
    `{"decoder_target_tokens": [9, 4, 6, 3, 9, 2, 1], "decoder_loss_weights": [0, 0, 0, 1, 1, 1, 1],
    "target_suffix_weights": [0, 0, 0, 0, 0, 1, 1], ...}`. Without suffixes, target_suffix_weights are 1 on
    the targets.
    """

    TASK_FEATURES: ClassVar[Specs] = {**PrefixLMFeatureConverter.TASK_FEATURES, "suffixes": INT32}
    MODEL_FEATURES: ClassVar[Specs] = {**PrefixLMFeatureConverter.MODEL_FEATURES, "target_suffix_weights": INT32}

    def _joined(self, features: Mapping[str, Any]) -> dict[str, Any]:
        names = ("inputs", "targets", "suffixes")
        inputs, targets, suffixes = (trim_and_pack.strip_padding(features[name]) for name in names)
        made = self._with_masks(inputs, tf.concat([targets, suffixes], axis=0))
        before, targets_end = tf.size(inputs), tf.size(inputs) + tf.size(targets)
        begin = tf.where(tf.equal(tf.size(suffixes), 0), before, targets_end)
        positions = tf.range(tf.size(made["targets"]))
        weights = (positions >= begin) & (positions < targets_end + tf.size(suffixes))
        return {**made, "target_suffix_weights": tf.cast(weights, tf.int32)}


class DecoderFeatureConverter(PrefixLMFeatureConverter):
    """One of the others, by the features whose lengths are given.

    `suffixes`: PrefixSuffixLMFeatureConverter; else `inputs`: PrefixLMFeatureConverter; else
    LMFeatureConverter.
    """

    TASK_FEATURES: ClassVar[Specs] = LMFeatureConverter.TASK_FEATURES

    def __init__(self, loss_on_targets_only: bool = True, pack: bool = True, **kwargs: Any) -> None:
        super().__init__(loss_on_targets_only=loss_on_targets_only, pack=pack, **kwargs)
        arguments = {"pack": pack, **kwargs}
        self.prefixlm_feature_converter = PrefixLMFeatureConverter(loss_on_targets_only, **arguments)
        self.prefixsuffixlm_feature_converter = PrefixSuffixLMFeatureConverter(loss_on_targets_only, **arguments)
        self.strictlm_feature_converter = LMFeatureConverter(**arguments)

    def _converter(self, lengths: Mapping[str, int]) -> LMFeatureConverter:
        if "suffixes" in lengths:
            return self.prefixsuffixlm_feature_converter
        return self.prefixlm_feature_converter if "inputs" in lengths else self.strictlm_feature_converter

    def __call__(self, ds: "tf.data.Dataset", task_feature_lengths: Mapping[str, int]) -> "tf.data.Dataset":
        """Returns a model's features of a task's; see `FeatureConverter`."""
        return self._converter(task_feature_lengths)(ds, task_feature_lengths)

    def get_model_feature_lengths(self, task_feature_lengths: Mapping[str, int]) -> dict[str, int]:
        """Returns the length of all task features together for each feature."""
        return self._converter(task_feature_lengths).get_model_feature_lengths(task_feature_lengths)

"""What a feature converter is: a task's features in, a model's features out."""

import abc
import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from t5mix.data.feature_converters import checks
from t5mix.preprocessors import trim_and_pack

if TYPE_CHECKING:
    import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class FeatureSpec:
    """What a feature must be.

    Attributes:
        dtype: a `tf.DType` or its name.
        rank: number of axes.
        sequence_dim: the axis that has the feature's length.
    """

    dtype: Any
    rank: int = 1
    sequence_dim: int = 0


INT32 = FeatureSpec("int32")
Specs = Mapping[str, FeatureSpec]


class FeatureConverter(abc.ABC):
    """Turns the examples of a task or a mixture into what a model reads.

    A converter of one's own declares TASK_FEATURES, MODEL_FEATURES and PACKING_FEATURE_DTYPES and defines
    `_convert_features` and `get_model_feature_lengths`. Names, arguments and defaults are seqio's.

    Args:
        pack: whether to put several examples into one row.
        use_custom_packing_ops: accepted for seqio's sake; there is one way to pack.
        apply_length_check: whether to refuse features that are longer than their lengths.
        bos_id: what the decoder reads before the first target.
        passthrough_features: further features to keep, by name; not possible with pack.

    Raises:
        ValueError: when the arguments exclude one another.
    """

    FeatureSpec = FeatureSpec

    TASK_FEATURES: ClassVar[Specs]
    MODEL_FEATURES: ClassVar[Specs]
    PACKING_FEATURE_DTYPES: ClassVar[Mapping[str, Any]]

    def __init__(
        self,
        pack: bool = True,
        use_custom_packing_ops: bool = False,
        apply_length_check: bool = True,
        bos_id: int = 0,
        passthrough_features: Specs | None = None,
    ) -> None:
        self._pack = pack
        self._use_custom_packing_ops = use_custom_packing_ops
        self._apply_length_check = apply_length_check
        self._bos_id = bos_id
        declared = ["TASK_FEATURES", "MODEL_FEATURES", *(["PACKING_FEATURE_DTYPES"] if pack else [])]
        for name in declared:
            if getattr(self, name, None) is None:
                raise ValueError(f"{name} must be defined in the subclass {type(self).__name__}")
        if pack and passthrough_features is not None:
            raise ValueError("Packing is incompatible with pass-through features; give pack=False or leave them out")
        self._passthrough_features = dict(passthrough_features or {})

    @property
    def pack(self) -> bool:
        """Whether several examples share a row."""
        return self._pack

    @property
    def bos_id(self) -> int:
        """What the decoder reads before the first target."""
        return self._bos_id

    def __call__(self, ds: "tf.data.Dataset", task_feature_lengths: Mapping[str, int]) -> "tf.data.Dataset":
        """Returns a model's features of a task's.

        Args:
            ds: examples, not batched, that end in EOS where that is wanted.
            task_feature_lengths: the length of each of TASK_FEATURES, and of features passed through.

        Raises:
            ValueError: naming the feature that is missing, too many, or has another dtype or rank. One
                that is too long raises `tf.errors.InvalidArgumentError` with its example.
        """
        task_features = {**self.TASK_FEATURES, **self._passthrough_features}
        checks.check_exact_match(task_features, task_feature_lengths, "TASK_FEATURES", "task_feature_lengths")
        ds = self._validate_dataset(ds, task_features, task_feature_lengths, False, "input_validation")
        model_features = self._model_features()
        lengths = self.get_model_feature_lengths(task_feature_lengths)
        checks.check_exact_match(model_features, lengths, "model_feature_names", "model_feature_lengths")
        ds = self._convert_features(ds, task_feature_lengths)
        ds = self._validate_dataset(ds, model_features, lengths, True, "output_validation")
        checks.check_exact_match(model_features, ds.element_spec, "model_feature_names", "output_dataset")
        return ds

    def _model_features(self) -> Specs:
        features = {**self.MODEL_FEATURES, **self._passthrough_features}
        if not self.pack:
            return features
        for name, spec in features.items():
            if spec.rank != 1:
                raise ValueError(
                    f"When packing is enabled, expected ranks must be 1. Got expected rank {spec.rank} for feature "
                    f"{name}; give pack=False"
                )
        return {
            **features,
            **{name: dataclasses.replace(INT32, dtype=dtype) for name, dtype in self.PACKING_FEATURE_DTYPES.items()},
        }

    def _validate_dataset(
        self,
        ds: "tf.data.Dataset",
        expected_features: Specs,
        expected_lengths: Mapping[str, int],
        strict: bool,
        error_label: str,
    ) -> "tf.data.Dataset":
        """Refuses a dataset without what is expected; see `checks`."""
        checks.check_specs(ds.element_spec, expected_features, error_label)
        if not self._apply_length_check:
            return ds
        axes = {name: spec.sequence_dim for name, spec in expected_features.items() if spec.rank}
        lengths = {name: length for name, length in expected_lengths.items() if name in axes}
        return checks.check_lengths(ds, lengths, axes, strict, error_label)

    def _pack_or_pad(self, ds: "tf.data.Dataset", packed_lengths: Mapping[str, int]) -> "tf.data.Dataset":
        """Trims features to their lengths, and packs or pads them."""
        if self.pack:
            return trim_and_pack.trim_and_pack_dataset(ds, packed_lengths, self._use_custom_packing_ops)
        return trim_and_pack.trim_and_pad_dataset(ds, packed_lengths)

    def _passed(self, features: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the features, or lengths, that pass through."""
        return {name: features[name] for name in self._passthrough_features}

    @abc.abstractmethod
    def _convert_features(self, ds: "tf.data.Dataset", task_feature_lengths: Mapping[str, int]) -> "tf.data.Dataset":
        """Returns the model's features."""

    @abc.abstractmethod
    def get_model_feature_lengths(self, task_feature_lengths: Mapping[str, int]) -> Mapping[str, int]:
        """Returns the length of each of the model's features."""

"""In the manner of a published file: every type that seqio names stands in an annotation or a default."""

from typing import Any, Callable, Dict, Mapping, Optional, Sequence, Tuple, Union

import seqio
import tensorflow as tf
from seqio import evaluation, feature_converters, metrics, preprocessors, utils

OutputFeaturesType = seqio.preprocessors.OutputFeaturesType
SequenceLengthType = preprocessors.SequenceLengthType
MetricFnCallable = seqio.dataset_providers.MetricFnCallable
ShardInfo = seqio.ShardInfo
PAD_ID = seqio.PAD_ID

_VOCABULARY = seqio.ByteVocabulary(extra_ids=10)
DEFAULT_OUTPUT_FEATURES: OutputFeaturesType = {
    "inputs": seqio.Feature(vocabulary=_VOCABULARY, add_eos=True, required=False),
    "targets": seqio.Feature(vocabulary=_VOCABULARY, add_eos=True),
}


def _sums(split: str, shuffle_files: bool = False, seed: Optional[int] = None) -> tf.data.Dataset:
    del shuffle_files, seed
    first = {"train": 10, "validation": 20}[split]
    examples = [{"meta/left": left, "meta/right": 7, "sum": left + 7} for left in range(first, first + 5)]
    flat = {key: [example[key] for example in examples] for key in examples[0]}
    return tf.data.Dataset.from_tensor_slices(flat)


@utils.map_over_dataset
def _nest(example: utils.TFDict) -> utils.NestedTFDict:
    return seqio.unflatten_dict(example)


def _ask(
    dataset: tf.data.Dataset,
    output_features: OutputFeaturesType,
    sequence_length: Optional[SequenceLengthType] = None,
) -> tf.data.Dataset:
    del sequence_length
    assert set(output_features) == {"inputs", "targets"}

    def ask(example: utils.NestedTFDict) -> Dict[str, tf.Tensor]:
        flat = seqio.flatten_dict(example)
        left, right = (tf.strings.as_string(flat[f"meta/{side}"]) for side in ("left", "right"))
        return {
            "inputs": tf.strings.join([left, right], " plus "),
            "targets": tf.strings.as_string(flat["sum"]),
        }

    return dataset.map(ask, num_parallel_calls=tf.data.AUTOTUNE)


def _trim(
    dataset: tf.data.Dataset,
    output_features: OutputFeaturesType,
    sequence_length: Optional[SequenceLengthType] = None,
) -> tf.data.Dataset:
    return utils.trim_dataset(dataset, sequence_length, output_features)


def _exact(targets: Sequence[Any], predictions: Sequence[Any]) -> Mapping[str, Union[metrics.MetricValue, float]]:
    return {"exact": metrics.Scalar(100.0 * sum(map(str.__eq__, targets, predictions)) / len(targets))}


def add_sum_task(
    name: str,
    dataset_fn: seqio.DatasetFnCallable = _sums,
    metric_fns: Sequence[MetricFnCallable] = (_exact,),
    source_cls: Callable[..., seqio.DataSourceInterface] = seqio.FunctionDataSource,
) -> seqio.Task:
    return seqio.TaskRegistry.add(
        name,
        source=source_cls(dataset_fn=dataset_fn, splits=["train", "validation"]),
        preprocessors=[
            _nest,
            seqio.utils.add_kwargs_to_transform(_ask, sequence_length=None),
            preprocessors.tokenize,
            seqio.CacheDatasetPlaceholder(),
            _trim,
            preprocessors.append_eos_after_trim,
        ],
        output_features=DEFAULT_OUTPUT_FEATURES,
        metric_fns=list(metric_fns),
    )


add_sum_task("published_sums")


class MaskedConverter(seqio.EncDecFeatureConverter):
    """Adds a feature to those of an encoder and decoder."""

    MODEL_FEATURES = {
        **seqio.EncDecFeatureConverter.MODEL_FEATURES,
        "decoder_mask": seqio.FeatureConverter.FeatureSpec(dtype=tf.int32),
    }

    def get_model_feature_lengths(self, task_feature_lengths: SequenceLengthType) -> Mapping[str, int]:
        lengths = super().get_model_feature_lengths(task_feature_lengths)
        return {**lengths, "decoder_mask": task_feature_lengths["targets"]}

    def _convert_features(self, ds: tf.data.Dataset, task_feature_lengths: Mapping[str, int]) -> tf.data.Dataset:
        def mask(features: Mapping[str, tf.Tensor]) -> Mapping[str, tf.Tensor]:
            weights = feature_converters.non_padding_position(features["decoder_target_tokens"])
            return {**features, "decoder_mask": weights}

        return super()._convert_features(ds, task_feature_lengths).map(mask)


class Gold(evaluation.PredictFnCallable):
    """A model that knows the answers."""

    def __call__(
        self, dataset: tf.data.Dataset, model_feature_shapes: Optional[Mapping[str, int]] = None
    ) -> evaluation.PredictFnReturnType:
        return [(int(index), features["decoder_target_tokens"]) for index, features in dataset]


def score_gold(
    provider: Union[str, seqio.dataset_providers.DatasetProviderBase],
) -> Tuple[evaluation.AllMetricsFuture, evaluation.AllOutputTokensType]:
    evaluator = seqio.Evaluator(provider, seqio.EncDecFeatureConverter(pack=False))
    return evaluator.evaluate(compute_metrics=True, predict_fn=Gold())

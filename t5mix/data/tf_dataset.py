"""A task or mixture as a dataset that a model reads, by its name."""

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from t5mix.data.feature_converters import FeatureConverter
from t5mix.declarations import registry
from t5mix.sources import ShardInfo

if TYPE_CHECKING:
    import tensorflow as tf

_log = logging.getLogger(__name__)


def get_dataset(
    mixture_or_task_name: Any,
    task_feature_lengths: Mapping[str, int],
    feature_converter: FeatureConverter,
    dataset_split: str = "train",
    use_cached: bool = False,
    shuffle: bool = False,
    num_epochs: int | None = 1,
    shard_info: ShardInfo | None = None,
    verbose: bool = True,
    seed: int | None = None,
    batch_size: int | None = None,
    trim_output_features: bool = True,
) -> "tf.data.Dataset":
    """Returns the examples of a split as a model's features; seqio's function of this name.

    Args:
        mixture_or_task_name: a registered name, a Task or a Mixture.
        task_feature_lengths: for each task feature its length.
        feature_converter: makes a model's features of a task's.
        dataset_split: name of the split.
        use_cached: see `Task.get_dataset`.
        shuffle: whether to shuffle.
        num_epochs: how often to repeat; None is without end.
        shard_info: which part of the split to read. Packing comes later, so it packs this part.
        verbose: whether to log the features.
        seed: makes shuffling and random steps repeatable.
        batch_size: examples, or rows, of a batch; a last batch with fewer is left out. None does not batch.
        trim_output_features: whether to trim features to their lengths.

    Raises:
        TypeError: when feature_converter is none.
        ValueError: for an unknown name or split, and what the converter refuses.
    """
    if not isinstance(feature_converter, FeatureConverter):
        raise TypeError(
            f"feature_converter should be an instance of FeatureConverter, not {feature_converter!r}; "
            "give for instance EncDecFeatureConverter(pack=False)"
        )
    provider = mixture_or_task_name
    if isinstance(provider, str):
        provider = registry.get_mixture_or_task(provider)
    dataset = provider.get_dataset(
        task_feature_lengths,
        split=dataset_split,
        use_cached=use_cached,
        shuffle=shuffle,
        seed=seed,
        shard_info=shard_info,
        num_epochs=num_epochs,
        trim_output_features=trim_output_features,
    )
    dataset = feature_converter(dataset, task_feature_lengths=task_feature_lengths)
    if batch_size is not None:
        dataset = dataset.batch(batch_size, drop_remainder=True)
    if verbose:
        for name, spec in dataset.element_spec.items():
            _log.info("feature %s: %s %s", name, spec.dtype.name, spec.shape)
    return dataset

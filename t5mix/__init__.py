"""t5mix: task and mixture declarations in, trained text-to-text models out.

A seqio task file works after changing its import line to `import t5mix as seqio`.  Names are loaded
when first used, so importing t5mix loads neither TensorFlow nor JAX.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from t5mix import corpora as corpora
    from t5mix import dataset_providers as dataset_providers
    from t5mix import evaluation as evaluation
    from t5mix import experimental as experimental
    from t5mix import feature_converters as feature_converters
    from t5mix import helpers as helpers
    from t5mix import metrics as metrics
    from t5mix import objectives as objectives
    from t5mix import packs as packs
    from t5mix import paths as paths
    from t5mix import preprocessors as preprocessors
    from t5mix import rates as rates
    from t5mix import sentinels as sentinels
    from t5mix import t5 as t5
    from t5mix import test_utils as test_utils
    from t5mix import utils as utils
    from t5mix import vocabularies as vocabularies
    from t5mix.declared import SourceInfo as SourceInfo
    from t5mix.evaluation.evaluator import Evaluator as Evaluator
    from t5mix.evaluation.json_values import TensorAndNumpyEncoder as TensorAndNumpyEncoder
    from t5mix.evaluation.loggers import JSONLogger as JSONLogger
    from t5mix.evaluation.loggers import Logger as Logger
    from t5mix.evaluation.loggers import PyLoggingLogger as PyLoggingLogger
    from t5mix.evaluation.loggers import TensorBoardLogger as TensorBoardLogger
    from t5mix.evaluation.loggers import TensorBoardLoggerV1 as TensorBoardLoggerV1
    from t5mix.feature_converters import DecoderFeatureConverter as DecoderFeatureConverter
    from t5mix.feature_converters import EncDecFeatureConverter as EncDecFeatureConverter
    from t5mix.feature_converters import EncoderFeatureConverter as EncoderFeatureConverter
    from t5mix.feature_converters import FeatureConverter as FeatureConverter
    from t5mix.feature_converters import LMFeatureConverter as LMFeatureConverter
    from t5mix.feature_converters import PassThroughFeatureConverter as PassThroughFeatureConverter
    from t5mix.feature_converters import PrefixLMFeatureConverter as PrefixLMFeatureConverter
    from t5mix.feature_converters import PrefixSuffixLMFeatureConverter as PrefixSuffixLMFeatureConverter
    from t5mix.feature_converters import PrePackedEncDecFeatureConverter as PrePackedEncDecFeatureConverter
    from t5mix.feature_converters import PrePackedLMFeatureConverter as PrePackedLMFeatureConverter
    from t5mix.feature_converters import PrePackedPrefixLMFeatureConverter as PrePackedPrefixLMFeatureConverter
    from t5mix.feature_converters import autoregressive_inputs as autoregressive_inputs
    from t5mix.feature_converters import make_autoregressive_inputs as make_autoregressive_inputs
    from t5mix.feature_converters import trim_and_pack_dataset as trim_and_pack_dataset
    from t5mix.feature_converters import trim_and_pad_dataset as trim_and_pad_dataset
    from t5mix.features import ContinuousFeature as ContinuousFeature
    from t5mix.features import Feature as Feature
    from t5mix.features import PassThroughFeature as PassThroughFeature
    from t5mix.loading import get_dataset as get_dataset
    from t5mix.metrics import postprocessors as postprocessors
    from t5mix.mixture import Mixture as Mixture
    from t5mix.mixture import SampleFn as SampleFn
    from t5mix.offline_caches import NotCachedError as NotCachedError
    from t5mix.places import add_global_cache_dirs as add_global_cache_dirs
    from t5mix.places import get_global_cache_dirs as get_global_cache_dirs
    from t5mix.places import set_global_cache_dirs as set_global_cache_dirs
    from t5mix.places import set_tfds_data_dir_override as set_tfds_data_dir_override
    from t5mix.places import set_tfds_read_config_override as set_tfds_read_config_override
    from t5mix.preprocessors.mapping import each_example as each_example
    from t5mix.preprocessors.mapping import map_over_dataset as map_over_dataset
    from t5mix.preprocessors.mapping import map_seed_manager as map_seed_manager
    from t5mix.preprocessors.mapping import stateless_shuffle as stateless_shuffle
    from t5mix.preprocessors.pipeline import CacheDatasetPlaceholder as CacheDatasetPlaceholder
    from t5mix.preprocessors.pipeline import Step as Step
    from t5mix.rates import mixing_rate_num_characters as mixing_rate_num_characters
    from t5mix.rates import mixing_rate_num_examples as mixing_rate_num_examples
    from t5mix.registry import MixtureRegistry as MixtureRegistry
    from t5mix.registry import TaskRegistry as TaskRegistry
    from t5mix.registry import get_mixture_or_task as get_mixture_or_task
    from t5mix.registry import get_subtasks as get_subtasks
    from t5mix.registry import maybe_get_mixture_or_task as maybe_get_mixture_or_task
    from t5mix.registry import overlay as overlay
    from t5mix.sources import DatasetFnCallable as DatasetFnCallable
    from t5mix.sources import DataSource as DataSource
    from t5mix.sources import FileDataSource as FileDataSource
    from t5mix.sources import FunctionDataSource as FunctionDataSource
    from t5mix.sources import HuggingFaceDataSource as HuggingFaceDataSource
    from t5mix.sources import ProtoDataSource as ProtoDataSource
    from t5mix.sources import ShardInfo as ShardInfo
    from t5mix.sources import TableDataSource as TableDataSource
    from t5mix.sources import TextLineDataSource as TextLineDataSource
    from t5mix.sources import TfdsDataSource as TfdsDataSource
    from t5mix.sources import TfdsSplit as TfdsSplit
    from t5mix.sources import TFExampleDataSource as TFExampleDataSource
    from t5mix.task import SHUFFLE_BUFFER_SIZE as SHUFFLE_BUFFER_SIZE
    from t5mix.task import Task as Task
    from t5mix.vocabularies import BertWordPieceVocabulary as BertWordPieceVocabulary
    from t5mix.vocabularies import ByteVocabulary as ByteVocabulary
    from t5mix.vocabularies import FullCodepointVocabulary as FullCodepointVocabulary
    from t5mix.vocabularies import PartialCodepointVocabulary as PartialCodepointVocabulary
    from t5mix.vocabularies import PassThroughVocabulary as PassThroughVocabulary
    from t5mix.vocabularies import SentencePieceVocabulary as SentencePieceVocabulary
    from t5mix.vocabularies import T5Vocabulary as T5Vocabulary
    from t5mix.vocabularies import UnigramVocabulary as UnigramVocabulary
    from t5mix.vocabularies import Vocabulary as Vocabulary

__version__ = "0.1.0"

_MODULES = (
    "corpora",
    "dataset_providers",
    "experimental",
    "evaluation",
    "feature_converters",
    "helpers",
    "metrics",
    "objectives",
    "packs",
    "paths",
    "preprocessors",
    "rates",
    "sentinels",
    "t5",
    "utils",
    "test_utils",
    "vocabularies",
)

# Modules that lie deeper than where T5 has them.
_MOVED_MODULES = {"postprocessors": "metrics.postprocessors"}

_HOMES = {
    "SampleFn": "mixture",
    "NotCachedError": "offline_caches",
    "UnigramVocabulary": "vocabularies",
    "PartialCodepointVocabulary": "vocabularies",
    "FullCodepointVocabulary": "vocabularies",
    "BertWordPieceVocabulary": "vocabularies",
    "TfdsSplit": "sources",
    "ProtoDataSource": "sources",
    "DatasetFnCallable": "sources",
    "mixing_rate_num_characters": "rates",
    "set_tfds_read_config_override": "places",
    "set_tfds_data_dir_override": "places",
    "set_global_cache_dirs": "places",
    "get_global_cache_dirs": "places",
    "add_global_cache_dirs": "places",
    "Evaluator": "evaluation.evaluator",
    "JSONLogger": "evaluation.loggers",
    "Logger": "evaluation.loggers",
    "PyLoggingLogger": "evaluation.loggers",
    "TensorAndNumpyEncoder": "evaluation.json_values",
    "TensorBoardLogger": "evaluation.loggers",
    "TensorBoardLoggerV1": "evaluation.loggers",
    "DecoderFeatureConverter": "feature_converters",
    "EncDecFeatureConverter": "feature_converters",
    "EncoderFeatureConverter": "feature_converters",
    "FeatureConverter": "feature_converters",
    "LMFeatureConverter": "feature_converters",
    "PassThroughFeatureConverter": "feature_converters",
    "PrePackedEncDecFeatureConverter": "feature_converters",
    "PrePackedLMFeatureConverter": "feature_converters",
    "PrePackedPrefixLMFeatureConverter": "feature_converters",
    "PrefixLMFeatureConverter": "feature_converters",
    "PrefixSuffixLMFeatureConverter": "feature_converters",
    "autoregressive_inputs": "feature_converters",
    "make_autoregressive_inputs": "feature_converters",
    "trim_and_pack_dataset": "feature_converters",
    "trim_and_pad_dataset": "feature_converters",
    "ContinuousFeature": "features",
    "Feature": "features",
    "PassThroughFeature": "features",
    "get_dataset": "loading",
    "each_example": "preprocessors.mapping",
    "map_over_dataset": "preprocessors.mapping",
    "map_seed_manager": "preprocessors.mapping",
    "stateless_shuffle": "preprocessors.mapping",
    "Mixture": "mixture",
    "mixing_rate_num_examples": "rates",
    "MixtureRegistry": "registry",
    "TaskRegistry": "registry",
    "get_mixture_or_task": "registry",
    "get_subtasks": "registry",
    "maybe_get_mixture_or_task": "registry",
    "overlay": "registry",
    "DataSource": "sources",
    "FileDataSource": "sources",
    "FunctionDataSource": "sources",
    "HuggingFaceDataSource": "sources",
    "ShardInfo": "sources",
    "TableDataSource": "sources",
    "TFExampleDataSource": "sources",
    "TextLineDataSource": "sources",
    "CacheDatasetPlaceholder": "preprocessors.pipeline",
    "Step": "preprocessors.pipeline",
    "SHUFFLE_BUFFER_SIZE": "task",
    "SourceInfo": "declared",
    "Task": "task",
    "TfdsDataSource": "sources",
    "ByteVocabulary": "vocabularies",
    "PassThroughVocabulary": "vocabularies",
    "SentencePieceVocabulary": "vocabularies",
    "T5Vocabulary": "vocabularies",
    "Vocabulary": "vocabularies",
}

__all__ = [*_HOMES, *_MODULES, *_MOVED_MODULES]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"t5mix.{name}")
    if name in _MOVED_MODULES:
        return importlib.import_module(f"t5mix.{_MOVED_MODULES[name]}")
    if name not in _HOMES:
        raise AttributeError(f"t5mix has no {name!r}; it has {', '.join(__all__)}")
    value = getattr(importlib.import_module(f"t5mix.{_HOMES[name]}"), name)
    globals()[name] = value  # found at once the next time
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])

"""t5mix: task and mixture declarations in, trained text-to-text models out.

A seqio task file works after changing its import line to `import t5mix as seqio`. Every public name is listed once, in
the imports below. Type checkers read them; at run time a name is loaded when it is first used, so that importing t5mix
loads neither TensorFlow nor JAX.
"""

import ast
import importlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from t5mix import evaluation as evaluation
    from t5mix import metrics as metrics
    from t5mix import preprocessors as preprocessors
    from t5mix import vocabularies as vocabularies
    from t5mix.compat import dataset_providers as dataset_providers
    from t5mix.compat import experimental as experimental
    from t5mix.compat import feature_converters as feature_converters
    from t5mix.compat import helpers as helpers
    from t5mix.compat import loggers as loggers
    from t5mix.compat import postprocessors as postprocessors
    from t5mix.compat import t5 as t5
    from t5mix.compat import test_utils as test_utils
    from t5mix.compat import utils as utils
    from t5mix.compat.dataset_providers import DatasetProviderBase as DatasetProviderBase
    from t5mix.compat.dataset_providers import DatasetProviderRegistry as DatasetProviderRegistry
    from t5mix.compat.dataset_providers import DatasetReaderType as DatasetReaderType
    from t5mix.compat.dataset_providers import DataSourceInterface as DataSourceInterface
    from t5mix.compat.dataset_providers import DecodeFnType as DecodeFnType
    from t5mix.compat.dataset_providers import MetricFnCallable as MetricFnCallable
    from t5mix.compat.dataset_providers import MixtureRate as MixtureRate
    from t5mix.compat.dataset_providers import SubtaskOrName as SubtaskOrName
    from t5mix.compat.import_hook import as_seqio as as_seqio
    from t5mix.compat.t5.data import glue_utils as glue_utils
    from t5mix.compat.t5.evaluation import qa_utils as qa_utils
    from t5mix.compat.utils import NestedTFDict as NestedTFDict
    from t5mix.compat.utils import TFDict as TFDict
    from t5mix.compat.utils import add_kwargs_to_transform as add_kwargs_to_transform
    from t5mix.compat.utils import dict_to_tfexample as dict_to_tfexample
    from t5mix.compat.utils import flatten_dict as flatten_dict
    from t5mix.compat.utils import fully_qualified_class_name as fully_qualified_class_name
    from t5mix.compat.utils import function_name as function_name
    from t5mix.compat.utils import get_cached_info_path as get_cached_info_path
    from t5mix.compat.utils import get_cached_stats_path as get_cached_stats_path
    from t5mix.compat.utils import get_cached_tfrecord_prefix as get_cached_tfrecord_prefix
    from t5mix.compat.utils import get_task_dir_from_name as get_task_dir_from_name
    from t5mix.compat.utils import list_files as list_files
    from t5mix.compat.utils import set_preprocessor_seed as set_preprocessor_seed
    from t5mix.compat.utils import tfexample_ragged_length_key as tfexample_ragged_length_key
    from t5mix.compat.utils import tfexample_sparse_indices_key as tfexample_sparse_indices_key
    from t5mix.compat.utils import tfexample_to_dict as tfexample_to_dict
    from t5mix.compat.utils import unflatten_dict as unflatten_dict
    from t5mix.data.feature_converters import DecoderFeatureConverter as DecoderFeatureConverter
    from t5mix.data.feature_converters import EncDecFeatureConverter as EncDecFeatureConverter
    from t5mix.data.feature_converters import EncoderFeatureConverter as EncoderFeatureConverter
    from t5mix.data.feature_converters import FeatureConverter as FeatureConverter
    from t5mix.data.feature_converters import LMFeatureConverter as LMFeatureConverter
    from t5mix.data.feature_converters import PassThroughFeatureConverter as PassThroughFeatureConverter
    from t5mix.data.feature_converters import PrefixLMFeatureConverter as PrefixLMFeatureConverter
    from t5mix.data.feature_converters import PrefixSuffixLMFeatureConverter as PrefixSuffixLMFeatureConverter
    from t5mix.data.feature_converters import PrePackedEncDecFeatureConverter as PrePackedEncDecFeatureConverter
    from t5mix.data.feature_converters import PrePackedLMFeatureConverter as PrePackedLMFeatureConverter
    from t5mix.data.feature_converters import PrePackedPrefixLMFeatureConverter as PrePackedPrefixLMFeatureConverter
    from t5mix.data.feature_converters import autoregressive_inputs as autoregressive_inputs
    from t5mix.data.feature_converters import non_padding_position as non_padding_position
    from t5mix.data.tf_dataset import get_dataset as get_dataset
    from t5mix.declarations import rates as rates
    from t5mix.declarations.declaration import SourceInfo as SourceInfo
    from t5mix.declarations.derived import name_with_sentinels as name_with_sentinels
    from t5mix.declarations.derived import with_sentinels as with_sentinels
    from t5mix.declarations.discovery import include as include
    from t5mix.declarations.mixture import Mixture as Mixture
    from t5mix.declarations.mixture import SampleFn as SampleFn
    from t5mix.declarations.rates import Rate as Rate
    from t5mix.declarations.rates import mixing_rate_num_characters as mixing_rate_num_characters
    from t5mix.declarations.rates import mixing_rate_num_examples as mixing_rate_num_examples
    from t5mix.declarations.registry import MixtureRegistry as MixtureRegistry
    from t5mix.declarations.registry import TaskRegistry as TaskRegistry
    from t5mix.declarations.registry import get_mixture_or_task as get_mixture_or_task
    from t5mix.declarations.registry import get_subtasks as get_subtasks
    from t5mix.declarations.registry import maybe_get_mixture_or_task as maybe_get_mixture_or_task
    from t5mix.declarations.registry import overlay as overlay
    from t5mix.declarations.task import MetricFn as MetricFn
    from t5mix.declarations.task import Task as Task
    from t5mix.evaluation.evaluator.evaluator import Evaluator as Evaluator
    from t5mix.evaluation.evaluator.loggers import JSONLogger as JSONLogger
    from t5mix.evaluation.evaluator.loggers import Logger as Logger
    from t5mix.evaluation.evaluator.loggers import PyLoggingLogger as PyLoggingLogger
    from t5mix.evaluation.evaluator.loggers import TensorAndNumpyEncoder as TensorAndNumpyEncoder
    from t5mix.evaluation.evaluator.loggers import TensorBoardLogger as TensorBoardLogger
    from t5mix.evaluation.evaluator.loggers import TensorBoardLoggerV1 as TensorBoardLoggerV1
    from t5mix.evaluation.evaluator.loggers import skip_none_value_dict_factory as skip_none_value_dict_factory
    from t5mix.preprocessors import objectives as objectives
    from t5mix.preprocessors.mapping import each_example as each_example
    from t5mix.preprocessors.mapping import map_over_dataset as map_over_dataset
    from t5mix.preprocessors.mapping import map_seed_manager as map_seed_manager
    from t5mix.preprocessors.mapping import stateless_shuffle as stateless_shuffle
    from t5mix.preprocessors.pipeline import CacheDatasetPlaceholder as CacheDatasetPlaceholder
    from t5mix.preprocessors.pipeline import Step as Step
    from t5mix.preprocessors.trim_and_pack import make_autoregressive_inputs as make_autoregressive_inputs
    from t5mix.preprocessors.trim_and_pack import trim_and_pack_dataset as trim_and_pack_dataset
    from t5mix.preprocessors.trim_and_pack import trim_and_pad_dataset as trim_and_pad_dataset
    from t5mix.preprocessors.trim_and_pack import trim_dataset as trim_dataset
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
    from t5mix.sources import corpora as corpora
    from t5mix.sources.base import SHUFFLE_BUFFER_SIZE as SHUFFLE_BUFFER_SIZE
    from t5mix.sources.data_dirs import add_global_cache_dirs as add_global_cache_dirs
    from t5mix.sources.data_dirs import get_global_cache_dirs as get_global_cache_dirs
    from t5mix.sources.data_dirs import set_global_cache_dirs as set_global_cache_dirs
    from t5mix.sources.data_dirs import set_tfds_data_dir_override as set_tfds_data_dir_override
    from t5mix.sources.data_dirs import set_tfds_read_config_override as set_tfds_read_config_override
    from t5mix.sources.seqio_caches import NotCachedError as NotCachedError
    from t5mix.sources.tfds import LazyTfdsLoader as LazyTfdsLoader
    from t5mix.vocabularies import PAD_ID as PAD_ID
    from t5mix.vocabularies import BertWordPieceVocabulary as BertWordPieceVocabulary
    from t5mix.vocabularies import ByteVocabulary as ByteVocabulary
    from t5mix.vocabularies import ContinuousFeature as ContinuousFeature
    from t5mix.vocabularies import Feature as Feature
    from t5mix.vocabularies import FullCodepointVocabulary as FullCodepointVocabulary
    from t5mix.vocabularies import PartialCodepointVocabulary as PartialCodepointVocabulary
    from t5mix.vocabularies import PassThroughFeature as PassThroughFeature
    from t5mix.vocabularies import PassThroughVocabulary as PassThroughVocabulary
    from t5mix.vocabularies import SentencePieceVocabulary as SentencePieceVocabulary
    from t5mix.vocabularies import T5Vocabulary as T5Vocabulary
    from t5mix.vocabularies import UnigramVocabulary as UnigramVocabulary
    from t5mix.vocabularies import Vocabulary as Vocabulary

__version__ = "0.1.0"

# The modules of compat/ are modules of t5mix, too: `import t5mix.utils` works as `import seqio.utils` does.
__path__.append(os.path.join(__path__[0], "compat"))


def _public_names() -> dict[str, str]:
    """Returns the module of each public name, by the imports above; "t5mix.x" of a module "x" in compat/."""
    tree = ast.parse(Path(__file__).read_text(encoding="utf-8"))
    [listed] = [node for node in tree.body if isinstance(node, ast.If)]
    imports = [node for node in listed.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: str(node.module).replace(".compat", "") for node in imports for alias in node.names}


_HOMES = _public_names()

__all__ = [*_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"t5mix has no {name!r}; it has {', '.join(__all__)}")
    home = _HOMES[name]
    names = vars(importlib.import_module(home))
    # What its home does not name is a module there.
    value = names[name] if name in names else importlib.import_module(f"{home}.{name}")
    globals()[name] = value  # found at once the next time
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])

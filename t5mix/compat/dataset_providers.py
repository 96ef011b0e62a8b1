"""Names of seqio's module of this name, for code that says `seqio.dataset_providers.Task`."""

from t5mix.compat.additions.providers import (
    DatasetProviderBase,
    DatasetProviderRegistry,
    DatasetReaderType,
    DataSourceInterface,
    DecodeFnType,
    MixtureRate,
    SubtaskOrName,
)
from t5mix.data.tf_dataset import get_dataset
from t5mix.declarations.declaration import SourceInfo
from t5mix.declarations.mixture import Mixture, SampleFn
from t5mix.declarations.registry import (
    MixtureRegistry,
    TaskRegistry,
    get_mixture_or_task,
    get_subtasks,
    maybe_get_mixture_or_task,
)
from t5mix.declarations.task import MetricFn as MetricFnCallable
from t5mix.declarations.task import Task
from t5mix.preprocessors.pipeline import CacheDatasetPlaceholder
from t5mix.sources import (
    DatasetFnCallable,
    DataSource,
    FileDataSource,
    FunctionDataSource,
    ProtoDataSource,
    ShardInfo,
    TextLineDataSource,
    TfdsDataSource,
    TFExampleDataSource,
)
from t5mix.sources.base import SHUFFLE_BUFFER_SIZE
from t5mix.vocabularies.features import ContinuousFeature, Feature, PassThroughFeature

__all__ = [
    "SHUFFLE_BUFFER_SIZE",
    "CacheDatasetPlaceholder",
    "ContinuousFeature",
    "DataSource",
    "DataSourceInterface",
    "DatasetFnCallable",
    "DatasetProviderBase",
    "DatasetProviderRegistry",
    "DatasetReaderType",
    "DecodeFnType",
    "Feature",
    "FileDataSource",
    "FunctionDataSource",
    "MetricFnCallable",
    "Mixture",
    "MixtureRate",
    "MixtureRegistry",
    "PassThroughFeature",
    "ProtoDataSource",
    "SampleFn",
    "ShardInfo",
    "SourceInfo",
    "SubtaskOrName",
    "TFExampleDataSource",
    "Task",
    "TaskRegistry",
    "TextLineDataSource",
    "TfdsDataSource",
    "get_dataset",
    "get_mixture_or_task",
    "get_subtasks",
    "maybe_get_mixture_or_task",
]

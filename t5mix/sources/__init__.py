"""Sources of raw examples: functions, files, TensorFlow Datasets.

The names, arguments and defaults are seqio's. A source also has a fingerprint: it changes when its examples do.
"""

from t5mix.sources.base import DataSource, ShardInfo
from t5mix.sources.files import FileDataSource, TextLineDataSource
from t5mix.sources.function import DatasetFnCallable, FunctionDataSource
from t5mix.sources.hugging_face import HuggingFaceDataSource
from t5mix.sources.records import ProtoDataSource, TFExampleDataSource
from t5mix.sources.tables import TableDataSource
from t5mix.sources.tfds import TfdsDataSource, TfdsSplit

__all__ = [
    "DataSource",
    "DatasetFnCallable",
    "FileDataSource",
    "FunctionDataSource",
    "HuggingFaceDataSource",
    "ProtoDataSource",
    "ShardInfo",
    "TFExampleDataSource",
    "TableDataSource",
    "TextLineDataSource",
    "TfdsDataSource",
    "TfdsSplit",
]

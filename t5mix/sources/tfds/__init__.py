"""TensorFlow Datasets as a source, and the view of a data set that seqio's sources have."""

from t5mix.sources.tfds.lazy_loader import LazyTfdsLoader, TfdsSplit
from t5mix.sources.tfds.source import TfdsDataSource

__all__ = ["LazyTfdsLoader", "TfdsDataSource", "TfdsSplit"]

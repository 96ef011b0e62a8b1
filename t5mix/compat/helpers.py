"""Names of seqio's module of this name: tasks and mixtures made of others."""

from t5mix.declarations.derived import (
    mixture_or_task_with_new_vocab,
    mixture_or_task_with_truncated_data,
    mixture_with_missing_task_splits_removed,
)
from t5mix.sources.derived import TruncatedDatasetProvider

__all__ = [
    "TruncatedDatasetProvider",
    "mixture_or_task_with_new_vocab",
    "mixture_or_task_with_truncated_data",
    "mixture_with_missing_task_splits_removed",
]

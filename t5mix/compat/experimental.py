"""Names of seqio's module of this name: few-shot tasks, tasks that are cached whole, and tasks with sentinels."""

from t5mix.compat.additions.no_registry import disable_registry
from t5mix.declarations.derived import add_task_with_sentinels
from t5mix.declarations.fully_cached import add_fully_cached_mixture, add_fully_cached_task
from t5mix.declarations.mixture import Mixture
from t5mix.declarations.registry import MixtureRegistry, TaskRegistry
from t5mix.declarations.task import Task
from t5mix.preprocessors.pipeline import CacheDatasetPlaceholder
from t5mix.sources import ShardInfo
from t5mix.sources.derived import FewshotDataSource, fewshot_preprocessor

__all__ = [
    "CacheDatasetPlaceholder",
    "FewshotDataSource",
    "Mixture",
    "MixtureRegistry",
    "ShardInfo",
    "Task",
    "TaskRegistry",
    "add_fully_cached_mixture",
    "add_fully_cached_task",
    "add_task_with_sentinels",
    "disable_registry",
    "fewshot_preprocessor",
]

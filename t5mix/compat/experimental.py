"""Names of seqio's module of this name: few-shot tasks, tasks that are cached whole, and tasks with sentinels."""

from t5mix.declarations.derived import add_task_with_sentinels
from t5mix.declarations.fully_cached import add_fully_cached_mixture, add_fully_cached_task
from t5mix.sources.derived import FewshotDataSource, fewshot_preprocessor

__all__ = [
    "FewshotDataSource",
    "add_fully_cached_mixture",
    "add_fully_cached_task",
    "add_task_with_sentinels",
    "fewshot_preprocessor",
]

"""Names of T5's module of this name: its vocabulary, and rates of mixtures."""

from t5mix.declarations.rates import mixing_rate_num_examples
from t5mix.declarations.task import Task
from t5mix.vocabularies import T5Vocabulary
from t5mix.vocabularies.t5 import PUBLISHED_AT

DEFAULT_SPM_PATH = PUBLISHED_AT
DEFAULT_EXTRA_IDS = 100

__all__ = [
    "DEFAULT_EXTRA_IDS",
    "DEFAULT_SPM_PATH",
    "get_default_vocabulary",
    "rate_num_examples",
    "rate_unsupervised",
]


def get_default_vocabulary() -> T5Vocabulary:
    """Returns T5's vocabulary, of 32,000 pieces and 100 sentinels; see `t5mix.T5Vocabulary` for where it is read."""
    return T5Vocabulary(DEFAULT_EXTRA_IDS)


def rate_num_examples(
    task: Task,
    maximum: int | None = None,
    temperature: float = 1.0,
    scale: float = 1.0,
    fallback_to_num_input_examples: bool = True,
) -> float:
    """Returns the rate by the number of examples; see `t5mix.mixing_rate_num_examples`."""
    return mixing_rate_num_examples(
        task,
        maximum=maximum,
        scale=scale,
        temperature=temperature,
        fallback_to_num_input_examples=fallback_to_num_input_examples,
    )


def rate_unsupervised(task: Task, value: float = 1e6) -> float:
    """Returns `value`, whatever the task: the rate of a task that is not counted."""
    return value

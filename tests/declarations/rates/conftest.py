"""Tasks that mixtures are declared of."""

from collections.abc import Callable
from typing import Any

import pytest

from t5mix.declarations.task import Task
from t5mix.preprocessors import append_eos_after_trim, tokenize
from t5mix.sources import FunctionDataSource
from t5mix.vocabularies import ByteVocabulary
from t5mix.vocabularies.features import Feature

VOCABULARY = ByteVocabulary()


def _texts(split: str, shuffle_files: bool) -> Any:
    raise AssertionError("declaring a mixture reads no examples")


def text_task(name: str, count: int | None = None) -> Task:
    """A task of that many examples, which are never read."""
    sizes = {} if count is None else {"num_input_examples": {"train": count}}
    return Task(
        name,
        source=FunctionDataSource(_texts, splits=["train"], **sizes),
        preprocessors=[tokenize, append_eos_after_trim],
        output_features={"inputs": Feature(VOCABULARY), "targets": Feature(VOCABULARY)},
    )


@pytest.fixture
def make_task() -> Callable[..., Task]:
    return text_task

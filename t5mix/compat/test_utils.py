"""For tests of one's own tasks: a registered task on examples written down in the test, and datasets compared.

Names and arguments are seqio's. The task is the real one, with its preprocessors, postprocessor and metrics; only its
source is replaced. docs/testing-your-tasks.md shows how.
"""

import functools
import importlib
from collections import namedtuple
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from t5mix.compat.additions.testing.comparing import (
    assert_dataset,
    assert_datasets_eq,
    assert_datasets_neq,
    assert_dict_contains,
    assert_dict_values_equal,
    create_default_dataset,
    dataset_as_text,
)
from t5mix.compat.additions.testing.fake_examples import (
    get_fake_dataset,
    random_token_preprocessor,
    split_tsv_preprocessor,
    test_text_preprocessor,
    test_token_preprocessor,
    token_preprocessor_no_sequence_length,
)
from t5mix.compat.additions.testing.vocabularies import MockVocabulary, bertwordpiece_vocab, sentencepiece_vocab
from t5mix.data.feature_converters import EncDecFeatureConverter, FeatureConverter, LMFeatureConverter
from t5mix.declarations import registry
from t5mix.declarations.mixture import Mixture
from t5mix.declarations.registry import MixtureRegistry, TaskRegistry
from t5mix.declarations.task import Task
from t5mix.evaluation.evaluator.evaluator import Evaluator
from t5mix.internal.lazy import tensorflow as tf
from t5mix.metrics.metric_objects import ModelOutputType, target_text
from t5mix.sources import FunctionDataSource

if TYPE_CHECKING:
    from t5mix.compat.additions.testing.fake_tasks import FakeMixtureTest as FakeMixtureTest
    from t5mix.compat.additions.testing.fake_tasks import FakeTaskTest as FakeTaskTest

__all__ = [
    "DataInjector",
    "FakeLazyTfds",
    "FakeMixtureTest",
    "FakeTaskTest",
    "FakeTfdsInfo",
    "MixtureRegistry",
    "MockVocabulary",
    "TaskRegistry",
    "assert_dataset",
    "assert_datasets_eq",
    "assert_datasets_neq",
    "assert_dict_contains",
    "assert_dict_values_equal",
    "bertwordpiece_vocab",
    "clear_mixtures",
    "clear_tasks",
    "create_default_dataset",
    "create_prediction",
    "dataset_as_text",
    "encode_str",
    "get_fake_dataset",
    "random_token_preprocessor",
    "sentencepiece_vocab",
    "split_tsv_preprocessor",
    "test_postprocessing",
    "test_preprocessing",
    "test_preprocessing_single",
    "test_task",
    "test_text_preprocessor",
    "test_token_preprocessor",
    "token_preprocessor_no_sequence_length",
]

Example = Mapping[str, Any]
RawData = Mapping[str, Example | Sequence[Example]]

clear_tasks = TaskRegistry.reset
clear_mixtures = MixtureRegistry.reset
# Stand-ins for `LazyTfdsLoader` and its info, for mocks.
FakeLazyTfds = namedtuple(
    "FakeLazyTfds", "name tfds_splits resolved_tfds_name data_dir load load_shard info files size"
)
FakeTfdsInfo = namedtuple("FakeTfdsInfo", "splits features description version homepage file_format config_name")


def __getattr__(name: str) -> Any:
    """Loads the test cases, the folder of models and `mock` when they are first used."""
    if name in ("FakeMixtureTest", "FakeTaskTest"):
        return getattr(importlib.import_module("t5mix.compat.additions.testing.fake_tasks"), name)
    if name == "TEST_DATA_DIR":
        return importlib.import_module("t5mix.compat.additions.testing.vocabularies").test_data_dir()
    if name == "mock":
        return importlib.import_module("unittest.mock")
    raise AttributeError(f"{__name__} has no {name!r}; it has {', '.join(__all__)}")


# A task on one's own examples.


class DataInjector:
    """Gives a registered task other raw examples, inside a `with` block.

    Inside, the name stands for a copy of the task with another source; the task itself is not touched.

    Args:
        task_name: name of a task.
        per_split_data: for each split its raw examples as the source would give them: a dict, or a list of dicts.

    Raises:
        ValueError: for an unknown name, a mixture's name, a split without examples, or unlike examples.
    """

    def __init__(self, task_name: str, per_split_data: RawData) -> None:
        provider = registry.get_mixture_or_task(task_name)
        if isinstance(provider, Mixture):
            raise ValueError(f"{task_name!r} is a mixture; test its tasks one by one")
        self._task = provider
        self._examples = {split: _listed(task_name, split, data) for split, data in per_split_data.items()}
        if not self._examples:
            raise ValueError(f"task {task_name!r}: there are no raw examples; give some for a split")
        self._undo = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as undo:  # leaves the overlay when what follows fails
            undo.enter_context(registry.overlay())
            source = FunctionDataSource(functools.partial(_written_down, self._examples), splits=list(self._examples))
            registry.TaskRegistry.remove(self._task.name)
            registry.TaskRegistry.add_provider(self._task.name, self._task.replace(source=source))
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._undo.close()


def _listed(task: str, split: str, data: Example | Sequence[Example]) -> list[Example]:
    examples = [data] if isinstance(data, Mapping) else list(data)
    if not examples:
        raise ValueError(f"task {task!r}: split {split!r} has no raw examples; give one at least")
    for number, example in enumerate(examples):
        if set(example) != set(examples[0]):
            raise ValueError(
                f"task {task!r}: raw example {number} of split {split!r} has {sorted(example)}, the first has "
                f"{sorted(examples[0])}; give all the same fields"
            )
    return examples


def _written_down(
    examples: Mapping[str, Sequence[Example]], split: str, shuffle_files: bool = False, seed: int | None = None
) -> "tf.data.Dataset":
    # The specs are joined, so that fields may be of unlike lengths.
    parts = [tf.data.Dataset.from_tensors(dict(example)) for example in examples[split]]
    specs = functools.reduce(functools.partial(tf.nest.map_structure, _joined), [part.element_spec for part in parts])
    return tf.data.Dataset.from_generator(lambda: iter(examples[split]), output_signature=specs)


def _joined(one: Any, other: Any) -> Any:
    joined = one.most_specific_common_supertype([other])
    if joined is None:
        raise ValueError(f"raw examples are unlike, {one} and {other}: give a field the same dtype and rank in all")
    return joined


def test_preprocessing(
    task_name: str, raw_data: RawData, seed: int | None = None, sequence_length: Mapping[str, int] | None = None
) -> Iterator[dict[str, Any]]:
    """Runs a task's preprocessors on raw examples.

    Args:
        task_name: name of a task.
        raw_data: one split and its raw examples, see `DataInjector`.
        seed: of random preprocessors.
        sequence_length: for each feature its greatest length in tokens; None trims nothing.

    Returns:
        The examples after preprocessing, as NumPy.

    Raises:
        ValueError: for more than one split, and what `Task.get_dataset` refuses.
    """
    split = _only_split(task_name, raw_data)
    with DataInjector(task_name, raw_data):
        task = registry.TaskRegistry.get(task_name)
        dataset = task.get_dataset(
            sequence_length, split=split, shuffle=False, seed=seed, use_cached=task.requires_caching
        )
        return iter(list(dataset.as_numpy_iterator()))


def test_preprocessing_single(
    task_name: str, raw_data: RawData, seed: int | None = None, sequence_length: Mapping[str, int] | None = None
) -> dict[str, Any]:
    """Runs a task's preprocessors on raw examples that become one example, and returns it; see `test_preprocessing`.

    Raises:
        AssertionError: when they become none or several.
    """
    examples = list(test_preprocessing(task_name, raw_data, seed=seed, sequence_length=sequence_length))
    if len(examples) != 1:
        raise AssertionError(f"task {task_name!r}: preprocessing made {len(examples)} examples, expected is one")
    return examples[0]


def test_postprocessing(
    task_name: str,
    raw_data: RawData,
    target_feature_name: str = "targets",
    predict_output: Sequence[str] | None = None,
    score_output: Sequence[float] | None = None,
    feature_encoder: FeatureConverter | None = None,
    sequence_length: Mapping[str, int] | None = None,
    seed: int | None = 42,
) -> dict[str, Any]:
    """Runs all of a task on raw examples, with a model's outputs written down, and returns the metrics.

    Args:
        task_name: name of a task.
        raw_data: one split and its raw examples, see `DataInjector`.
        target_feature_name: the feature whose vocabulary encodes the predictions.
        predict_output: a model's text for each example after preprocessing.
        score_output: a model's log likelihood of the target of each example after preprocessing.
        feature_encoder: makes a model's features; None chooses by whether the task has inputs.
        sequence_length: for each feature its length in tokens; None is that of the longest example.
        seed: of random preprocessors.

    Returns:
        The task's metrics by name.

    Raises:
        ValueError: when outputs are missing that a metric needs, or there is not one for each example.
    """
    if isinstance(predict_output, str):
        raise ValueError(f"predict_output is the text {predict_output!r}; give a list with a text for each example")
    split = _only_split(task_name, raw_data)
    with DataInjector(task_name, raw_data):
        task = registry.TaskRegistry.get(task_name)
        vocabulary = task.output_features[target_feature_name].vocabulary
        functions: dict[ModelOutputType, Any] = {
            ModelOutputType.PREDICTION: predict_output and [vocabulary.encode(text) for text in predict_output],
            ModelOutputType.SCORE: score_output,
        }
        _check_outputs(task, functions)
        evaluator = Evaluator(
            task_name,
            feature_encoder or _converter(task),
            eval_split=split,
            use_cached=task.requires_caching,
            sequence_length=sequence_length,
            seed=seed,
            async_compute_metrics=False,
            target_field_name=target_feature_name,
        )
        metrics, _ = evaluator.evaluate(
            compute_metrics=True,
            model_fns={
                kind: functools.partial(_numbered, given) for kind, given in functions.items() if given is not None
            },
        )
        return metrics.result()[task_name]


def test_task(
    task_name: str,
    raw_data: RawData,
    output_feature_name: str = "targets",
    feature_encoder: FeatureConverter | None = None,
    seed: int | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Runs all of a task on raw examples that become one example, its own target being the prediction.

    Args:
        task_name: name of a task without metrics of scores.
        raw_data: one split and its raw examples, see `DataInjector`.
        output_feature_name: the feature that is the target.
        feature_encoder: makes a model's features; None chooses by whether the task has inputs.
        seed: of random preprocessors.

    Returns:
        The example after preprocessing, and the metrics, which should be the best that there are.

    Raises:
        AssertionError: when the raw examples become none or several.
        ValueError: see `test_postprocessing`.
    """
    example = test_preprocessing_single(task_name, raw_data, seed=seed)
    features = registry.TaskRegistry.get(task_name).output_features
    metrics = test_postprocessing(
        task_name,
        raw_data,
        target_feature_name=output_feature_name,
        predict_output=[target_text(example, features, output_feature_name)],
        feature_encoder=feature_encoder,
        seed=seed,
    )
    return example, metrics


# pytest collects what is named so where a test module imports it.
for _function in (test_preprocessing, test_preprocessing_single, test_postprocessing, test_task):
    vars(_function)["__test__"] = False


def _only_split(task: str, raw_data: RawData) -> str:
    if len(raw_data) != 1:
        raise ValueError(f"task {task!r}: raw_data has the splits {list(raw_data)}; give one")
    return next(iter(raw_data))


def _converter(task: Task) -> FeatureConverter:
    return EncDecFeatureConverter(pack=False) if "inputs" in task.output_features else LMFeatureConverter(pack=False)


def _check_outputs(task: Task, given: Mapping[ModelOutputType, Any]) -> None:
    arguments = {ModelOutputType.PREDICTION: "predict_output", ModelOutputType.SCORE: "score_output"}
    for metric in task.metric_objs:
        kind = metric.model_output_type
        if given.get(kind) is None:
            name = getattr(metric, "__name__", type(metric).__name__)
            fix = f"give {arguments[kind]}" if kind in arguments else "evaluate with t5mix.Evaluator"
            raise ValueError(f"task {task.name!r}: metric {name!r} needs outputs of a model; {fix}")


def _numbered(outputs: Sequence[Any], dataset: "tf.data.Dataset") -> list[tuple[int, Any]]:
    if len(outputs) != len(dataset):
        raise ValueError(
            f"{len(outputs)} outputs are given, and preprocessing made {len(dataset)} examples; give one for each"
        )
    return list(enumerate(outputs))


def encode_str(task_name: str, s: str, output_feature_name: str = "targets") -> list[int]:
    """Returns the ids of a text in the vocabulary of a task's feature."""
    return registry.get_mixture_or_task(task_name).output_features[output_feature_name].vocabulary.encode(s)


def create_prediction(task_name: str, s: str, output_feature_name: str = "targets") -> list[tuple[int, list[int]]]:
    """Returns what a `predict_fn` returns that predicts a text for the only example."""
    return [(0, encode_str(task_name, s, output_feature_name))]

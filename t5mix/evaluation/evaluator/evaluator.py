"""Evaluates any model on the tasks of a mixture: the model is functions from a dataset to outputs.

Names, arguments and defaults are seqio's. What metrics make of outputs is in `scoring`, shared with the evaluation of
runs, which has no need of feature converters: see `task_results`.
"""

import functools
import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from t5mix.data.feature_converters import FeatureConverter
from t5mix.declarations import registry
from t5mix.declarations.mixture import Mixture
from t5mix.declarations.task import Task
from t5mix.evaluation.evaluator import inputs
from t5mix.evaluation.evaluator.loggers import Logger
from t5mix.evaluation.evaluator.outputs import ModelFn, in_order
from t5mix.evaluation.scoring.scorer import compute_scores
from t5mix.evaluation.scoring.unlabelled import why_not_scored
from t5mix.metrics.metric_objects import as_arrays
from t5mix.metrics.output_types import ModelOutputType
from t5mix.metrics.values import as_metric_value

if TYPE_CHECKING:
    import tensorflow as tf

_log = logging.getLogger(__name__)

AllMetrics = dict[str, dict[str, Any]]
AllOutputs = dict[str, dict[ModelOutputType, Any]]

_ARGUMENTS = {
    ModelOutputType.PREDICTION: "predict_fn",
    ModelOutputType.SCORE: "score_fn",
    ModelOutputType.PREDICTION_WITH_AUX: "predict_with_aux_fn",
    ModelOutputType.SCORE_WITH_INTERMEDIATES: "model_fns",
}


class Evaluator:
    """Examples and targets of a split, read once, for any number of evaluations.

        evaluator = t5mix.Evaluator("glue_rte_v002", t5mix.EncDecFeatureConverter(pack=False))
        metrics, outputs = evaluator.evaluate(compute_metrics=True, predict_fn=predict)
        metrics.result()["glue_rte_v002"]["accuracy"]

    Args:
        mixture_or_task_name: a registered name, a Task or a Mixture. Tasks without the split or without metrics are
            left out, with a warning.
        feature_converter: makes a model's features of a task's; it must not pack.
        eval_split: name of the split.
        use_cached: see `Task.get_dataset`.
        seed: of shuffling and of random preprocessors.
        sequence_length: for each feature its length in tokens; None, or a feature left out, is as long as the longest
            example.
        num_examples: examples of each task at most, the first ones; None is all.
        shuffle: whether these are the first after shuffling, once, by `seed`.
        logger_cls: loggers that get all results, as classes.
        log_dir: the folder they write to.
        use_memory_cache: whether examples stay in memory; if not, they are read again at each evaluation.
        async_compute_metrics: whether metrics are computed in a thread while the caller goes on.
        target_field_name: the feature that is the target.

    Raises:
        ValueError: for an unknown name, a split that no task has, a converter that packs, loggers without a folder,
            lengths that cannot be found out, unlike features, or what cannot be read twice.
    """

    def __init__(
        self,
        mixture_or_task_name: str | Task | Mixture,
        feature_converter: FeatureConverter,
        eval_split: str = "validation",
        use_cached: bool = False,
        seed: int | None = 42,
        sequence_length: Mapping[str, int] | None = None,
        num_examples: int | None = None,
        shuffle: bool = False,
        logger_cls: Sequence[type[Logger]] = (),
        log_dir: str | None = None,
        use_memory_cache: bool = True,
        async_compute_metrics: bool = True,
        target_field_name: str = "targets",
    ) -> None:
        provider = registry.maybe_get_mixture_or_task(mixture_or_task_name)
        self._eval_tasks = _valid_tasks(provider, eval_split)
        self._target_field_name = target_field_name
        self._metrics_executor = ThreadPoolExecutor(max_workers=1) if async_compute_metrics else None
        self._metrics_future: Future[AllMetrics] | None = None
        self._cached_task_datasets: dict[str, tf.data.Dataset] = {}
        self._cached_model_datasets: dict[str, tf.data.Dataset] = {}
        self._model_feature_shapes: dict[str, tuple[int, ...]] = {}
        self._loggers: tuple[Logger, ...] = ()
        if not self._eval_tasks:
            return
        _check(feature_converter, num_examples, shuffle, use_memory_cache, logger_cls, log_dir)
        if sequence_length is None:
            inputs.check_automatic_lengths(self._eval_tasks)
        else:
            inputs.check_length_names(self._eval_tasks, sequence_length)
        self._cached_task_datasets, longest = inputs.cache_and_measure_examples(
            self._eval_tasks,
            functools.partial(
                Task.get_dataset,
                sequence_length=sequence_length,
                split=eval_split,
                use_cached=use_cached,
                shuffle=shuffle,
                seed=seed,
            ),
            {name: spec.sequence_dim for name, spec in feature_converter.TASK_FEATURES.items()},
            num_examples,
            use_memory_cache,
        )
        lengths = inputs.Lengths(sequence_length, longest).chosen()
        for name, examples in self._cached_task_datasets.items():
            converted = feature_converter(examples, lengths)
            self._cached_model_datasets[name] = converted.enumerate()
            self._model_feature_shapes = {
                feature: tuple(spec.shape) for feature, spec in converted.element_spec.items() if spec.shape.rank
            }
        self._loggers = tuple(cls(output_dir=log_dir) for cls in logger_cls)

    @property
    def eval_tasks(self) -> Sequence[Task]:
        """The tasks that are evaluated."""
        return self._eval_tasks

    @property
    def cached_task_datasets(self) -> "Mapping[str, tf.data.Dataset]":
        """For each task its examples after preprocessing."""
        return self._cached_task_datasets

    @property
    def cached_model_datasets(self) -> "Mapping[str, tf.data.Dataset]":
        """For each task pairs of an index and a model's features; what the model's functions get."""
        return self._cached_model_datasets

    @property
    def cached_targets(self) -> Mapping[str, Sequence[Any]]:
        """For each task its postprocessed targets, once metrics were computed from them."""
        filled = {name: [each for each in known.values() if each] for name, known in self._known_targets.items()}
        return {name: lists[-1] for name, lists in filled.items() if lists}

    @property
    def model_feature_shapes(self) -> Mapping[str, tuple[int, ...]]:
        """The shape of each of the model's features, without a batch."""
        return self._model_feature_shapes

    @property
    def loggers(self) -> tuple[Logger, ...]:
        """The loggers, made of logger_cls."""
        return tuple(self._loggers)

    @functools.cached_property
    def _known_targets(self) -> dict[str, dict[Any, Any]]:
        return {task.name: {} for task in self._eval_tasks}

    def evaluate(
        self,
        *,
        compute_metrics: bool,
        step: int | None = None,
        predict_fn: ModelFn | None = None,
        score_fn: ModelFn | None = None,
        predict_with_aux_fn: ModelFn | None = None,
        model_fns: Mapping[ModelOutputType, ModelFn] | None = None,
    ) -> tuple["Future[Any]", AllOutputs]:
        """Runs the model on every task, and computes the metrics.

        Each function gets a dataset of pairs (index, the model's features), and is called only for tasks with metrics
        that need it. It returns pairs (index, output) in any order, one for each example.

        Args:
            compute_metrics: whether to compute metrics, and log them.
            step: steps of training that the model has seen, for loggers.
            predict_fn: its outputs are token ids; or, for several predictions of an example, lists of them.
            score_fn: its outputs are log likelihoods of the targets. It may return a pair of the outputs and a dict
                of lists beside them.
            predict_with_aux_fn: returns a pair of the outputs, token ids, and a dict of lists beside them.
            model_fns: the same by type, and functions of type SCORE_WITH_INTERMEDIATES.

        Returns:
            A future of the metrics, by task and name, None if they are not computed; outputs in the order of the
            examples, by task and type.

        Raises:
            ValueError: if a function is missing that a metric needs, or did not answer each example once. What metrics
                raise is raised here with async_compute_metrics=False; else by the future, and again by the next call
                or by `close`.
        """
        given = {
            ModelOutputType.PREDICTION: predict_fn,
            ModelOutputType.SCORE: score_fn,
            ModelOutputType.PREDICTION_WITH_AUX: predict_with_aux_fn,
        }
        functions = {**(model_fns or {}), **{kind: fn for kind, fn in given.items() if fn is not None}}
        needed = {task.name: _needed(task, functions) for task in self._eval_tasks}
        outputs = {
            task: {kind: self._outputs(task, functions[kind]) for kind in kinds} for task, kinds in needed.items()
        }
        if not compute_metrics:
            nothing: Future[None] = Future()
            nothing.set_result(None)
            return nothing, outputs
        self._wait()
        work = functools.partial(self._metrics, outputs, step)
        if self._metrics_executor is None:
            # Computed first: a future that an error left without a result would be waited for for ever.
            metrics = work()
            done: Future[AllMetrics] = Future()
            done.set_result(metrics)
            return done, outputs
        self._metrics_future = self._metrics_executor.submit(work)
        return self._metrics_future, outputs

    def _outputs(self, task: str, function: ModelFn) -> Any:
        count = int(self._cached_task_datasets[task].cardinality())
        return in_order(task, function(self._cached_model_datasets[task]), count)

    def close(self) -> None:
        """Waits for metrics that are being computed, and raises what they raised."""
        if self._metrics_executor is not None:
            self._metrics_executor.shutdown(wait=True)
        self._wait()

    def _wait(self) -> None:
        future, self._metrics_future = self._metrics_future, None
        if future is not None:
            future.result()

    def _metrics(self, outputs: AllOutputs, step: int | None) -> AllMetrics:
        return {task.name: self._metrics_of(task, outputs[task.name], step) for task in self._eval_tasks}

    def _metrics_of(self, task: Task, outputs: Mapping[ModelOutputType, Any], step: int | None) -> dict[str, Any]:
        dataset = self._cached_task_datasets[task.name]
        examples = list(dataset.as_numpy_iterator())
        why_not = why_not_scored(task, examples, ()) if self._target_field_name == "targets" and examples else None
        if why_not:
            _log.warning("task %s: %s: no label is published, and its metrics tell nothing", task.name, why_not)
        arrays = {kind: as_arrays(output) for kind, output in outputs.items()}
        scores = compute_scores(task, examples, arrays, self._target_field_name, self._known_targets[task.name])
        for logger in self._loggers:
            logger(
                task_name=task.name,
                step=step,
                metrics={name: as_metric_value(value) for name, value in scores.values.items()},
                dataset=dataset,
                inferences={
                    name: each.tolist() if hasattr(each, "tolist") else each for name, each in scores.inferences.items()
                },
                targets=scores.targets,
            )
        return dict(scores.values)


def _valid_tasks(provider: Task | Mixture, split: str) -> list[Task]:
    tasks = registry.get_subtasks(provider)
    if not any(split in task.splits for task in tasks):
        splits = sorted({name for task in tasks for name in task.splits})
        raise ValueError(f"{provider.name!r} has no split {split!r} to evaluate; its splits: {', '.join(splits)}")
    valid = inputs.get_valid_eval_tasks(tasks, split)
    if not valid:
        _log.warning("%s has no task with split %r and metrics: nothing is evaluated", provider.name, split)
    return valid


def _check(
    converter: FeatureConverter,
    num_examples: int | None,
    shuffle: bool,
    use_memory_cache: bool,
    logger_cls: Sequence[type[Logger]],
    log_dir: str | None,
) -> None:
    if converter.pack:
        raise ValueError(
            "feature_converter packs several examples into a row, and evaluation needs an output for each; "
            "give it pack=False"
        )
    if num_examples is not None and num_examples < 1:
        raise ValueError(f"num_examples is {num_examples}; give 1, 2, ... or None for all")
    if shuffle and not use_memory_cache:
        raise ValueError(
            "with use_memory_cache=False examples are read again, and shuffle=True would give them another order "
            "than their targets had; leave one of the two out"
        )
    if logger_cls and not log_dir:
        raise ValueError("'log_dir' must be provided to `Evaluator` if `logger_cls` is non-empty.")


def _needed(task: Task, functions: Mapping[ModelOutputType, ModelFn]) -> list[ModelOutputType]:
    """Returns the types of output that a task's metrics need, each once.

    Raises:
        ValueError: naming the function that is missing.
    """
    kinds = []
    for metric in task.metric_objs:
        kind = ModelOutputType(metric.model_output_type)
        if kind not in functions:
            name = getattr(metric, "__name__", type(metric).__name__)
            raise ValueError(
                f"task {task.name!r}: metric {name!r} needs {ModelOutputType.to_str(kind)} outputs of the model; "
                f"give {_ARGUMENTS[kind]}"
            )
        kinds += [kind] if kind not in kinds else []
    return kinds

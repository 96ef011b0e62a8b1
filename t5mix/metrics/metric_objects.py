"""Metrics as objects: what they need of a model, and how they judge its outputs.

A function of (targets, predictions) becomes such an object by `PassthroughLegacyMetric.from_metric_fn`; every task does
that with its metric_fns. Class names and methods are seqio's; clu and JAX are not needed, and metrics made with them
work as well.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Self

import numpy as np

from t5mix.internal.code import signatures
from t5mix.metrics.output_types import OUTPUT_TYPES, ModelOutputType
from t5mix.metrics.values import MetricValue
from t5mix.vocabularies.features import Feature

Example = Mapping[str, Any]
Features = Mapping[str, Feature]
Values = Mapping[str, MetricValue | float]
MetricFnCallable = Callable[..., Values]


class Metric:
    """A metric that reduces outputs as it takes them in.

    Give `model_output_type`, `from_model_output` and `compute`:

        @dataclasses.dataclass(frozen=True)
        class MeanScore(Metric):
            model_output_type: ModelOutputType = ModelOutputType.SCORE
            mean: float = 0.0

            @classmethod
            def from_model_output(cls, inputs, model_output, features, target_field_name="targets", mask=None,
                                  indices_2d=None):
                return cls(mean=float(model_output.mean()))

            def compute(self):
                return {"mean_score": self.mean}
    """

    model_output_type: ModelOutputType

    @classmethod
    def empty(cls) -> Self:
        """Returns one that has seen nothing."""
        return cls()

    @classmethod
    def from_model_output(
        cls,
        inputs: Iterable[Example],
        model_output: Any,
        features: Features,
        target_field_name: str = "targets",
        mask: np.ndarray | None = None,
        indices_2d: np.ndarray | None = None,
    ) -> Any:
        """Returns one that has seen the outputs.

        Args:
            inputs: the examples after preprocessing.
            model_output: one output an example, an array where they are of one shape, else a list; for outputs with
                something beside them a pair of these and a dict of lists or arrays.
            features: the task's output features.
            target_field_name: which of them is the target.
            mask: `[examples]`, 0 for an example that only fills a batch; None has none.
            indices_2d: `[examples, 2]`, shard and index in it; None is one shard in order.
        """
        raise NotImplementedError(f"{cls.__name__} must define from_model_output")

    def compute(self) -> Values:
        """Returns the metric's values by name."""
        raise NotImplementedError(f"{type(self).__name__} must define compute")


@dataclasses.dataclass(frozen=True)
class CollectingMetric:
    """A metric that keeps all outputs and judges them in `actual_compute`.

    Attributes:
        values: "model_output", "indices_2d" and "mask", as `Metric.from_model_output` takes them.
    """

    values: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @classmethod
    def empty(cls) -> Self:
        """Returns one that has seen nothing."""
        return cls()

    def from_model_output(
        self,
        inputs: Iterable[Example],
        model_output: Any,
        features: Features,
        target_field_name: str = "targets",
        mask: np.ndarray | None = None,
        indices_2d: np.ndarray | None = None,
    ) -> Self:
        """Returns one that has seen the outputs; see `Metric.from_model_output`."""
        count = len(model_output[0] if isinstance(model_output, tuple) else model_output)
        if mask is None:
            mask = np.ones(count, np.int32)
        if indices_2d is None:
            indices_2d = np.stack([np.zeros(count, np.int32), np.arange(count, dtype=np.int32)], axis=1)
        return dataclasses.replace(self, values={"model_output": model_output, "indices_2d": indices_2d, "mask": mask})

    def actual_compute(
        self,
        task_dataset_as_numpy: Iterable[Example],
        task_output_features: Features,
        target_field_name: str = "targets",
        cached_targets: Sequence[Any] | None = None,
    ) -> tuple[Values, dict[str, Any]]:
        """Returns the values by name, and what was compared, for loggers: "targets", "prediction", "score" and so on.

        Args:
            task_dataset_as_numpy: the examples after preprocessing.
            task_output_features: the task's output features.
            target_field_name: which of them is the target.
            cached_targets: postprocessed targets of an earlier call; None or empty to make them.
        """
        raise NotImplementedError(f"{type(self).__name__} must define actual_compute")


@dataclasses.dataclass(frozen=True)
class PassthroughLegacyMetric(CollectingMetric):
    """A metric function as an object.

    Attributes:
        metric_fn: of (targets, predictions), (targets, scores) or (targets, predictions, aux_values).
        postprocess_fn: makes of a decoded target or prediction what the function compares; None leaves it as it is.
        model_output_type: what the function's arguments say.
    """

    metric_fn: MetricFnCallable = dataclasses.field(kw_only=True)
    postprocess_fn: Callable[..., Any] | None = dataclasses.field(default=None, kw_only=True)
    model_output_type: ModelOutputType = dataclasses.field(kw_only=True)

    @classmethod
    def from_metric_fn(cls, metric_fn: MetricFnCallable, postprocess_fn: Callable[..., Any] | None = None) -> Self:
        """Returns the object of a function.

        Raises:
            ValueError: when its arguments are none that a metric has.
        """
        return cls(metric_fn=metric_fn, postprocess_fn=postprocess_fn, model_output_type=output_type(metric_fn))

    def empty(self) -> Self:  # type: ignore[override]  # of an object: the class alone has no function
        """Returns one that has seen nothing."""
        return dataclasses.replace(self, values={})

    @property
    def __name__(self) -> str:
        """The function's name, for messages."""
        return signatures.name(self.metric_fn)

    def postprocess(self, decoded: Iterable[Any], examples: Iterable[Example], is_target: bool) -> list[Any]:
        """Returns what the function compares, of decoded targets or predictions of `examples`."""
        if self.postprocess_fn is None:
            return list(decoded)
        pairs = zip(decoded, examples, strict=True)
        return [self.postprocess_fn(each, example=example, is_target=is_target) for each, example in pairs]

    def targets(self, examples: Sequence[Example], features: Features, name: str = "targets") -> list[Any]:
        """Returns the postprocessed targets of `examples`."""
        return self.postprocess([target_text(example, features, name) for example in examples], examples, True)

    def actual_compute(
        self,
        task_dataset_as_numpy: Iterable[Example],
        task_output_features: Features,
        target_field_name: str = "targets",
        cached_targets: Sequence[Any] | None = None,
    ) -> tuple[Values, dict[str, Any]]:
        """Returns the function's values, and what it compared; see `CollectingMetric.actual_compute`.

        Raises:
            ValueError: when there is not one output for each example.
        """
        indices, output = remove_padding_examples(
            self.values["model_output"], self.values["indices_2d"], self.values["mask"]
        )
        output = globally_sort_model_output(output, indices)
        return self._judge(task_dataset_as_numpy, output, task_output_features, target_field_name, cached_targets)

    def _judge(
        self, examples: Iterable[Example], output: Any, features: Features, name: str, cached: Sequence[Any] | None
    ) -> tuple[Values, dict[str, Any]]:
        examples = list(examples)
        main, beside = output if isinstance(output, tuple) else (output, None)
        if len(main) != len(examples):
            raise ValueError(
                f"metric {self.__name__!r}: {len(main)} outputs of the model for {len(examples)} examples; "
                "it must answer each"
            )
        targets = list(cached) if cached else self.targets(examples, features, name)
        if self.model_output_type is ModelOutputType.SCORE:
            return self.metric_fn(targets=targets, scores=output), {"targets": targets, "score": output}
        decoded = [decode(each, features[name].vocabulary) for each in main]
        predictions = self.postprocess(decoded, examples, False)
        compared = {"targets": targets, "output": decoded, "prediction": predictions}
        if self.model_output_type is ModelOutputType.PREDICTION:
            return self.metric_fn(targets=targets, predictions=predictions), compared
        values = self.metric_fn(targets=targets, predictions=predictions, aux_values=beside)
        return values, {**compared, "aux_value": beside}


class LegacyMetric:
    """seqio's earlier name for a metric function as an object; `PassthroughLegacyMetric` is the one that tasks use."""

    @classmethod
    def empty(
        cls, metric_fn: MetricFnCallable, postprocess_fn: Callable[..., Any] | None = None
    ) -> PassthroughLegacyMetric:
        """Returns `PassthroughLegacyMetric.from_metric_fn(metric_fn, postprocess_fn)`."""
        return PassthroughLegacyMetric.from_metric_fn(metric_fn, postprocess_fn)


def output_type(metric_fn: MetricFnCallable) -> ModelOutputType:
    """Returns what a metric function needs of a model.

    Raises:
        ValueError: when its arguments are none that a metric has.
    """
    arguments = signatures.required_arguments(metric_fn)
    if arguments not in OUTPUT_TYPES:
        allowed = " or ".join(f"({', '.join(names)})" for names in OUTPUT_TYPES)
        raise ValueError(
            f"metric {signatures.name(metric_fn)!r} takes ({', '.join(arguments)}); "
            f"a metric takes {allowed}, by these names"
        )
    return OUTPUT_TYPES[arguments]


def target_text(example: Example, features: Features, name: str = "targets") -> Any:
    """Returns a target as written where `<name>_pretokenized` keeps it, else its decoded ids."""
    if f"{name}_pretokenized" not in example:
        return features[name].vocabulary.decode(_listed(example[name]))
    text = example[f"{name}_pretokenized"]
    text = text.item() if isinstance(text, np.generic) else text
    return text.decode("utf-8") if isinstance(text, bytes) else text


def decode(output: Any, vocabulary: Any) -> Any:
    """Returns the text of a prediction's ids, a list of texts for several predictions; what is no ids as it is."""
    if isinstance(output, str):
        return str(output)  # of NumPy's own kind of str too
    if isinstance(output, bytes | Mapping) or not hasattr(output, "__len__"):
        return output
    if hasattr(output, "shape"):
        output = np.asarray(output)
        if not output.ndim:
            return output.item()
    if len(output) and (isinstance(output[0], str | list | tuple) or getattr(output[0], "ndim", 0)):
        return [decode(each, vocabulary) for each in output]
    return vocabulary.decode(_listed(output))


def _listed(ids: Any) -> list[Any]:
    return ids.tolist() if hasattr(ids, "tolist") else list(ids)


def remove_padding_examples(model_output: Any, indices_2d: Any, mask: Any) -> tuple[np.ndarray, Any]:
    """Returns indices and outputs of the examples whose mask is 1.

    Args:
        model_output: outputs, or a pair of outputs and what is beside them.
        indices_2d: `[examples, 2]`.
        mask: `[examples]`; 0 marks an example that only fills a batch.
    """
    rows = np.flatnonzero(np.asarray(mask) == 1)
    return np.asarray(indices_2d)[rows], permuted(model_output, rows)


def globally_sort_model_output(model_output: Any, indices_2d: np.ndarray) -> Any:
    """Returns outputs by shard, then by index in it.

    Args:
        model_output: outputs, or a pair of outputs and what is beside them.
        indices_2d: `[examples, 2]`, shard and index in it.
    """
    return permuted(model_output, np.lexsort((indices_2d[:, 1], indices_2d[:, 0])))


def permuted(outputs: Any, order: Any) -> Any:
    """Returns outputs in another order, in each list or array of a tuple or dict of them.

    Args:
        outputs: a list or array with one entry an example, or tuples and dicts of these.
        order: which example comes first, second, ...
    """
    if isinstance(outputs, Mapping):
        return {name: permuted(each, order) for name, each in outputs.items()}
    if isinstance(outputs, tuple):
        return tuple(permuted(each, order) for each in outputs)
    if hasattr(outputs, "shape"):
        return np.asarray(outputs)[order]
    return [outputs[index] for index in order]


def as_arrays(outputs: Any) -> Any:
    """Returns lists as arrays where their entries are of one shape, also in tuples and dicts.

    Others stay lists, as do those that hold texts, of which an array would cut off trailing NULs.
    """
    if isinstance(outputs, Mapping):
        return {name: as_arrays(each) for name, each in outputs.items()}
    if isinstance(outputs, tuple):
        return tuple(as_arrays(each) for each in outputs)
    try:
        array = np.asarray(outputs)
    except ValueError:  # entries of unequal shape
        return outputs
    return outputs if array.dtype.kind in "US" else array

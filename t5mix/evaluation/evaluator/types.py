"""Types of what an `Evaluator` is given and returns, for annotations; the names are seqio's."""

from collections.abc import Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from t5mix.evaluation.evaluator.outputs import ModelFnReturnType, PredictFnReturnType, ScoreFnReturnType

if TYPE_CHECKING:
    import tensorflow as tf

# By task: token ids, scores and what stands beside them, an entry for each example.
AllOutputTokensType = Mapping[str, Sequence[Sequence[int]]]
AllOutputScoresType = Mapping[str, Sequence[float]]
AllOutputAuxValuesType = Mapping[str, Mapping[str, Sequence[Any]]]
# Metrics by name, and these by task.
TaskMetricsType = MutableMapping[str, Any]
AllMetricsType = MutableMapping[str, TaskMetricsType]


class AllMetricsFuture(Protocol):
    """Metrics that may still be computed."""

    def result(self) -> AllMetricsType:
        """Waits for the metrics, and returns them by task and name."""


MetricsAndOutputsType = tuple[AllMetricsFuture, Any]


class PredictFnCallable(Protocol):
    """A model that predicts: see `Evaluator.evaluate`."""

    def __call__(
        self, dataset: "tf.data.Dataset", model_feature_shapes: Mapping[str, int] | None
    ) -> PredictFnReturnType:
        """Returns pairs of an example's index and its token ids."""


class ScoreFnCallable(Protocol):
    """A model that scores targets: see `Evaluator.evaluate`."""

    def __call__(self, dataset: "tf.data.Dataset", model_feature_shapes: Mapping[str, int] | None) -> ScoreFnReturnType:
        """Returns pairs of an example's index and the log likelihood of its targets."""


class ModelFnCallable(Protocol):
    """A model of any kind: see `Evaluator.evaluate`."""

    def __call__(self, dataset: "tf.data.Dataset", model_feature_shapes: Mapping[str, int] | None) -> ModelFnReturnType:
        """Returns pairs of an example's index and its output."""

"""SQuAD's metric as an object that takes in one batch after the other."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from t5mix.features import Feature
from t5mix.metrics.objects import Metric, ModelOutputType, decode
from t5mix.metrics.question_answering import squad


@dataclasses.dataclass(frozen=True)
class ShardedSquad(Metric):
    """Mean exact match `em` and token `f1`, times 100, of predictions and the `answers` of their examples.

    Each batch makes one by `from_model_output`; `merge` gives that of two batches together.

    Attributes:
      f1: mean of the examples seen.
      em: mean of the examples seen.
      count: how many were seen.
    """

    f1: float = 0.0
    em: float = 0.0
    count: int = 0
    model_output_type: ModelOutputType = ModelOutputType.PREDICTION

    @classmethod
    def from_model_output(  # type: ignore[override]
        cls,
        inputs: Sequence[Mapping[str, Any]],
        model_output: Any,
        features: Mapping[str, Feature],
        target_field_name: str = "targets",
        mask: np.ndarray | None = None,
        indices_2d: np.ndarray | None = None,
    ) -> Self:
        """Returns one that has seen a batch; each example has `answers`, its correct ones."""
        examples = list(inputs)
        seen = range(len(examples)) if mask is None else np.flatnonzero(mask).tolist()
        if not seen:
            return cls()
        answers = [[_text(answer) for answer in examples[place]["answers"]] for place in seen]
        vocabulary = features[target_field_name].vocabulary
        scores = squad(answers, [decode(model_output[place], vocabulary) for place in seen])
        return cls(f1=scores["f1"], em=scores["em"], count=len(seen))

    def merge(self, other: "ShardedSquad") -> Self:
        """Returns one that has seen what both have."""
        count = self.count + other.count
        if not count:
            return self
        f1, em = ((a * self.count + b * other.count) / count for a, b in ((self.f1, other.f1), (self.em, other.em)))
        return dataclasses.replace(self, f1=f1, em=em, count=count)

    def compute(self) -> dict[str, float]:
        """Returns `f1` and `em`."""
        return {"f1": self.f1, "em": self.em}


def _text(answer: Any) -> str:
    return answer.decode("utf-8") if isinstance(answer, bytes) else str(answer)

"""SQuAD 1.1: questions whose answers stand in a paragraph."""

import functools
from collections.abc import Callable
from typing import Any

import t5mix
from t5mix import metrics, postprocessors, preprocessors, t5

SQUAD: list[t5mix.MetricFn] = [metrics.squad]

# name: the text format, the postprocessor, the metrics.
TASKS: dict[str, tuple[t5mix.Step, Callable[..., Any], list[t5mix.MetricFn]]] = {
    "squad_v010_allanswers": (preprocessors.squad, postprocessors.qa, SQUAD),
    # The question alone.
    "squad_v010_context_free": (
        functools.partial(preprocessors.squad, include_context=False),
        postprocessors.qa,
        SQUAD,
    ),
    # The answer as its place in the paragraph.
    "squad_v010_allanswers_span": (
        preprocessors.squad_span_space_tokenized,
        postprocessors.span_qa,
        [metrics.span_squad],
    ),
    # An older name of squad_v010_allanswers. T5 gives it no postprocessor, so that its metric compares a prediction
    # with single letters of the first answer.
    "squad_v010": (preprocessors.squad, postprocessors.qa, SQUAD),
}

for name, (text_format, postprocess_fn, metric_fns) in TASKS.items():
    t5mix.TaskRegistry.add(
        name,
        source=t5mix.TfdsDataSource("squad/v1.1:3.0.0"),
        preprocessors=t5.steps(text_format),
        output_features=t5.features(),
        postprocess_fn=postprocess_fn,
        metric_fns=metric_fns,
    )

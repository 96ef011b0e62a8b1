"""CNN/Daily Mail: news articles and their highlights."""

import functools

import t5mix
from t5mix import metrics, preprocessors, t5

t5mix.TaskRegistry.add(
    "cnn_dailymail_v002",
    source=t5mix.TfdsDataSource("cnn_dailymail:3.4.0"),
    preprocessors=t5.steps(functools.partial(preprocessors.summarize, article_key="article", summary_key="highlights")),
    output_features=t5.features(),
    metric_fns=[metrics.rouge],
)

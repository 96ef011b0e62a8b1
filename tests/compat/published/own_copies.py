"""In the manner of a published file: it declares tasks under names of T5's own suite, with other data."""

import functools

import seqio
import t5.data
import tensorflow as tf
from t5.data import postprocessors, preprocessors
from t5.data.tasks import TaskRegistry
from t5.evaluation import metrics

FEATURES = {
    "inputs": seqio.Feature(vocabulary=seqio.ByteVocabulary(), add_eos=True, required=False),
    "targets": seqio.Feature(vocabulary=seqio.ByteVocabulary(), add_eos=True),
}


def examples(split, shuffle_files, seed=None):
    texts = {"train": ["Rain all night.", "Frost at noon."], "validation": ["No wind."]}[split]
    return tf.data.Dataset.from_tensor_slices({"article": texts, "highlights": [text.split()[0] for text in texts]})


TaskRegistry.add(
    "cnn_dailymail_v002",
    source=seqio.FunctionDataSource(examples, splits=["train", "validation"], num_input_examples={"train": 2}),
    preprocessors=[
        functools.partial(preprocessors.summarize, article_key="article", summary_key="highlights"),
        seqio.preprocessors.tokenize,
        seqio.CacheDatasetPlaceholder(),
        seqio.preprocessors.append_eos_after_trim,
    ],
    postprocess_fn=postprocessors.lower_text,
    metric_fns=[metrics.rouge],
    output_features=FEATURES,
)
seqio.MixtureRegistry.add("published_summaries", ["cnn_dailymail_v002"], default_rate=t5.data.rate_num_examples)

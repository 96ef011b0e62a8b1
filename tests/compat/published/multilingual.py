"""In the manner of a published file: span corruption with a vocabulary whose model holds the sentinels."""

import functools
import os

import seqio
import t5.data
import tensorflow as tf
from t5.data import preprocessors

DEFAULT_SPM_PATH = os.environ["PUBLISHED_VOCABULARY"]
DEFAULT_VOCAB = seqio.SentencePieceVocabulary(DEFAULT_SPM_PATH)
DEFAULT_OUTPUT_FEATURES = {
    "inputs": seqio.Feature(vocabulary=DEFAULT_VOCAB, add_eos=True, required=False),
    "targets": seqio.Feature(vocabulary=DEFAULT_VOCAB, add_eos=True),
}
LANGUAGES = ["de", "en"]


def texts(split, shuffle_files, seed=None, language="de"):
    del split, shuffle_files, seed
    line = {"de": "that is a test was a test those were tests", "en": "this is a test"}[language]
    return tf.data.Dataset.from_tensor_slices({"text": [f"{line} {line}"] * 8})


for language in LANGUAGES:
    seqio.TaskRegistry.add(
        f"published_{language}",
        source=seqio.FunctionDataSource(functools.partial(texts, language=language), splits=["train"]),
        preprocessors=[
            functools.partial(t5.data.preprocessors.rekey, key_map={"inputs": None, "targets": "text"}),
            seqio.preprocessors.tokenize,
            seqio.CacheDatasetPlaceholder(),
            preprocessors.span_corruption,
            seqio.preprocessors.append_eos_after_trim,
        ],
        output_features=DEFAULT_OUTPUT_FEATURES,
        metric_fns=[],
    )

seqio.MixtureRegistry.add("published_languages", [f"published_{each}" for each in LANGUAGES], default_rate=1.0)

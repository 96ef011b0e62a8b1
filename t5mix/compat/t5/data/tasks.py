"""Names of T5's module of this name. Its tasks are those that t5mix ships: they are found without importing this."""

from typing import Any

from t5mix.declarations.registry import TaskRegistry
from t5mix.declarations.t5 import features
from t5mix.vocabularies import SentencePieceVocabulary

__all__ = ["DEFAULT_OUTPUT_FEATURES", "TaskRegistry", "sentencepiece_model_file", "vocab"]

DEFAULT_OUTPUT_FEATURES = features()

# The model that holds the sentinels itself, of the tasks for the prefix language model.
sentencepiece_model_file = "gs://t5-data/vocabs/cc_all.32000.100extra/sentencepiece.model"
vocab = SentencePieceVocabulary(sentencepiece_model_file)

# Data set of WMT, pair of languages and version of the data that T5's translation tasks read.
_WMT = (("14", "de-en"), ("14", "fr-en"), ("16", "ro-en"), ("15", "fr-en"), ("19", "de-en"))


def __getattr__(name: str) -> Any:
    """Makes `b_configs`: (year, TFDS's builder config, version) of T5's translation tasks, which loads TFDS."""
    if name != "b_configs":
        raise AttributeError(f"{__name__} has no {name!r}; it has {', '.join([*__all__, 'b_configs'])}")
    import tensorflow_datasets as tfds

    return [
        (year, getattr(getattr(tfds.translate, f"wmt{year}"), f"Wmt{year}Translate").builder_configs[pair], "1.0.0")
        for year, pair in _WMT
    ]

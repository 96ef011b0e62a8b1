"""The offline suite: T5's families of tasks on text that Python and pip packages already hold.

Nothing is downloaded. README.md beside this file says what each task holds out, and the licences.
"""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import t5mix
from t5mix import corpora, metrics, objectives, postprocessors, preprocessors

Step = Callable[..., Any]

SENTIMENTS = ["negative", "positive"]
LANGUAGES = ["en", "de", "fr", "ro", "es", "it", "pt", "nl", "sv", "pl", "cs", "hu", "fi", "tr"]
LANGUAGE_NAMES = [
    *("English", "German", "French", "Romanian", "Spanish", "Italian", "Portuguese", "Dutch"),
    *("Swedish", "Polish", "Czech", "Hungarian", "Finnish", "Turkish"),
]
VALENCES = [f"{tenths / 10:.1f}" for tenths in range(-40, 41, 2)]

VOCABULARY = t5mix.SentencePieceVocabulary(str(Path(__file__).with_name("offline.model")), extra_ids=28)
# Language modelling has no inputs.
FEATURES = {name: t5mix.Feature(VOCABULARY, required=name == "targets") for name in ("inputs", "targets")}


def add(name: str, corpus: corpora.Corpus, *steps: Step, objective: Sequence[Step] = (), **evaluated: Any) -> None:
    """Declares one task of the suite: its corpus, its text format, then tokens."""
    t5mix.TaskRegistry.add(
        name,
        source=t5mix.FunctionDataSource(corpus, splits=["train", "validation", "test"]),
        preprocessors=[
            *steps,
            preprocessors.tokenize,
            t5mix.CacheDatasetPlaceholder(),
            *objective,
            preprocessors.append_eos_after_trim,
        ],
        output_features=FEATURES,
        **evaluated,
    )


def add_classification(name: str, corpus: corpora.Corpus, label_names: list[str]) -> None:
    """Declares a task whose targets are words for labels, in the text format of GLUE."""
    add(
        f"offline_{name}",
        corpus,
        functools.partial(preprocessors.glue, benchmark_name=name, label_names=label_names),
        postprocess_fn=functools.partial(postprocessors.string_label_to_class_id, label_classes=label_names),
        metric_fns=[metrics.accuracy],
    )


# C4: unsupervised text. Span corruption, unless a run chooses another objective (gin/objectives/).
add(
    "offline_documents",
    corpora.documents(),
    functools.partial(preprocessors.rekey, key_map={"inputs": None, "targets": "text"}),
    objective=[objectives.unsupervised],
)

# GLUE: classification, and a regression binned to 0.2 as STS-B is.
add_classification("sentiment", corpora.sentiment(), SENTIMENTS)
add_classification("library", corpora.libraries(), list(corpora.LIBRARIES))
add_classification("language", corpora.language_names(tuple(LANGUAGES)), LANGUAGE_NAMES)
add(
    "offline_valence",
    corpora.valence(),
    functools.partial(preprocessors.glue, benchmark_name="valence", label_names=VALENCES),
    postprocess_fn=postprocessors.string_to_float,
    metric_fns=[metrics.pearson_corrcoef, metrics.spearman_corrcoef],
)

# WMT: English to German, French and Romanian.
for language in ("de", "fr", "ro"):
    add(
        f"offline_translate_en{language}",
        corpora.translations(language),
        functools.partial(preprocessors.translate, source_language="en", target_language=language),
        metric_fns=[metrics.bleu],
    )

# CNN/DailyMail: a shorter text that says the same.
add(
    "offline_abbreviate",
    corpora.abbreviations(),
    functools.partial(preprocessors.summarize, article_key="article", summary_key="highlights"),
    metric_fns=[metrics.rouge],
)

# SQuAD: the answer stands in the context.
add(
    "offline_questions",
    corpora.questions(),
    preprocessors.squad,
    postprocess_fn=postprocessors.qa,
    metric_fns=[metrics.squad],
)

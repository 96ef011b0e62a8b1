"""In the manner of a published file: T5's helpers for GLUE, its old tasks, its rates and its default vocabulary."""

import collections
import functools

import seqio
import t5.data
import tensorflow as tf
from t5.data import postprocessors, preprocessors
from t5.data.glue_utils import get_glue_metric, get_glue_postprocess_fn, get_glue_text_preprocessor
from t5.data.utils import DEFAULT_EXTRA_IDS, DEFAULT_SPM_PATH
from t5.evaluation import metrics, qa_utils

Config = collections.namedtuple("Config", ["name", "label_classes"])
RTE = Config("rte", ["entailment", "not_entailment"])
FEATURES = dict.fromkeys(("inputs", "targets"), seqio.Feature(t5.data.ByteVocabulary()))
T5_VOCABULARY = seqio.SentencePieceVocabulary(DEFAULT_SPM_PATH, DEFAULT_EXTRA_IDS)


def pairs(split, shuffle_files, seed=None):
    return tf.data.Dataset.from_tensor_slices(
        {
            "sentence1": ["It rains.", "He sang."],
            "sentence2": ["Rain falls.", "He slept."],
            "label": [0, 1],
            "idx": [0, 1],
        }
    )


t5.data.TaskRegistry.add(
    "published_rte",
    t5.data.FunctionTask,
    dataset_fn=pairs,
    splits=["train", "validation"],
    text_preprocessor=get_glue_text_preprocessor(RTE),
    postprocess_fn=get_glue_postprocess_fn(RTE),
    metric_fns=get_glue_metric("rte"),
    output_features=FEATURES,
    num_input_examples={"train": 2, "validation": 2},
)


def normalized(answer, **kwargs):
    return (
        [qa_utils.normalize_trivia_qa(each) for each in postprocessors.qa(answer, **kwargs)]
        if kwargs["is_target"]
        else qa_utils.normalize_trivia_qa(answer)
    )


def questions(split, shuffle_files, seed=None):
    example = {"id": "1", "question": "Who sang?", "context": "Ann sang.", "answers": {"text": ["Ann", "an Ann"]}}
    return tf.data.Dataset.from_tensors(tf.nest.map_structure(tf.constant, example))


seqio.TaskRegistry.add(
    "published_questions",
    source=seqio.FunctionDataSource(questions, splits=("train", "validation"), num_input_examples={"train": 1}),
    preprocessors=[
        preprocessors.squad,
        seqio.preprocessors.tokenize,
        seqio.CacheDatasetPlaceholder(),
        seqio.preprocessors.append_eos_after_trim,
    ],
    output_features=FEATURES,
    postprocess_fn=normalized,
    metric_fns=[metrics.trivia_qa],
)

seqio.MixtureRegistry.add(
    "published_mixture",
    ["published_rte", ("published_questions", functools.partial(t5.data.rate_num_examples, scale=2.0))],
    default_rate=t5.data.rate_num_examples,
)

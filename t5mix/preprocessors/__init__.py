"""Preprocessors: functions from dataset to dataset, of which a task is made.

Names, arguments, defaults and the very text they produce are those of seqio and T5.
"""

from t5mix.preprocessors.coreference import definite_pronoun_resolution_simple, wsc, wsc_simple
from t5mix.preprocessors.examples import parse_tsv, preprocess_tsv, print_dataset, rekey
from t5mix.preprocessors.generation import squad, summarize, translate
from t5mix.preprocessors.glue import glue, stsb
from t5mix.preprocessors.question_answering import squad_span_space_tokenized, trivia_qa, trivia_qa_truncate_inputs
from t5mix.preprocessors.ranking import rank_classification, rank_classification_formatter
from t5mix.preprocessors.sentinels import add_sentinels, append_eos_after_trim_and_preserve
from t5mix.preprocessors.super_glue import record
from t5mix.preprocessors.tokens import (
    append_eos,
    append_eos_after_trim,
    tokenize,
    tokenize_and_append_eos,
)
from t5mix.preprocessors.wnli import wnli_simple

__all__ = [
    "add_sentinels",
    "append_eos",
    "append_eos_after_trim",
    "append_eos_after_trim_and_preserve",
    "definite_pronoun_resolution_simple",
    "glue",
    "parse_tsv",
    "preprocess_tsv",
    "print_dataset",
    "rank_classification",
    "rank_classification_formatter",
    "record",
    "rekey",
    "squad",
    "squad_span_space_tokenized",
    "stsb",
    "summarize",
    "tokenize",
    "tokenize_and_append_eos",
    "translate",
    "trivia_qa",
    "trivia_qa_truncate_inputs",
    "wnli_simple",
    "wsc",
    "wsc_simple",
]

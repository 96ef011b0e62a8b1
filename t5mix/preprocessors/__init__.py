"""Preprocessors: functions from dataset to dataset, of which a task is made.

Names, arguments, defaults and the very text they produce are those of seqio and T5.
"""

from t5mix.preprocessors.examples import parse_tsv, preprocess_tsv, print_dataset, rekey
from t5mix.preprocessors.generation import squad, summarize, translate
from t5mix.preprocessors.glue import glue, stsb
from t5mix.preprocessors.tokens import (
    append_eos,
    append_eos_after_trim,
    tokenize,
    tokenize_and_append_eos,
)

__all__ = [
    "append_eos",
    "append_eos_after_trim",
    "glue",
    "parse_tsv",
    "preprocess_tsv",
    "print_dataset",
    "rekey",
    "squad",
    "stsb",
    "summarize",
    "tokenize",
    "tokenize_and_append_eos",
    "translate",
]

"""Preprocessors: functions from dataset to dataset, of which a task is made.

Names, arguments, defaults and the very text they produce are those of seqio and T5.
"""

from t5mix.preprocessors.examples import parse_tsv, preprocess_tsv, print_dataset, rekey
from t5mix.preprocessors.tokens import (
    append_eos,
    append_eos_after_trim,
    tokenize,
    tokenize_and_append_eos,
)

__all__ = [
    "append_eos",
    "append_eos_after_trim",
    "parse_tsv",
    "preprocess_tsv",
    "print_dataset",
    "rekey",
    "tokenize",
    "tokenize_and_append_eos",
]

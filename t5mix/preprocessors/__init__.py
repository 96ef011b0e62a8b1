"""Preprocessors: functions from dataset to dataset, of which a task is made.

Names, arguments, defaults and the very text they produce are those of seqio and T5.  What makes noise lies in
`t5mix.objectives` and is found here too, where T5 has it.
"""

import importlib
from typing import TYPE_CHECKING, Any

from t5mix.preprocessors.blanks import fill_in_the_blank, fill_in_the_blank_sized
from t5mix.preprocessors.chunks import maybe_cast_seed, select_random_chunk, single_example_select_random_chunk
from t5mix.preprocessors.coreference import definite_pronoun_resolution_simple, wsc, wsc_simple
from t5mix.preprocessors.examples import (
    parse_tsv,
    preprocess_tensorflow_examples,
    preprocess_tsv,
    print_dataset,
    rekey,
)
from t5mix.preprocessors.generation import multi_translate, squad, summarize, translate
from t5mix.preprocessors.generation import pad_punctuation as _pad_punctuation
from t5mix.preprocessors.glue import glue, stsb
from t5mix.preprocessors.prefix_packing import (
    pack_prefix_lm_decoder_only,
    pack_prefix_lm_encoder_decoder,
    targets_for_prefix_lm_objective,
)
from t5mix.preprocessors.question_answering import span_answer as _span_answer
from t5mix.preprocessors.question_answering import squad_span_space_tokenized, trivia_qa, trivia_qa_truncate_inputs
from t5mix.preprocessors.ranking import rank_classification, rank_classification_formatter
from t5mix.preprocessors.segments import (
    concatenate_and_split_to_fixed_length,
    reduce_concat_tokens,
    split_tokens,
    split_tokens_to_inputs_length,
    split_tokens_to_random_length,
    split_tokens_to_targets_length,
)
from t5mix.preprocessors.sentences import neighboring_pairs, next_sentence_prediction
from t5mix.preprocessors.sentinels import add_sentinels, append_eos_after_trim_and_preserve
from t5mix.preprocessors.super_glue import record
from t5mix.preprocessors.text import (
    NON_SPACED_LANGUAGE_RANGES,
    filter_by_string_length,
    lm,
    pad_nonspaced_languages,
    random_split_text,
    split_text_to_words,
)
from t5mix.preprocessors.tokens import (
    append_eos,
    append_eos_after_trim,
    append_eos_after_trim_impl,
    tokenize,
    tokenize_and_append_eos,
    tokenize_impl,
)
from t5mix.preprocessors.tokens import append_to_innermost_axis as _append_to_innermost_axis
from t5mix.preprocessors.trimming import (
    apply_feature_converter,
    trim_and_pad_dataset,
    trim_tokens_at_front,
    truncate_inputs_left,
)
from t5mix.preprocessors.wnli import wnli_simple

if TYPE_CHECKING:
    from t5mix.objectives import (
        DenoiseInputsFn,
        DenoiseNoiseMaskFn,
        DenoiseTargetsFn,
        denoise,
        drop_noise_tokens,
        drop_nonnoise_tokens,
        iid_noise_mask,
        noise_span_to_sentinel,
        noise_span_to_unique_sentinel,
        noise_token_to_gathered_token,
        noise_token_to_random_token,
        noise_token_to_random_token_or_sentinel,
        noise_token_to_sentinel,
        nonnoise_span_to_sentinel,
        nonnoise_span_to_unique_sentinel,
        permute_noise_tokens,
        random_prefix_noise_mask,
        random_spans_helper,
        random_spans_noise_mask,
        random_spans_targets_length,
        random_spans_tokens_length,
        regular_noise_mask,
        sentinel_id,
        single_example_denoise,
    )
    from t5mix.objectives.full_lm import full_lm
    from t5mix.objectives.iid_denoising import iid_denoising
    from t5mix.objectives.prefix_lm import prefix_lm
    from t5mix.objectives.span_corruption import span_corruption
    from t5mix.objectives.unsupervised import unsupervised

__all__ = [
    "NON_SPACED_LANGUAGE_RANGES",
    "DenoiseInputsFn",
    "DenoiseNoiseMaskFn",
    "DenoiseTargetsFn",
    "_append_to_innermost_axis",  # T5's and seqio's own tests call these three
    "_pad_punctuation",
    "_span_answer",
    "add_sentinels",
    "append_eos",
    "append_eos_after_trim",
    "append_eos_after_trim_and_preserve",
    "append_eos_after_trim_impl",
    "apply_feature_converter",
    "concatenate_and_split_to_fixed_length",
    "definite_pronoun_resolution_simple",
    "denoise",
    "drop_noise_tokens",
    "drop_nonnoise_tokens",
    "fill_in_the_blank",
    "fill_in_the_blank_sized",
    "filter_by_string_length",
    "full_lm",
    "glue",
    "iid_denoising",
    "iid_noise_mask",
    "lm",
    "maybe_cast_seed",
    "multi_translate",
    "neighboring_pairs",
    "next_sentence_prediction",
    "noise_span_to_sentinel",
    "noise_span_to_unique_sentinel",
    "noise_token_to_gathered_token",
    "noise_token_to_random_token",
    "noise_token_to_random_token_or_sentinel",
    "noise_token_to_sentinel",
    "nonnoise_span_to_sentinel",
    "nonnoise_span_to_unique_sentinel",
    "pack_prefix_lm_decoder_only",
    "pack_prefix_lm_encoder_decoder",
    "pad_nonspaced_languages",
    "parse_tsv",
    "permute_noise_tokens",
    "prefix_lm",
    "preprocess_tensorflow_examples",
    "preprocess_tsv",
    "print_dataset",
    "random_prefix_noise_mask",
    "random_spans_helper",
    "random_spans_noise_mask",
    "random_spans_targets_length",
    "random_spans_tokens_length",
    "random_split_text",
    "rank_classification",
    "rank_classification_formatter",
    "record",
    "reduce_concat_tokens",
    "regular_noise_mask",
    "rekey",
    "select_random_chunk",
    "sentinel_id",
    "single_example_denoise",
    "single_example_select_random_chunk",
    "span_corruption",
    "split_text_to_words",
    "split_tokens",
    "split_tokens_to_inputs_length",
    "split_tokens_to_random_length",
    "split_tokens_to_targets_length",
    "squad",
    "squad_span_space_tokenized",
    "stsb",
    "summarize",
    "targets_for_prefix_lm_objective",
    "tokenize",
    "tokenize_and_append_eos",
    "tokenize_impl",
    "translate",
    "trim_and_pad_dataset",
    "trim_tokens_at_front",
    "trivia_qa",
    "trivia_qa_truncate_inputs",
    "truncate_inputs_left",
    "unsupervised",
    "wnli_simple",
    "wsc",
    "wsc_simple",
]


def __getattr__(name: str) -> Any:
    # Objectives import preprocessors, so they are looked up when they are first named.
    if name in __all__:
        return getattr(importlib.import_module("t5mix.objectives"), name)
    raise AttributeError(f"t5mix.preprocessors has no {name!r}; it has {', '.join(__all__)}")

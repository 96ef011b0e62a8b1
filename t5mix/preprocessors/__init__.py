"""Preprocessors: functions from dataset to dataset, of which a task is made.

Names, arguments, defaults and the very text they produce are those of seqio and T5. What makes noise lies in
`objectives`, which users import as `t5mix.objectives`, and is found here too, where T5 has it.
"""

from t5mix.preprocessors.formats.coreference import definite_pronoun_resolution_simple, wnli_simple, wsc, wsc_simple
from t5mix.preprocessors.formats.generation import join as _string_join
from t5mix.preprocessors.formats.generation import multi_translate, squad, summarize, translate
from t5mix.preprocessors.formats.generation import pad_punctuation as _pad_punctuation
from t5mix.preprocessors.formats.glue import glue, record, stsb
from t5mix.preprocessors.formats.question_answering import span_answer as _span_answer
from t5mix.preprocessors.formats.question_answering import (
    squad_span_space_tokenized,
    trivia_qa,
    trivia_qa_truncate_inputs,
)
from t5mix.preprocessors.formats.rank_classification import rank_classification, rank_classification_formatter
from t5mix.preprocessors.mapping import AUTOTUNE
from t5mix.preprocessors.objectives.denoising import iid_denoising
from t5mix.preprocessors.objectives.language_models import full_lm, prefix_lm
from t5mix.preprocessors.objectives.selection import unsupervised
from t5mix.preprocessors.objectives.span_corruption import (
    random_spans_helper,
    random_spans_targets_length,
    random_spans_tokens_length,
    span_corruption,
)
from t5mix.preprocessors.objectives.t5_denoise import (
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
    random_spans_noise_mask,
    regular_noise_mask,
    single_example_denoise,
)
from t5mix.preprocessors.objectives.token_functions import sentinel_id
from t5mix.preprocessors.parsing import parse_tsv, preprocess_tensorflow_examples, preprocess_tsv, print_dataset, rekey
from t5mix.preprocessors.pipeline import FeatureType, OutputFeaturesType, SequenceLengthType
from t5mix.preprocessors.prefix_lm_packing import (
    pack_prefix_lm_decoder_only,
    pack_prefix_lm_encoder_decoder,
    targets_for_prefix_lm_objective,
)
from t5mix.preprocessors.segments import (
    concatenate_and_split_to_fixed_length,
    maybe_cast_seed,
    reduce_concat_tokens,
    select_random_chunk,
    single_example_select_random_chunk,
    split_tokens,
    split_tokens_to_inputs_length,
    split_tokens_to_random_length,
    split_tokens_to_targets_length,
)
from t5mix.preprocessors.text import (
    NON_SPACED_LANGUAGE_RANGES,
    filter_by_string_length,
    lm,
    pad_nonspaced_languages,
    random_split_text,
    split_text_to_words,
)
from t5mix.preprocessors.text_objectives import (
    fill_in_the_blank,
    fill_in_the_blank_sized,
    neighboring_pairs,
    next_sentence_prediction,
)
from t5mix.preprocessors.tokens import (
    add_sentinels,
    append_eos,
    append_eos_after_trim,
    append_eos_after_trim_and_preserve,
    append_eos_after_trim_impl,
    apply_feature_converter,
    tokenize,
    tokenize_and_append_eos,
    tokenize_impl,
    trim_and_pad_dataset,
    trim_tokens_at_front,
    truncate_inputs_left,
)
from t5mix.preprocessors.tokens import append_to_innermost_axis as _append_to_innermost_axis

__all__ = [
    "AUTOTUNE",
    "NON_SPACED_LANGUAGE_RANGES",
    "DenoiseInputsFn",
    "DenoiseNoiseMaskFn",
    "DenoiseTargetsFn",
    "FeatureType",
    "OutputFeaturesType",
    "SequenceLengthType",
    "_append_to_innermost_axis",  # these four are private in the originals, and files of others call them
    "_pad_punctuation",
    "_span_answer",
    "_string_join",
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

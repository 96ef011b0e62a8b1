"""Objectives: self-supervised examples made of running text, with fresh noise each time.

An objective is a preprocessor like any other, for use after `CacheDatasetPlaceholder`:

    preprocessors=[..., tokenize, CacheDatasetPlaceholder(), objectives.span_corruption, append_eos_after_trim]

with other settings as `objectives.span_corruption(noise_density=0.3)` or through `functools.partial`, or
by T5's name as `objectives.named("iid_15_d_d")`. With `objectives.unsupervised` in its place, a task leaves the
objective to the run (`Run.objective`).
`Task.get_dataset` calls it on a `tf.data.Dataset`; the stream calls the same NumPy code itself,
for many examples at once, with noise that depends on the seed, the task, the epoch and the example alone.
"""

# `t5mix.preprocessors` shows names of objectives, which use its modules: loaded first, it meets none half loaded.
import t5mix.preprocessors  # noqa: F401
from t5mix.internal.ragged import Ragged
from t5mix.preprocessors.objectives.base import Objective
from t5mix.preprocessors.objectives.denoising import (
    Denoising,
    bert_style,
    deshuffling,
    drop_tokens,
    iid_denoising,
    mass_style,
)
from t5mix.preprocessors.objectives.language_models import FullLM, LanguageModel, PrefixLM, full_lm, lm, prefix_lm
from t5mix.preprocessors.objectives.mixture_of_denoisers import (
    MixtureOfDenoisers,
    mixture_of_denoisers,
    r_denoisers,
    s_denoisers,
    x_denoisers,
)
from t5mix.preprocessors.objectives.noise import Noise, random_segments
from t5mix.preprocessors.objectives.selection import as_objective, named, unsupervised, with_objective
from t5mix.preprocessors.objectives.span_corruption import (
    SpanCorruption,
    random_spans_helper,
    random_spans_lengths,
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

__all__ = [
    "DenoiseInputsFn",
    "DenoiseNoiseMaskFn",
    "DenoiseTargetsFn",
    "Denoising",
    "FullLM",
    "LanguageModel",
    "MixtureOfDenoisers",
    "Noise",
    "Objective",
    "PrefixLM",
    "Ragged",
    "SpanCorruption",
    "as_objective",
    "bert_style",
    "denoise",
    "deshuffling",
    "drop_noise_tokens",
    "drop_nonnoise_tokens",
    "drop_tokens",
    "full_lm",
    "iid_denoising",
    "iid_noise_mask",
    "lm",
    "mass_style",
    "mixture_of_denoisers",
    "named",
    "noise_span_to_sentinel",
    "noise_span_to_unique_sentinel",
    "noise_token_to_gathered_token",
    "noise_token_to_random_token",
    "noise_token_to_random_token_or_sentinel",
    "noise_token_to_sentinel",
    "nonnoise_span_to_sentinel",
    "nonnoise_span_to_unique_sentinel",
    "permute_noise_tokens",
    "prefix_lm",
    "r_denoisers",
    "random_prefix_noise_mask",
    "random_segments",
    "random_spans_helper",
    "random_spans_lengths",
    "random_spans_noise_mask",
    "random_spans_targets_length",
    "random_spans_tokens_length",
    "regular_noise_mask",
    "s_denoisers",
    "sentinel_id",
    "single_example_denoise",
    "span_corruption",
    "unsupervised",
    "with_objective",
    "x_denoisers",
]

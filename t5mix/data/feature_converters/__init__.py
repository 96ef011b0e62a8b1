"""Feature converters: a task's features become those that a kind of model reads, padded or packed.

Names, arguments, defaults and outputs are seqio's; where seqio packs wrongly, they are right: see
`preprocessors.trim_and_pack`. Training does not need them, the stream packs by itself; they are for
`t5mix.get_dataset`.
"""

from t5mix.data.feature_converters.base import FeatureConverter, FeatureSpec
from t5mix.data.feature_converters.checks import check_exact_match as _check_exact_match
from t5mix.data.feature_converters.checks import check_lengths as _check_lengths
from t5mix.data.feature_converters.encoder import EncoderFeatureConverter
from t5mix.data.feature_converters.encoder_decoder import EncDecFeatureConverter, PrePackedEncDecFeatureConverter
from t5mix.data.feature_converters.language_model import LMFeatureConverter
from t5mix.data.feature_converters.pass_through import (
    PassThroughFeatureConverter,
    PrePackedLMFeatureConverter,
    PrePackedPrefixLMFeatureConverter,
)
from t5mix.data.feature_converters.prefix_language_model import (
    DecoderFeatureConverter,
    PrefixLMFeatureConverter,
    PrefixSuffixLMFeatureConverter,
)
from t5mix.preprocessors.trim_and_pack import (
    make_autoregressive_inputs,
    non_padding_position,
    trim_and_pack_dataset,
    trim_and_pad_dataset,
)

# seqio's other name.
autoregressive_inputs = make_autoregressive_inputs

__all__ = [
    "DecoderFeatureConverter",
    "EncDecFeatureConverter",
    "EncoderFeatureConverter",
    "FeatureConverter",
    "FeatureSpec",
    "LMFeatureConverter",
    "PassThroughFeatureConverter",
    "PrePackedEncDecFeatureConverter",
    "PrePackedLMFeatureConverter",
    "PrePackedPrefixLMFeatureConverter",
    "PrefixLMFeatureConverter",
    "PrefixSuffixLMFeatureConverter",
    "_check_exact_match",  # seqio's own tests call these two
    "_check_lengths",
    "autoregressive_inputs",
    "make_autoregressive_inputs",
    "non_padding_position",
    "trim_and_pack_dataset",
    "trim_and_pad_dataset",
]

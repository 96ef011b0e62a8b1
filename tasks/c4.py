"""C4 and Wikipedia: running text to pre-train on.

T5 pins version 2.2.0 of C4, which TFDS reads but no longer prepares; 3.1.0 it prepares from Common Crawl with Apache
Beam, which takes days. Of Wikipedia in 2019 the dump is gone, so that TFDS reads only what was prepared before.
"""

import functools

import t5mix
from t5mix import objectives, preprocessors, t5

# name: the data set and the objective. A run chooses the objective of those that are unsupervised (gin/objectives/);
# it is span corruption where it does not.
TEXT: dict[str, tuple[str, t5mix.Step]] = {
    "c4_v220_span_corruption": ("c4/en:3.1.0", objectives.span_corruption),
    "c4_v220_iid_denoising": ("c4/en:3.1.0", objectives.iid_denoising),
    "c4_v220_prefix_lm": ("c4/en:3.1.0", objectives.prefix_lm),
    "c4_v020_unsupervised": ("c4/en:3.1.0", objectives.unsupervised),
    "c4_noclean_v020_unsupervised": ("c4/en.noclean:3.1.0", objectives.unsupervised),
    "c4_realnewslike_v020_unsupervised": ("c4/realnewslike:3.1.0", objectives.unsupervised),
    "c4_webtextlike_v020_unsupervised": ("c4/webtextlike:3.1.0", objectives.unsupervised),
    "wikipedia_20190301.en_v003_unsupervised": ("wikipedia/20190301.en:1.0.0", objectives.unsupervised),
}
rename = functools.partial(preprocessors.rekey, key_map={"inputs": None, "targets": "text"})

for name, (data, objective) in TEXT.items():
    t5mix.TaskRegistry.add(
        name,
        source=t5mix.TfdsDataSource(data),
        preprocessors=t5.steps(rename, tokens=[objective]),
        output_features=t5.features(),
    )

# Prefix language modelling that makes the features of a model itself: an encoder-decoder's, and a decoder's. Every
# feature has the same length, and EOS stands between documents only.
PREFIX_LM = {
    "encoder_decoder": (
        preprocessors.pack_prefix_lm_encoder_decoder,
        [f"encoder_{part}" for part in ("input_tokens", "segment_ids", "positions")]
        + [f"decoder_{part}" for part in ("target_tokens", "input_tokens", "segment_ids", "positions", "loss_weights")],
    ),
    "decoder": (
        preprocessors.pack_prefix_lm_decoder_only,
        [f"decoder_{part}" for part in ("target_tokens", "input_tokens", "loss_weights", "causal_attention")],
    ),
}
TARGETS = t5.features()["targets"]

for architecture, (pack, made) in PREFIX_LM.items():
    t5mix.TaskRegistry.add(
        f"c4_prefix_lm_objective_{architecture}_architecture",
        source=t5mix.TfdsDataSource("c4/en:3.1.0"),
        preprocessors=[
            rename,
            preprocessors.tokenize,
            t5mix.CacheDatasetPlaceholder(),
            preprocessors.targets_for_prefix_lm_objective,
            pack,
        ],
        output_features={
            **{feature: t5mix.Feature(TARGETS.vocabulary, add_eos=False) for feature in made},
            # What the last step takes, and does not leave.
            "targets": t5mix.Feature(TARGETS.vocabulary, required=False),
        },
    )

# Targets only, documents one behind the other; the objective ends each with EOS itself.
t5mix.TaskRegistry.add(
    "c4_v220_full_lm",
    source=t5mix.TfdsDataSource("c4/en:3.1.0"),
    preprocessors=[rename, preprocessors.tokenize, t5mix.CacheDatasetPlaceholder(), objectives.full_lm],
    output_features={"targets": TARGETS},
)

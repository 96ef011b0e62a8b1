"""C4 and Wikipedia: running text to pre-train on.

Version 2.2.0 of C4 is prepared from Common Crawl with Apache Beam, which takes days.
"""

import functools

import t5mix
from t5mix import objectives, preprocessors, t5

# A run chooses the objective of these (gin/objectives/); it is span corruption where it does not.
UNSUPERVISED = objectives.unsupervised

# name: the data set and the objective.
TEXT = {
    "c4_v220_span_corruption": ("c4/en:2.2.0", objectives.span_corruption),
    "c4_v220_iid_denoising": ("c4/en:2.2.0", objectives.iid_denoising),
    "c4_v220_prefix_lm": ("c4/en:2.2.0", objectives.prefix_lm),
    "c4_v020_unsupervised": ("c4/en:2.2.0", UNSUPERVISED),
    "c4_noclean_v020_unsupervised": ("c4/en.noclean:2.2.0", UNSUPERVISED),
    "c4_realnewslike_v020_unsupervised": ("c4/realnewslike:2.2.0", UNSUPERVISED),
    "c4_webtextlike_v020_unsupervised": ("c4/webtextlike:2.2.0", UNSUPERVISED),
    "wikipedia_20190301.en_v003_unsupervised": ("wikipedia/20190301.en:1.0.0", UNSUPERVISED),
}
rename = functools.partial(preprocessors.rekey, key_map={"inputs": None, "targets": "text"})

for name, (data, objective) in TEXT.items():
    t5mix.TaskRegistry.add(
        name,
        source=t5mix.TfdsDataSource(data),
        preprocessors=t5.steps(rename, tokens=[objective]),
        output_features=t5.features(),
    )

# Targets only, documents one behind the other; the objective ends each with EOS itself.
t5mix.TaskRegistry.add(
    "c4_v220_full_lm",
    source=t5mix.TfdsDataSource("c4/en:2.2.0"),
    preprocessors=[rename, preprocessors.tokenize, t5mix.CacheDatasetPlaceholder(), objectives.full_lm],
    output_features={"targets": t5.features()["targets"]},
)

"""WMT: translation from English into German, French and Romanian."""

import functools

import t5mix
from t5mix import metrics, preprocessors, t5

# name: the data set and its language.
TRANSLATION = {
    "wmt14_ende_v003": ("wmt14_translate/de-en:1.0.0", "de"),
    "wmt14_enfr_v003": ("wmt14_translate/fr-en:1.0.0", "fr"),
    "wmt15_enfr_v003": ("wmt15_translate/fr-en:1.0.0", "fr"),
    "wmt16_enro_v003": ("wmt16_translate/ro-en:1.0.0", "ro"),
    "wmt19_ende_v003": ("wmt19_translate/de-en:1.0.0", "de"),
    "wmt_t2t_ende_v003": ("wmt_t2t_translate/de-en:1.0.0", "de"),
}

for name, (data, language) in TRANSLATION.items():
    t5mix.TaskRegistry.add(
        name,
        source=t5mix.TfdsDataSource(data),
        preprocessors=t5.steps(
            functools.partial(preprocessors.translate, source_language="en", target_language=language)
        ),
        output_features=t5.features(),
        metric_fns=[metrics.bleu],
    )

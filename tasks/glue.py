"""GLUE: nine tasks of sentences and pairs of sentences, with the splits and diagnostics they are judged on.

T5 pins version 1.0.0 of the data, which TFDS no longer prepares; by its release notes, 2.0.0 takes QQP from a new
source.
"""

import functools

import t5mix
from t5mix import metrics, postprocessors, preprocessors, t5

MNLI = ["entailment", "neutral", "contradiction"]
ENTAILMENT = ["entailment", "not_entailment"]
ACCURACY = [metrics.accuracy]
F1_AND_ACCURACY = [metrics.f1_score_with_invalid, metrics.accuracy]

# config: the first word of the inputs, the words of labels 0, 1, ..., the metrics. MNLI's splits and the diagnostic
# set AX are asked as MNLI is.
CLASSIFICATION = {
    "cola": ("cola", ["unacceptable", "acceptable"], [metrics.matthews_corrcoef]),
    "sst2": ("sst2", ["negative", "positive"], ACCURACY),
    "mrpc": ("mrpc", ["not_equivalent", "equivalent"], F1_AND_ACCURACY),
    "qqp": ("qqp", ["not_duplicate", "duplicate"], F1_AND_ACCURACY),
    "mnli": ("mnli", MNLI, ACCURACY),
    "mnli_mismatched": ("mnli", MNLI, ACCURACY),
    "mnli_matched": ("mnli", MNLI, ACCURACY),
    "qnli": ("qnli", ENTAILMENT, ACCURACY),
    "rte": ("rte", ENTAILMENT, ACCURACY),
    "wnli": ("wnli", ["not_entailment", "entailment"], ACCURACY),
    "ax": ("mnli", MNLI, []),
}

for config, (benchmark_name, label_names, metric_fns) in CLASSIFICATION.items():
    t5mix.TaskRegistry.add(
        f"glue_{config}_v002",
        source=t5mix.TfdsDataSource(f"glue/{config}:2.0.0", splits=["test"] if config == "ax" else None),
        preprocessors=t5.steps(
            functools.partial(preprocessors.glue, benchmark_name=benchmark_name, label_names=label_names)
        ),
        output_features=t5.features(),
        postprocess_fn=functools.partial(postprocessors.string_label_to_class_id, label_classes=label_names),
        metric_fns=metric_fns,
    )

# Similarity from 0 to 5, asked for in steps of 0.2.
t5mix.TaskRegistry.add(
    "glue_stsb_v002",
    source=t5mix.TfdsDataSource("glue/stsb:2.0.0"),
    preprocessors=t5.steps(preprocessors.stsb),
    output_features=t5.features(),
    postprocess_fn=postprocessors.string_to_float,
    metric_fns=[metrics.pearson_corrcoef, metrics.spearman_corrcoef],
)

# WNLI asked as WSC is: for evaluating what was trained on WSC and DPR. No mixture trains on WNLI.
t5mix.TaskRegistry.add(
    "glue_wnli_v002_simple_eval",
    source=t5mix.TfdsDataSource("glue/wnli:2.0.0", splits=["validation", "test"]),
    preprocessors=t5.steps(preprocessors.wnli_simple),
    output_features=t5.features(),
    postprocess_fn=postprocessors.wsc_simple,
    metric_fns=ACCURACY,
)

"""SuperGLUE, with DPR, whose examples are asked as those of WSC; each task also with a sentinel, `_1_sentinel`."""

import functools
from collections.abc import Sequence
from typing import Any

import t5mix
from t5mix import metrics, postprocessors, preprocessors, t5

ENTAILMENT = ["entailment", "not_entailment"]
BOOLEAN = ["False", "True"]
ACCURACY = [metrics.accuracy]
TRAIN, EVALUATION, TEST = ["train"], ["validation", "test"], ["test"]


def add(name: str, data: str, *text: t5mix.Step, splits: Sequence[str] | None = None, **judged: Any) -> None:
    """Declares a task, and the same with a sentinel behind its inputs and before its targets."""
    task = t5mix.TaskRegistry.add(
        name,
        source=t5mix.TfdsDataSource(data, splits=splits),
        preprocessors=t5.steps(*text),
        output_features=t5.features(),
        **judged,
    )
    with_sentinel = t5mix.with_sentinels(task)
    t5mix.TaskRegistry.add_provider(with_sentinel.name, with_sentinel)


def add_classification(
    config: str,
    label_names: Sequence[str],
    metric_fns: Sequence[t5mix.MetricFn],
    *before: t5mix.Step,
    asked_as: str | None = None,
    feature_names: Sequence[str] | None = None,
    splits: Sequence[str] | None = None,
) -> None:
    """Declares a task whose targets are words for labels."""
    glue = functools.partial(
        preprocessors.glue,
        benchmark_name=asked_as or config,
        label_names=label_names,
        feature_names=feature_names,
    )
    add(
        f"super_glue_{config}_v102",
        f"super_glue/{config}:1.0.2",
        *before,
        glue,
        splits=splits,
        postprocess_fn=functools.partial(postprocessors.string_label_to_class_id, label_classes=label_names),
        metric_fns=metric_fns,
    )


add_classification("boolq", BOOLEAN, ACCURACY)
add_classification("cb", ["entailment", "contradiction", "neutral"], [metrics.mean_multiclass_f1(3), metrics.accuracy])
add_classification("copa", ["choice1", "choice2"], ACCURACY)
add_classification("rte", ENTAILMENT, ACCURACY)
add_classification("wic", BOOLEAN, ACCURACY, feature_names=["sentence1", "sentence2", "word"])

# The diagnostic sets have labels of tests only, and are asked as RTE is.
RENAMED = {"premise": "sentence1", "hypothesis": "sentence2", "label": "label", "idx": "idx"}
rename = functools.partial(preprocessors.rekey, key_map=RENAMED)
add_classification("axb", ENTAILMENT, [], rename, asked_as="rte", splits=TEST)
add_classification("axg", ENTAILMENT, [], asked_as="rte", splits=TEST)

# An answer is right or wrong by itself, and a question is answered when all its answers are judged right.
add(
    "super_glue_multirc_v102",
    "super_glue/multirc:1.0.2",
    functools.partial(
        preprocessors.glue,
        benchmark_name="multirc",
        label_names=BOOLEAN,
        feature_names=["question", "answer", "paragraph"],
    ),
    postprocess_fn=postprocessors.multirc,
    metric_fns=[metrics.multirc_f1_over_all_answers, metrics.mean_group_metric(metrics.all_match)],
)
# One example for each correct answer; judged once for each question.
add(
    "super_glue_record_v102",
    "super_glue/record:1.0.2",
    preprocessors.record,
    postprocess_fn=postprocessors.record,
    metric_fns=[metrics.deduplicate_metric(metrics.squad)],
)

# WSC and DPR ask which noun a pronoun means. Trained where the noun proposed is right; judged by whether the noun
# given is the one proposed.
add("dpr_v001_simple", "definite_pronoun_resolution:1.1.0", preprocessors.definite_pronoun_resolution_simple,
    metric_fns=ACCURACY)  # fmt: skip
add(
    "super_glue_wsc_v102_simple_train",
    "super_glue/wsc.fixed:1.0.2",
    functools.partial(preprocessors.wsc_simple, correct_referent_only=True),
    splits=TRAIN,
)
add(
    "super_glue_wsc_v102_simple_eval",
    "super_glue/wsc.fixed:1.0.2",
    preprocessors.wsc_simple,
    splits=EVALUATION,
    postprocess_fn=postprocessors.wsc_simple,
    metric_fns=ACCURACY,
)

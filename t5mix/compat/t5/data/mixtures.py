"""Names of T5's module of this name. Its mixtures are those that t5mix ships: they are found without importing this."""

from t5mix.declarations.rates import Rate
from t5mix.declarations.registry import MixtureRegistry

from .glue_utils import GLUE_WEIGHT_MAPPING, SUPER_GLUE_WEIGHT_MAPPING, SUPER_GLUE_WEIGHT_MAPPING_SENTINEL
from .utils import rate_num_examples

__all__ = ["MixtureRegistry", "assign_weight_or_rate_num_examples"]

# What files of others take from here, by T5's names.
_GLUE_WEIGHT_MAPPING = GLUE_WEIGHT_MAPPING
_SUPER_GLUE_WEIGHT_MAPPING = SUPER_GLUE_WEIGHT_MAPPING
_SUPER_GLUE_WEIGHT_MAPPING_SENTINEL = SUPER_GLUE_WEIGHT_MAPPING_SENTINEL
_glue_tasks = list(GLUE_WEIGHT_MAPPING)
_glue_tasks_with_weight = list(GLUE_WEIGHT_MAPPING.items())
_wsc_dpr_tasks = ["dpr_v001_simple", "super_glue_wsc_v102_simple_train", "super_glue_wsc_v102_simple_eval"]
_super_glue_tasks = list(SUPER_GLUE_WEIGHT_MAPPING)
_super_glue_tasks_with_weight = list(SUPER_GLUE_WEIGHT_MAPPING.items())
_super_glue_tasks_with_weight_sentinel = list(SUPER_GLUE_WEIGHT_MAPPING_SENTINEL.items())
_large_translation_tasks = ["wmt_t2t_ende_v003", "wmt15_enfr_v003"]
_large_supervised_tasks = [*_large_translation_tasks, "cnn_dailymail_v002"]
_others = ["cnn_dailymail_v002", "squad_v010_allanswers", *_large_translation_tasks, "wmt16_enro_v003"]
_supervised_tasks = [*_glue_tasks, *_super_glue_tasks, *_others]
_finetune_tasks = ["glue_v002_proportional", "super_glue_v102_proportional", *_others]


def assign_weight_or_rate_num_examples(name: str) -> Rate:
    """Returns the rate that T5 wrote down for a task of GLUE or SuperGLUE; for others the function that counts."""
    return (GLUE_WEIGHT_MAPPING | SUPER_GLUE_WEIGHT_MAPPING).get(name, rate_num_examples)


def _dedupe(name: str) -> Rate:
    """Returns the same, halved for RTE, which both have."""
    rate = assign_weight_or_rate_num_examples(name)
    return rate / 2 if isinstance(rate, float) and "rte" in name else rate

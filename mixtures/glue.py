"""Mixtures of GLUE. Rates are numbers of training examples; what has no training split has rate 0.

WNLI is in none: DPR and WSC ask the same question better.
"""

import t5mix

GLUE = {
    "glue_cola_v002": 8_551,
    "glue_sst2_v002": 67_349,
    "glue_mrpc_v002": 3_668,
    "glue_qqp_v002": 363_849,
    "glue_stsb_v002": 5_749,
    "glue_mnli_v002": 392_702,
    "glue_qnli_v002": 104_743,
    "glue_rte_v002": 2_490,
    "glue_mnli_mismatched_v002": 0,
    "glue_mnli_matched_v002": 0,
    "glue_ax_v002": 0,
}

t5mix.MixtureRegistry.add("glue_v002_proportional", list(GLUE.items()))

# MNLI and the two splits it is judged on.
t5mix.MixtureRegistry.add("glue_mnli_and_dev_v002", [name for name in GLUE if "mnli" in name], default_rate=1.0)

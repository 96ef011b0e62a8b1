"""Mixtures of SuperGLUE and DPR. Rates are numbers of training examples; what has no training split has rate 0.

WSC has 554 training examples, of which the 259 with the right noun are trained on.
"""

import t5mix

SUPER_GLUE = {
    "dpr_v001_simple": 1_322,
    "super_glue_wsc_v102_simple_train": 259,
    "super_glue_wsc_v102_simple_eval": 0,
    "super_glue_boolq_v102": 9_427,
    "super_glue_cb_v102": 250,
    "super_glue_copa_v102": 400,
    "super_glue_multirc_v102": 27_243,
    "super_glue_record_v102": 138_854,
    "super_glue_rte_v102": 2_490,
    "super_glue_wic_v102": 5_428,
    "super_glue_axb_v102": 0,
    "super_glue_axg_v102": 0,
}
WSC_AND_DPR = ["dpr_v001_simple", "super_glue_wsc_v102_simple_train", "super_glue_wsc_v102_simple_eval"]

t5mix.MixtureRegistry.add("super_glue_v102_proportional", list(SUPER_GLUE.items()))
t5mix.MixtureRegistry.add(
    "super_glue_v102_proportional_sentinel",
    [(t5mix.name_with_sentinels(name), rate) for name, rate in SUPER_GLUE.items()],
)
t5mix.MixtureRegistry.add("wsc_dpr_simple_proportional", [(name, SUPER_GLUE[name]) for name in WSC_AND_DPR])

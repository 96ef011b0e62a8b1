"""T5's mixtures across families: C4 with the supervised tasks, and some of these (Raffel et al., 2020, section 3.5).

Rates are numbers of training examples. T5 writes those of GLUE and SuperGLUE down, where no limit reaches them; the
others are counted. all.py has the mixtures with a limit that holds for every task.
"""

from collections.abc import Mapping, Sequence

import t5mix

GLUE = t5mix.MixtureRegistry.get("glue_v002_proportional").rate_per_task_name
SUPER_GLUE = t5mix.MixtureRegistry.get("super_glue_v102_proportional").rate_per_task_name
LARGE_TRANSLATION = ["wmt_t2t_ende_v003", "wmt15_enfr_v003"]
OTHERS = ["cnn_dailymail_v002", "squad_v010_allanswers", *LARGE_TRANSLATION, "wmt16_enro_v003"]
C4 = "c4_v020_unsupervised"
COUNTED = t5mix.mixing_rate_num_examples
# GLUE and SuperGLUE both have RTE, of 2,490 examples; where they meet, each counts half.
WRITTEN = {**GLUE, **SUPER_GLUE}
HALVED = {**WRITTEN, "glue_rte_v002": 1_245, "super_glue_rte_v102": 1_245}
SUPERVISED = [*GLUE, *SUPER_GLUE, *OTHERS]


def proportional(names: Sequence[str], written: Mapping[str, t5mix.Rate]) -> list[tuple[str, t5mix.Rate]]:
    """Returns each name with its written rate, or counted."""
    return [(name, written.get(name, COUNTED)) for name in names]


MIXTURES: dict[str, list[tuple[str, t5mix.Rate]]] = {
    # English only, with as much C4 as a million examples.
    "en_mix": [(C4, 1e6), *((name, COUNTED) for name in [*GLUE, *SUPER_GLUE, "squad_v010_allanswers"])],
    "all_equal": [(name, 1.0) for name in [*SUPERVISED, C4]],
    "all_proportional": proportional([*SUPERVISED, C4], HALVED),
    "all_mix": [(C4, 1e6), *proportional(SUPERVISED, HALVED)],
    "large_supervised_equal": [(name, 1.0) for name in [*LARGE_TRANSLATION, "cnn_dailymail_v002"]],
    "large_supervised_proportional": [(name, COUNTED) for name in [*LARGE_TRANSLATION, "cnn_dailymail_v002"]],
    "large_translation_equal": [(name, 1.0) for name in LARGE_TRANSLATION],
    "squad_trivia_qa_equal": [("squad_v010_allanswers", 1.0), ("trivia_qa_v010", 1.0)],
    # Everything but one group, to fine-tune on that group afterwards.
    "leave_one_out_glue_v002_proportional": proportional([*SUPER_GLUE, *OTHERS, C4], WRITTEN),
    "leave_one_out_super_glue_v102_proportional": proportional([*GLUE, *OTHERS, C4], WRITTEN),
    **{
        f"leave_one_out_{left_out}": proportional([n for n in [*SUPERVISED, C4] if n != left_out], HALVED)
        for left_out in OTHERS
    },
}
for name, tasks in MIXTURES.items():
    t5mix.MixtureRegistry.add(name, tasks)

"""Mixtures of the offline suite, as T5's paper mixes: by size with a cap, by temperature, equally."""

import t5mix

UNSUPERVISED = ["offline_documents"]
GLUE = ["offline_sentiment", "offline_valence", "offline_library", "offline_language"]
TRANSLATION = ["offline_translate_ende", "offline_translate_enfr", "offline_translate_enro"]
FAMILIES = {
    "glue": GLUE,
    "translation": TRANSLATION,
    "abbreviate": ["offline_abbreviate"],
    "questions": ["offline_questions"],
}
SUPERVISED = [task for family in FAMILIES.values() for task in family]

# The limit K of examples-proportional mixing: no task is drawn as if it had more examples.
CAP = 8_000

MIXTURES = {
    "offline_proportional": (SUPERVISED + UNSUPERVISED, t5mix.rates.proportional(maximum=CAP)),
    "offline_temperature": (
        SUPERVISED + UNSUPERVISED,
        t5mix.rates.proportional(maximum=CAP, temperature=2.0),
    ),
    "offline_equal": (SUPERVISED + UNSUPERVISED, t5mix.rates.equal),
    "offline_supervised": (SUPERVISED, t5mix.rates.proportional(maximum=CAP)),
    "offline_glue": (GLUE, t5mix.rates.proportional(maximum=CAP)),
    "offline_translation": (TRANSLATION, t5mix.rates.equal),
}
for name, (tasks, rate) in MIXTURES.items():
    t5mix.MixtureRegistry.add(name, tasks, default_rate=rate)

for family, left_out in FAMILIES.items():
    t5mix.MixtureRegistry.add(
        f"offline_leave_one_out_{family}",
        [task for task in SUPERVISED + UNSUPERVISED if task not in left_out],
        default_rate=t5mix.rates.proportional(maximum=CAP),
    )

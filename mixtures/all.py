"""All tasks of T5, C4 among them, by every way of mixing in the T5 paper (Raffel et al., 2020, section 3.5.2).

Other than in T5's own mixtures of the same tasks, limits and temperatures hold for every task, and what is not trained
on (rate 0) is left out.
"""

import functools

import t5mix

# Numbers of training examples where T5 writes them down; the others are counted.
WRITTEN = t5mix.MixtureRegistry.get("all_proportional").rate_per_task_name
ALL = [name for name, rate in WRITTEN.items() if callable(rate) or rate != 0]
SUPERVISED = [name for name in ALL if name != "c4_v020_unsupervised"]
LIMIT = 2**21
# UniMax: as many draws as the paper's pre-training has sequences, and no example more than ten times.
DRAWS, EPOCHS = 2**26, 10


def examples(task: t5mix.Task) -> float:
    """Returns the number of examples that a task counts with."""
    rate = WRITTEN[task.name]
    return rate(task) if callable(rate) else float(rate)  # type: ignore[arg-type]  # none changes with the step


def limited(task: t5mix.Task, maximum: float = LIMIT, temperature: float = 1.0) -> float:
    """Returns a rate proportional to min(examples, K), to the power of 1/T."""
    return min(examples(task), maximum) ** (1 / temperature)


def unimax(task: t5mix.Task) -> float:
    """Returns equal shares, but of a small task no more than it has."""
    counts = {name: round(examples(t5mix.TaskRegistry.get(name))) for name in ALL}
    return t5mix.rates.unimax(counts, DRAWS, EPOCHS)[task.name]


MIXTURES: dict[str, t5mix.Rate] = {
    **{f"all_limit_2_{power}": functools.partial(limited, maximum=2**power) for power in range(16, 22)},
    **{f"all_temperature_{t}": functools.partial(limited, temperature=t) for t in (2, 4, 8)},
    "all_unimax": unimax,
}
for name, rate in MIXTURES.items():
    t5mix.MixtureRegistry.add(name, ALL, default_rate=rate)

t5mix.MixtureRegistry.add("all_supervised", SUPERVISED, default_rate=limited)
t5mix.MixtureRegistry.add("all_supervised_equal", SUPERVISED, default_rate=1.0)

"""Whether the intervals of `t5mix compare` hold the true difference as often as they say.

    python benchmarks/compare_is_right.py

1,000 pairs of models are simulated, with hard and easy examples so that both tend to fail together: half of the pairs
without a difference, half with one, in turn by accuracy, F1 and Pearson correlation, on test sets of 50, 300 and 2,000
examples.  The truth is the metric over as many examples as make its own error small, or follows from the shares.

`coverage`: intervals of 95% that hold the true difference; `false_alarms`: pairs without a difference that are called
different at 5%; `found`: pairs with a difference that are called so (no bar: it depends on how great they are).
"""

import argparse
import collections
import json
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from t5mix.evaluation.scoring.paired_difference import Difference, paired_difference

SIZES = (50, 300, 2000)
TRUTH = 4_000_000


def accuracy(targets: object, predictions: object) -> float:
    """Returns the share of equal pairs, in percent."""
    return 100 * float(np.mean(np.asarray(targets) == np.asarray(predictions)))


def f1(targets: object, predictions: object) -> float:
    """Returns the F1 of class 1, in percent."""
    truth, found = np.asarray(targets), np.asarray(predictions)
    total = truth.sum() + found.sum()
    return 200 * float((truth & found).sum()) / float(total) if total else float("nan")


def pearson(targets: object, predictions: object) -> float:
    """Returns Pearson's correlation, in percent."""
    return 100 * float(np.corrcoef(np.asarray(targets), np.asarray(predictions))[0, 1])


def classes(random: np.random.Generator, count: int, skills: tuple[float, float]) -> tuple[np.ndarray, ...]:
    """Returns targets and two models' answers: right where skill is above hardness."""
    targets = (random.random(count) < 0.4).astype(np.int64)
    hardness = random.normal(size=count)
    answers = [np.where(skill + 0.7 * random.normal(size=count) > hardness, targets, 1 - targets) for skill in skills]
    return targets, *answers


def numbers(random: np.random.Generator, count: int, skills: tuple[float, float]) -> tuple[np.ndarray, ...]:
    """Returns targets and two models' answers, numbers: with less skill there is more noise, half of it shared."""
    targets, shared = random.normal(size=count), random.normal(size=count)
    answers = [targets + np.exp(-skill) * (0.7 * shared + 0.7 * random.normal(size=count)) for skill in skills]
    return targets, *answers


KINDS = {"accuracy": (accuracy, classes), "f1": (f1, classes), "pearson": (pearson, numbers)}


def truths(seed: int) -> dict[tuple[str, float], float]:
    """Returns the true difference by metric and difference of skill."""
    known = {}
    for name, (metric, make) in KINDS.items():
        known[name, 0.0] = 0.0
        targets, first, second = make(np.random.default_rng(seed), TRUTH, (0.5, 0.8))
        known[name, 0.3] = metric(targets, second) - metric(targets, first)
    return known


def main() -> None:
    """Simulates, prints a line for each kind of pair, and JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="a first look: 200 pairs")
    options = parser.parse_args()
    pairs = 200 if options.quick else options.pairs
    known = truths(options.seed)
    results: dict[tuple[str, int, float], list[Difference]] = collections.defaultdict(list)
    cases = [(name, size, gap) for name in KINDS for size in SIZES for gap in (0.0, 0.3)]
    for pair in range(pairs):
        name, size, gap = cases[pair % len(cases)]
        metric, make = KINDS[name]
        targets, first, second = make(np.random.default_rng((options.seed, pair)), size, (0.5, 0.5 + gap))
        results[name, size, gap].append(paired_difference(metric, targets, first, second))
    held, alarms, found = [], [], []
    for (name, size, gap), differences in results.items():
        these = [each.low <= known[name, gap] <= each.high for each in differences]
        called = [each.p_value < 0.05 for each in differences]
        held += these
        (found if gap else alarms).extend(called)
        print(f"{name:9} {size:5,} examples, true {known[name, gap]:+6.2f}: held {np.mean(these):.3f}, "
              f"called different {np.mean(called):.3f}")  # fmt: skip
    print(json.dumps({name: round(float(np.mean(values)), 4) for name, values in
                      (("coverage", held), ("false_alarms", alarms), ("found", found))}))  # fmt: skip


if __name__ == "__main__":
    main()

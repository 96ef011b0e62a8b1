"""Whether `t5mix overlap` finds what was planted, and how fast.

    python benchmarks/overlap.py

10**6 training examples of 20 tasks, 25 words each on average, drawn from 30,000 words, with their token caches made
beforehand. 2,000 evaluation examples: half of them are planted in training examples, verbatim, reformatted (case,
punctuation, blanks) and cut (13 words or more of them, between other words); the others are nowhere.

`recall_*`: share of the planted ones that are found, verbatim and reformatted ones by their own kind; `precision`:
share of those found that were planted; `tokens_per_s`: words of training examples a second, of the look-up from the
caches on; `peak_gib`: the most memory that the process held. Beside it, where it is installed, `rensa`: MinHash of
whole texts with a similarity of 0.5, which says what a near-duplicate tool finds of the same examples.
"""

import argparse
import json
import os
import random
import resource
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import t5mix  # noqa: E402
from t5mix import preprocessors  # noqa: E402
from t5mix.evaluation.overlap import texts  # noqa: E402
from t5mix.evaluation.overlap.index import EvaluationExamples  # noqa: E402
from t5mix.evaluation.overlap.ledger import make_ledger  # noqa: E402

TASKS, WORDS, PLANTED = 20, 30_000, 1000
WAYS = ("verbatim", "reformatted", "cut")


def sentence(generator: random.Random, words: list[str]) -> list[str]:
    """Returns 14 to 36 random words."""
    return generator.choices(words, k=generator.randrange(14, 37))


def reformatted(generator: random.Random, words: list[str]) -> str:
    """Returns the words with other case, punctuation and blanks."""
    shown = [
        generator.choice((str.upper, str.title, str))(word) + generator.choice(("", ",", " –", "!")) for word in words
    ]
    return generator.choice(("“", "", "  ")) + "  ".join(shown) + "."


def cut(generator: random.Random, words: list[str], others: list[str]) -> str:
    """Returns 13 words or more, between others."""
    length = generator.randrange(13, len(words) + 1)
    start = generator.randrange(len(words) - length + 1)
    return " ".join([*others[:5], *words[start : start + length], *others[5:10]])


def write(folder: Path, examples: int, seed: int) -> tuple[EvaluationExamples, dict[int, str]]:
    """Writes the tasks' files; returns the evaluation examples, and the way in which each was planted."""
    generator = random.Random(seed)
    words = sorted(
        {"".join(generator.choices("abcdefghijklmnopqrstuvwxyz", k=generator.randrange(3, 9))) for _ in range(WORDS)}
    )
    asked = [sentence(generator, words) for _ in range(2 * PLANTED)]
    ways = {number: WAYS[number % len(WAYS)] for number in range(PLANTED)}
    where: dict[tuple[int, int], int] = {}
    each = examples // TASKS
    while len(where) < PLANTED:
        where.setdefault((generator.randrange(TASKS), generator.randrange(each)), len(where))
    for task in range(TASKS):
        with open(folder / f"{task}.tsv", "w", encoding="utf-8") as file:
            for line in range(each):
                own = sentence(generator, words)
                number = where.get((task, line))
                shown = " ".join(own)
                if number is not None:
                    kind = ways[number]
                    shown = (
                        " ".join(asked[number]) if kind == "verbatim"
                        else reformatted(generator, asked[number]) if kind == "reformatted"
                        else cut(generator, asked[number], own)
                    )  # fmt: skip
                file.write(f"task {task}: {shown}\t{generator.choice(words)}\n")
    return EvaluationExamples("asked", "test", [" ".join(one) for one in asked], [""] * len(asked)), ways


def declare(folder: Path) -> list[t5mix.Task]:
    """Returns the tasks."""
    return [
        t5mix.TaskRegistry.add(
            f"overlap_{number}",
            source=t5mix.TextLineDataSource({"train": str(folder / f"{number}.tsv")}),
            preprocessors=[preprocessors.parse_tsv, preprocessors.tokenize, preprocessors.append_eos],
            output_features={name: t5mix.Feature(t5mix.ByteVocabulary()) for name in ("inputs", "targets")},
        )
        for number in range(TASKS)
    ]


def rensa_finds(tasks: list[t5mix.Task], asked: EvaluationExamples) -> set[int] | None:
    """Returns the evaluation examples that MinHash finds in training examples; None where rensa is missing."""
    try:
        from rensa import RMinHash, RMinHashLSH
    except ImportError:
        return None
    index = RMinHashLSH(threshold=0.5, num_perm=128, num_bands=32)

    def hashed(text: str) -> object:
        made = RMinHash(num_perm=128, seed=1)
        made.update(text.split())
        return made

    for number, text in enumerate(asked.texts):
        index.insert(number, hashed(text))
    found: set[int] = set()
    for task in tasks:
        for inputs, _ in texts.read(task, "train"):
            for text in inputs:
                found.update(index.query(hashed(text.split(": ", 1)[1])))
    return found


def main() -> None:
    """Plants, looks up, prints what was found of each way, and JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=10**6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="a first look: 10**5 examples")
    options = parser.parse_args()
    examples = 10**5 if options.quick else options.examples
    with tempfile.TemporaryDirectory(prefix="t5mix-benchmark-") as made:
        folder = Path(made)
        os.environ["T5MIX_CACHE"] = str(folder / "cache")
        asked, ways = write(folder, examples, options.seed)
        tasks = declare(folder)
        words = 0
        for task in tasks:  # makes the caches
            words += sum(len(text.split()) for both in texts.read(task, "train") for some in both for text in some)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.monotonic()
        ledger = make_ledger(tasks, [asked])
        seconds = time.monotonic() - start
        start = time.monotonic()
        by_rensa = rensa_finds(tasks, asked)
        seconds_of_rensa = time.monotonic() - start
    found = {entry.index: entry.kind for entry in ledger.entries}
    expected = {"verbatim": ("exact",), "reformatted": ("exact", "normalized"), "cut": ("exact", "normalized", "run")}
    figures = {}
    for way in WAYS:
        planted = [number for number, one in ways.items() if one == way]
        figures[f"recall_{way}"] = sum(found.get(number) in expected[way] for number in planted) / len(planted)
    figures["precision"] = sum(number in ways for number in found) / len(found)
    figures["tokens_per_s"] = float(f"{words / seconds:.4g}")
    figures["peak_gib"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 3)
    print(f"{words:,} words of {examples:,} training examples in {seconds:.1f} s; {before / 2**20:.2f} GiB held before")
    if by_rensa is not None:
        for way in WAYS:
            planted = [number for number, one in ways.items() if one == way]
            figures[f"rensa_recall_{way}"] = sum(number in by_rensa for number in planted) / len(planted)
        figures["rensa_tokens_per_s"] = float(f"{words / seconds_of_rensa:.4g}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()

"""Compares preprocessors, postprocessors, metrics and vocabularies with T5 0.9.4 and seqio 0.0.20 on random inputs.

    pip install 't5mix[bench]'
    python benchmarks/parity_random.py

Both read the same inputs, drawn from a seed: empty texts, white space, many scripts, bytes that are no UTF-8, labels
out of range, empty lists, copies, arguments of every kind.  Both must give the same features, dtypes and values in the
same order, or both refuse; what differs and is meant to is named with its reason.  The last line is JSON.
"""

import argparse
import collections
import copy
import dataclasses
import json
import math
import os
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402
import seqio  # noqa: E402
import t5.data.postprocessors  # noqa: E402
import t5.data.preprocessors  # noqa: E402
import t5.evaluation.metrics  # noqa: E402
import tensorflow as tf  # noqa: E402
from absl import logging  # noqa: E402
from random_cases import texts, tokens, values  # noqa: E402
from random_cases.draws import Case, Draw  # noqa: E402
from random_cases.intended import REFUSED, Difference, is_refusal, reason_of  # noqa: E402

import t5mix  # noqa: E402

DTYPES = {"s": tf.string, "i": tf.int32, "l": tf.int64, "f": tf.float32, "b": tf.bool}
CALLS_A_ROUND = 20
NOT_COMPARED = (
    "span_corruption, iid_denoising, prefix_lm: their noise has the law of T5's, not its numbers; their parts are here",
    "unsupervised: T5's does what gin binds",
    "random_spans_tokens_length, random_spans_targets_length: T5's have no arguments; random_spans_helper is here",
    "print_dataset: prints",
    "tokenize_impl, append_eos_after_trim_impl, single_example_*: the functions of one example that others map",
    "next_sentence_prediction: with a buffer of 1, for T5 shuffles without a seed",
    "rouge: of one pair, for T5 reports the middle of a random bootstrap",
)
SHOWN = 3


@dataclasses.dataclass
class Counts:
    """What was compared."""

    cases: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    equal: int = 0
    refused: int = 0
    intended: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    unexpected: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)

    def compare(self, case: Difference) -> None:
        """Compares what came of one case; prints it when nobody meant the difference."""
        self.cases[case.name] += 1
        if same(case.ours, case.theirs):
            self.equal += 1
            self.refused += is_refusal(case.ours)
        elif reason := reason_of(case):
            self.intended[reason] += 1
        else:
            self.unexpected[case.name] += 1
            if self.unexpected[case.name] <= SHOWN:
                print(f"{case.name}: {case.arguments} {case.inputs}"[:900], flush=True)
                print(f"    ours   {str(case.ours)[:600]}\n    theirs {str(case.theirs)[:600]}", flush=True)


def main() -> int:
    """Compares, prints each unexpected difference and the JSON line; returns 1 when there is one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="sets of arguments for each preprocessor")
    parser.add_argument("--seed", type=int, default=94043, help="of what is drawn")
    parser.add_argument("--record", type=Path, help="also write what was counted for each function")
    parser.add_argument("names", nargs="*", help="functions to compare; all when none is named")
    arguments = parser.parse_args()
    logging.set_verbosity(logging.ERROR)
    counts = Counts()
    for name, case in {**texts.CASES, **tokens.CASES}.items():
        for number in range(arguments.rounds) if wanted(arguments.names, name) else ():
            compare_preprocessor(counts, name, case(Draw(f"{arguments.seed} {name} {number}")), number)
    for name, (ours, theirs, case) in functions().items():
        for number in range(arguments.rounds * CALLS_A_ROUND) if wanted(arguments.names, name) else ():
            given, named = case(Draw(f"{arguments.seed} {name} {number}"))
            results = [attempt(called, function, given, named) for function in (ours, theirs)]
            counts.compare(Difference(name, named, given, *results))
    for reason, number in sorted(counts.intended.items()):
        print(f"{number:6} {reason}")
    if arguments.record:
        arguments.record.write_text(json.dumps(counts.cases, indent=1, sort_keys=True) + "\n")
    result = {
        "functions": len(counts.cases),
        "cases": counts.cases.total(),
        "equal": counts.equal,
        "of_these_both_refuse": counts.refused,
        "intended": counts.intended.total(),
        "intended_differences": sorted(counts.intended),
        "not_compared": NOT_COMPARED,
        "unexpected": sorted(counts.unexpected),
    }
    print(json.dumps(result))
    return int(bool(counts.unexpected))


def wanted(names: Sequence[str], name: str) -> bool:
    """Tells whether a function is to be compared."""
    return not names or name in names


# Preprocessors.


def compare_preprocessor(counts: Counts, name: str, case: Case, seed: int) -> None:
    """Runs a preprocessor of both libraries on all rows together, then on each alone."""
    rows: list[Any] = []
    source = tf.data.Dataset.from_generator(lambda: iter(rows), output_signature=signature(case.spec))
    home = seqio.preprocessors if hasattr(seqio.preprocessors, name) else t5.data.preprocessors
    # The shuffling of pairs takes a seed here; T5 shuffles without one.
    first = seed - 1 if name == "next_sentence_prediction" else seed
    sides = [
        attempt(declared, t5mix, getattr(t5mix.preprocessors, name), source, case.of("ours"), first),
        attempt(declared, seqio, getattr(home, name), source, case.of("theirs"), seed),
    ]
    for chosen in (case.rows, *([row] for row in case.rows)):
        rows[:] = chosen
        results = [side if is_refusal(side) else attempt(read, side) for side in sides]
        counts.compare(Difference(name, case.arguments, chosen, *map(in_python, results)))


def declared(library: Any, step: Callable[..., Any], source: Any, arguments: Mapping[str, Any], seed: int) -> Any:
    """Returns the dataset that a preprocessor makes."""
    with library.map_seed_manager(seed):
        return step(source, **arguments)


def read(dataset: Any) -> list[Any]:
    """Returns the dtypes of features, then the examples."""
    return [tf.nest.map_structure(lambda each: each.dtype.name, dataset.element_spec), *dataset]


def signature(spec: Any) -> Any:
    """Returns the signature of "s*" and so on."""
    if isinstance(spec, dict):
        return {key: signature(each) for key, each in spec.items()}
    return tf.TensorSpec([None] * spec.count("*"), DTYPES[spec[0]])


# Postprocessors, metrics and vocabularies.


def functions() -> dict[str, tuple[Callable[..., Any], Callable[..., Any], Callable[[Draw], Any]]]:
    """Returns by name a function of ours, of theirs, and what draws a call of them."""
    found = {}
    for name, case in values.POSTPROCESSORS.items():
        sides = (getattr(module, name) for module in (t5mix.postprocessors, t5.data.postprocessors))
        found[f"postprocessors.{name}"] = (*sides, case)
    for name, case in values.OBJECTIVES.items():
        sides = (getattr(module, name) for module in (t5mix.preprocessors, t5.data.preprocessors))
        found[f"preprocessors.{name}"] = (*sides, case)
    modules = (t5mix.metrics, t5.evaluation.metrics)
    for name, case in values.METRICS.items():
        found[f"metrics.{name}"] = (*(getattr(module, name) for module in modules), case)
    for name, (arguments, case) in values.MADE_METRICS.items():
        made = [getattr(module, name)(*arguments(module)[0], **arguments(module)[1]) for module in modules]
        found[f"metrics.{name}"] = (*made, case)
    for name, both in values.vocabularies().items():
        for method in ("encode", "decode", "encode_tf", "decode_tf"):
            sides = (getattr(side, method) for side in (both.ours, both.theirs))
            found[f"{name}.{method}"] = (*sides, values.vocabulary_case(name, method))
    return found


def called(function: Callable[..., Any], given: Sequence[Any], named: Mapping[str, Any]) -> Any:
    """Returns what a function returns of copies of its arguments: T5's F1 writes into them."""
    with np.errstate(all="ignore"):
        return in_python(function(*copy.deepcopy(given), **copy.deepcopy(named)))


# Comparing.


def attempt(call: Callable[..., Any], *arguments: Any) -> Any:
    """Returns what a call returns, or (REFUSED, the error)."""
    try:
        return call(*arguments)
    except Exception as error:
        return (REFUSED, f"{type(error).__name__}: {error}")


def in_python(result: Any) -> Any:
    """Returns tensors, ragged tensors, arrays and NumPy's numbers as Python's values."""
    if isinstance(result, Mapping):
        return {key: in_python(value) for key, value in result.items()}
    if isinstance(result, list | tuple):
        return type(result)(map(in_python, result))
    if isinstance(result, tf.RaggedTensor):
        return result.to_list()
    if isinstance(result, tf.Tensor):
        result = result.numpy()
    return result.tolist() if hasattr(result, "tolist") else result


def same(one: Any, other: Any) -> bool:
    """Tells whether two results are the same: numbers to nine digits, everything else to the last byte."""
    if is_refusal(one) or is_refusal(other):
        return is_refusal(one) and is_refusal(other)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and type(one) is type(other):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float | int) and isinstance(other, float | int):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12) or (math.isnan(one) and math.isnan(other))
    return type(one) is type(other) and bool(one == other)


if __name__ == "__main__":
    sys.exit(main())

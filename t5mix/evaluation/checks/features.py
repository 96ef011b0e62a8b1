"""Checks of what a model gets: dtypes, ids, EOS, lengths."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from t5mix.declarations.task import Task
from t5mix.evaluation.checks.findings import Finding, Limits
from t5mix.evaluation.checks.samples import Sample, step_for_lengths
from t5mix.vocabularies.features import Feature


def schema(task: Task, samples: Sequence[Sample]) -> Finding:
    """Checks that every example has the required features, of the declared dtype and rank."""
    for sample in samples:
        for number, row in enumerate(sample.rows):
            for name, feature in task.output_features.items():
                wrong = _wrong_kind(row, name, feature)
                if wrong:
                    where = f"{sample.split} example {number}: feature {name!r} {wrong}"
                    return Finding("schema", "fail", f"{where}; declare it so, or fix the preprocessor that makes it")
    kinds = [f"{name} {each.dtype} rank {each.rank}" for name, each in task.output_features.items()]
    return Finding("schema", "pass", ", ".join(kinds))


def _wrong_kind(row: Mapping[str, Any], name: str, feature: Feature) -> str | None:
    if name not in row:
        return "is missing, and is declared required" if feature.required else None
    value = row[name]
    dtype = getattr(value, "dtype", None)
    kind = (
        "string" if isinstance(value, bytes | str) or getattr(dtype, "kind", "") == "O" else getattr(dtype, "name", "?")
    )
    rank = getattr(value, "ndim", None)
    if rank is None:  # a ragged tensor, or text
        rank = 0 if isinstance(value, bytes | str) else len(value.shape)
    if (kind, rank) == (feature.dtype, feature.rank):
        return None
    return f"is {kind} of rank {rank}, and declared {feature.dtype} of rank {feature.rank}"


def ids(task: Task, samples: Sequence[Sample]) -> Finding:
    """Checks that ids are in the vocabulary, and none is the padding.

    A task may make the features of a model itself, by the names that feature converters give them, such as
    `decoder_target_tokens`. These are padded already, and must hold something else besides in one example at least.
    """
    checked = _id_features(task)
    if not checked:
        return Finding("ids", "skip", "no feature is a sequence of ids")
    ready: dict[str, bool] = {}  # a model's features, and whether any example had more than padding
    for sample in samples:
        for number, row in enumerate(sample.rows):
            for name, feature in checked.items():
                values = _flat(row.get(name))
                wrong = _outside(values, feature)
                if name in _model_features() and values.size:
                    ready[name] = ready.get(name, False) or bool((values != feature.vocabulary.pad_id).any())
                else:
                    wrong = wrong or _padding(values, feature)
                if wrong:
                    return Finding("ids", "fail", f"{sample.split} example {number}: feature {name!r} has {wrong}")
    if not all(ready.values()):
        nothing = min(name for name, more in ready.items() if not more)
        message = f"feature {nothing!r} is nothing but padding in every example read"
        return Finding("ids", "fail", f"{message}; does its preprocessor get what it takes?")
    message = ", ".join(f"{name} below {each.vocabulary.vocab_size:,}" for name, each in checked.items())
    return Finding("ids", "pass", message)


@functools.cache
def _model_features() -> frozenset[str]:
    """Returns the names that this library's feature converters give to what a model reads."""
    from t5mix.data import feature_converters

    made: list[str] = []
    for each in vars(feature_converters).values():
        if isinstance(each, type) and issubclass(each, feature_converters.FeatureConverter):
            made += [*getattr(each, "MODEL_FEATURES", ()), *getattr(each, "PACKING_FEATURE_DTYPES", ())]
    return frozenset(made)


def _outside(values: np.ndarray, feature: Feature) -> str | None:
    size = feature.vocabulary.vocab_size
    outside = values[(values < 0) | (values >= size)]
    if not outside.size:
        return None
    fix = "give it the vocabulary that made the ids, or declare numbers that are no ids as a ContinuousFeature"
    return f"id {outside[0]}, and its vocabulary has {size:,}; {fix}"


def _padding(values: np.ndarray, feature: Feature) -> str | None:
    padding = feature.vocabulary.pad_id
    if not (values == padding).any():
        return None
    fix = "make no padding in preprocessors, or declare numbers that are no ids as a ContinuousFeature"
    return f"id {padding}, which is padding: a model would not read it; {fix}"


def eos(task: Task, samples: Sequence[Sample]) -> Finding:
    """Checks that every sequence of a feature with add_eos ends with EOS.

    Documents joined and cut to a length, as `full_lm` makes them, have it inside; that is a note.
    """
    ended = {name: each for name, each in _id_features(task).items() if each.add_eos}
    if not ended:
        return Finding("eos", "skip", "no feature has add_eos")
    joined: list[str] = []
    for name, feature in ended.items():
        number = feature.vocabulary.eos_id
        if number is None:
            fix = "declare it add_eos=False, or give it a vocabulary with EOS"
            return Finding("eos", "fail", f"feature {name!r} has add_eos, and its vocabulary no EOS; {fix}")
        rows = [(s.split, i, _flat(row[name])) for s in samples for i, row in enumerate(s.rows) if name in row]
        open_ends = [(split, i) for split, i, values in rows if not values.size or values[-1] != number]
        if not open_ends:
            continue
        if any((values[:-1] == number).any() for *_, values in rows):
            joined.append(name)
            continue
        split, i = open_ends[0]
        fix = "end the preprocessors with append_eos_after_trim, or declare it add_eos=False"
        where = f"feature {name!r} does not end with EOS in {len(open_ends):,} of {len(rows):,} examples"
        return Finding("eos", "fail", f"{where}, first {split} example {i}; {fix}")
    if joined:
        return Finding("eos", "note", f"{', '.join(joined)}: EOS stands inside examples: documents are joined")
    return Finding("eos", "pass", f"ends {', '.join(ended)}")


def truncation(task: Task, samples: Sequence[Sample], limits: Limits) -> Finding:
    """Checks that few enough examples are longer than their length, if there is a limit."""
    step = step_for_lengths(task)
    if step:
        return Finding("truncation", "skip", f"{step} makes examples for the length given")
    shares: dict[str, float] = {}
    parts: list[str] = []
    for name in _id_features(task):
        lengths = [_flat(row[name]).size for sample in samples for row in sample.untrimmed if name in row]
        if name not in limits.lengths or not lengths:
            continue
        limit = limits.lengths[name]
        shares[name] = sum(length > limit for length in lengths) / len(lengths)
        parts.append(
            f"{name} {shares[name]:.1%} over {limit} (median {int(np.median(lengths))}, most {max(lengths):,})"
        )
    if not parts:
        return Finding("truncation", "skip", "no feature has a length")
    message = ", ".join(parts)
    if limits.truncation is not None and max(shares.values()) > limits.truncation:
        fix = f"more than {limits.truncation:.1%}: give greater --lengths, or shorten the examples in a preprocessor"
        return Finding("truncation", "fail", f"{message}; {fix}")
    return Finding("truncation", "note" if any(shares.values()) else "pass", message)


def _id_features(task: Task) -> dict[str, Feature]:
    """Returns the features that are ids of a vocabulary."""
    return {
        name: feature
        for name, feature in task.output_features.items()
        if feature.dtype.startswith(("int", "uint")) and feature.rank >= 1 and feature.vocabulary.vocab_size
    }


def _flat(value: Any) -> np.ndarray:
    if value is None:
        return np.zeros(0, np.int64)
    values = getattr(value, "flat_values", value)  # of a ragged tensor
    return np.asarray(values).reshape(-1)

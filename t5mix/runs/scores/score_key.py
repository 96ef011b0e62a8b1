"""What a stored score depends on: a score whose parts are others than today's is never shown again."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from t5mix.data.cache.identity.key import cache_job
from t5mix.declarations.task import Task
from t5mix.evaluation.examples import Example
from t5mix.internal.code import fingerprints, source_code

# Libraries that metrics compute with.
_LIBRARIES = ("rouge-score", "sacrebleu", "scikit-learn", "scipy")
# Raise when this library scores otherwise than before.
_SCORING = 1


def parts(task: Task, examples: Sequence[Example], lengths: Mapping[str, int], decoding: str) -> dict[str, str | None]:
    """Returns a hash of each part that a score depends on, by name.

    Args:
        task: the task.
        examples: those that are scored.
        lengths: greatest number of tokens of each feature.
        decoding: what decides the model's answers besides its weights.

    Returns:
        "examples": every field of each, so texts, labels and whatever else is compared. "lengths", as asked for.
        "postprocessor" and "metrics": their code with what it refers to, also that of this library. "training data":
        what baselines learn from. "decoding": also the vocabulary that makes texts. None stands for what has no content
        to compare, and is never the same.
    """
    vocabularies = {name: feature.vocabulary.fingerprint for name, feature in sorted(task.output_features.items())}
    versions = [source_code.version(name) for name in _LIBRARIES]
    return {
        "examples": _of_examples(examples),
        "lengths": ", ".join(f"{name} {length}" for name, length in sorted(lengths.items())),
        "postprocessor": _of_code(task.postprocessor),
        "metrics": _of_code(task.metric_fns, versions, _SCORING),
        "training data": _of_training(task),
        "decoding": fingerprints.digest(decoding, vocabularies),
    }


def changes(before: Mapping[str, str | None] | None, now: Mapping[str, str | None]) -> list[str]:
    """Returns the names of the parts that are others than before; all of them where nobody noted what there was."""
    return [name for name, value in now.items() if before is None or value is None or before.get(name) != value]


def _of_examples(examples: Sequence[Example]) -> str:
    total = hashlib.sha256()
    for example in examples:
        for name, value in sorted(example.fields.items()):
            total.update(f"{name}:{_content(value)};".encode("utf-8", "surrogatepass"))
    return total.hexdigest()


def _content(value: Any) -> str:
    if hasattr(value, "dtype") and not value.dtype.hasobject:
        return f"{value.dtype}{value.shape}{value.tobytes().hex()}"
    return repr(value.tolist() if hasattr(value, "tolist") else value)


def _of_code(*values: Any) -> str | None:
    try:
        return fingerprints.of_own_code(values)
    except ValueError:  # it holds something without content, such as a lock
        return None


def _of_training(task: Task) -> str | None:
    if "train" not in task.splits:
        return "none"
    try:
        return cache_job(task, "train").key
    except (ValueError, OSError):  # it cannot be read, so there is no baseline of it either
        return None

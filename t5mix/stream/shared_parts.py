"""Steps and vocabularies, which many tasks share: what is asked of each is found out once."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from t5mix import code, fingerprints
from t5mix.features import Feature
from t5mix.stream import probes
from t5mix.vocabularies import Vocabulary

_Answer = TypeVar("_Answer")


class SharedParts:
    """Answers about steps and vocabularies, kept for as long as this object lives.

    A file that they read may change while a process runs.  So this is for the moment in which the caches of many tasks
    are looked up, or of a few begun: `writing.check_unchanged` asks again before a cache gets its name.
    """

    def __init__(self) -> None:
        self._answers: dict[tuple[str, int], tuple[object, Any, set[str]]] = {}

    def step_fingerprint(self, task: Any, step: Any) -> str:
        """Returns the identity of a step; see the function of this name."""
        return self._once("fingerprint", step, lambda: step_fingerprint(task, step))

    def features(self, features: Mapping[str, Feature]) -> dict[str, list[Any]]:
        """Returns what decides the ids of features, as JSON: by name the vocabulary's content, the dtype, the rank."""
        return {
            name: [self._vocabulary_fingerprint(feature.vocabulary), str(feature.dtype), feature.rank]
            for name, feature in sorted(features.items())
        }

    def eos_id(self, vocabulary: Vocabulary) -> int | None:
        """Returns the vocabulary's EOS."""
        return self._once("eos", vocabulary, lambda: vocabulary.eos_id)

    def probe(self, vocabulary: Vocabulary) -> list[str]:
        """Returns what the vocabulary makes of the probes; see `probes.answers`."""
        return self._once("probe", vocabulary, lambda: probes.answers(vocabulary))

    def _vocabulary_fingerprint(self, vocabulary: Vocabulary) -> str:
        return self._once("fingerprint", vocabulary, lambda: vocabulary_fingerprint(vocabulary))

    def _once(self, question: str, thing: object, ask: Callable[[], _Answer]) -> _Answer:
        found = self._answers.get((question, id(thing)))
        if found is None:
            with fingerprints.libraries() as met:
                answer = ask()
            # With the thing itself, so that no other gets its number while this lives.
            found = self._answers[question, id(thing)] = (thing, answer, met)
        fingerprints.meet(found[2])
        return found[1]


def vocabulary_fingerprint(vocabulary: Vocabulary) -> str:
    """Returns a vocabulary's fingerprint, and where a class of the user's inherits it, one of that class besides."""
    told = vocabulary.fingerprint
    return told if tells_all(vocabulary) else fingerprints.digest(told, type(vocabulary))


def tells_all(vocabulary: Vocabulary) -> bool:
    """Tells whether a vocabulary's fingerprint decides its ids and its EOS: no class of the user's inherits it."""
    kinds = type(vocabulary).__mro__
    named = next(place for place, kind in enumerate(kinds) if "fingerprint" in vars(kind))
    return all(map(code.is_ours, kinds[:named]))


def step_fingerprint(task: Any, step: Any) -> str:
    """Returns the identity of a preprocessing step.

    Raises:
      ValueError: naming the task, when the step holds something that cannot be identified.
    """
    try:
        return fingerprints.of_callable(step)
    except ValueError as error:
        raise ValueError(f"task {task.name!r}, preprocessor {step!r}: {error}") from error

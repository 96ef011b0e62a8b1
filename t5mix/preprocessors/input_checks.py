"""Checks that preprocessors share, of what they are given."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from t5mix.vocabularies.features import Feature

_OF_A_RUN = ("output_features", "sequence_length")


def only_of_a_run(step: str, given: Mapping[str, Any]) -> None:
    """Refuses arguments that a step does not know, but for those that every step of a run may be given.

    T5 takes and ignores any, so that a misspelt setting has no effect there.

    Raises:
        TypeError: naming the argument.
    """
    for name in given:
        if name not in _OF_A_RUN and not name.startswith("unused_"):
            raise TypeError(f"{step} has no argument {name!r}; see its signature")


def require(step: str, example: Iterable[str], *features: str) -> None:
    """Refuses examples without a feature.

    Raises:
        ValueError: naming the step and the feature.
    """
    for name in features:
        if name not in example:
            raise ValueError(f"{step}: no feature {name!r}; the example has {', '.join(example)}")


def disjoint(step: str, made: Sequence[str], passed_through: Sequence[str]) -> None:
    """Refuses to keep a feature unchanged that a step makes anew.

    Raises:
        ValueError: naming the step and the feature.
    """
    for name in passed_through:
        if name in made:
            raise ValueError(
                f"{step}: passthrough_feature_keys has {name!r}, which {step} makes anew; leave it out there"
            )


def length_of(step: str, sequence_length: Mapping[str, int] | None, feature: str) -> int:
    """Returns the length of a feature.

    Raises:
        ValueError: when there is none, or none of a token.
    """
    length = (sequence_length or {}).get(feature)
    if length is None:
        raise ValueError(f"{step} needs the length of {feature!r}; give sequence_length={{{feature!r}: ...}}")
    if length < 1:
        raise ValueError(f"{step}: sequence_length[{feature!r}] is {length}; give 1 or more")
    return int(length)


def room_of(
    step: str, sequence_length: Mapping[str, int] | None, output_features: Mapping[str, Feature], feature: str
) -> int:
    """Returns how many tokens of a feature fit with its EOS, where it gets one.

    Raises:
        ValueError: when its length is not given, or leaves no token.
    """
    if feature not in output_features:
        raise ValueError(f"{step} needs the output feature {feature!r}; declare it")
    room = length_of(step, sequence_length, feature) - int(output_features[feature].add_eos)
    if room < 1:
        raise ValueError(f"{step}: sequence_length[{feature!r}] is 1, which EOS takes; give 2 or more")
    return room

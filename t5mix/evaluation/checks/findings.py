"""What a check finds, and how far it looks."""

import dataclasses
from collections.abc import Mapping
from typing import Literal

Result = Literal["pass", "note", "fail", "skip"]

# Each check and what passes it, in the order in which they run.
CHECKS = {
    "examples": "every split can be read and holds an example",
    "schema": "preprocessors leave the declared features, of their dtype and rank, in every example",
    "ids": "ids are those of the vocabulary, and none is padding but in a model's own features",
    "eos": "EOS ends every feature that is declared with it",
    "tokens": "vocabularies say what texts say: few unknown letters, and what differs stays different",
    "truncation": "at most the share of examples given with --truncation_limit is longer than --lengths",
    "labels": "every label's target text comes through the vocabulary unchanged",
    "gold": "targets given back as predictions, by way of their tokens, score each metric's best",
    "survival": "postprocessor and metrics take an empty and a garbage prediction, and tell labels from garbage",
    "splits": "at most the share of examples given with --overlap_limit is in a training split and in another",
}


@dataclasses.dataclass(frozen=True)
class Finding:
    """The outcome of one check of one task.

    Attributes:
        check: its name, one of CHECKS.
        result: "pass"; "note", a pass that a person may want to look at; "fail"; "skip" where it does not apply.
        message: what was found in one line, and of a failure the fix.
    """

    check: str
    result: Result
    message: str


@dataclasses.dataclass(frozen=True)
class Limits:
    """How far the checks look, and what they let pass.

    Attributes:
        lengths: for each feature the greatest number of tokens, EOS included.
        examples: of each split, for every check but "splits".
        splits: names of the splits to look at; empty is all.
        truncation: the greatest share of examples, 0 to 1, that may be longer than `lengths`; None is any.
        unknown: the greatest share of a feature's letters, 0 to 1, that its vocabulary may not have; and of its texts
            that may become equal to others.
        overlap: the greatest share of a split's examples, 0 to 1, that another split may have too.
            CoLA's validation split has 1.3% in common with its training split, so the default is a little more.
        held_out_overlap: the same of two splits that are both held out, such as validation and test; None is any.
        overlap_examples: of each split, the first ones, for "splits".
    """

    lengths: Mapping[str, int]
    examples: int = 300
    splits: tuple[str, ...] = ()
    truncation: float | None = None
    unknown: float = 0.05
    overlap: float = 0.05
    held_out_overlap: float | None = None
    overlap_examples: int = 20_000

    def __post_init__(self) -> None:
        if self.examples < 1 or self.overlap_examples < 1:
            raise ValueError(f"check: {self.examples} examples cannot be checked; give 1 or more")
        for what in ("truncation", "unknown", "overlap", "held_out_overlap"):
            share = getattr(self, what)
            if share is not None and not 0 <= share <= 1:
                raise ValueError(f"check: the limit of {what} is {share}; give a share, 0 to 1")


def shortened(text: str) -> str:
    """Returns a text for a message, in quotes, without the middle of a long one."""
    return repr(text if len(text) <= 40 else f"{text[:20]}...{text[-17:]}")


@dataclasses.dataclass(frozen=True)
class Report:
    """What was found of one task.

    Attributes:
        task: its name.
        declared_at: "file:line".
        examples: examples read of each split.
        findings: one for each check, in their order; those behind a failure that makes them impossible are left out.
    """

    task: str
    declared_at: str
    examples: Mapping[str, int]
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether no check failed."""
        return all(finding.result != "fail" for finding in self.findings)

    @property
    def checked(self) -> bool:
        """Whether any check applied: it does to no task without the splits that were asked for."""
        return any(finding.result != "skip" for finding in self.findings)

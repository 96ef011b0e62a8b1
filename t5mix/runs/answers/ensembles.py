"""Several checkpoints that answer together: by their mean log-probabilities while they decode, or by vote.

mean    the models are one: at each position the mean of their log-probabilities decides (as T5's ensembles do)
vote    each model answers by itself, and what most say is the answer; of equals what the models together found likelier
"""

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from t5mix.evaluation.decoding import Answer, AnswerAll, ScoreTargets
from t5mix.internal.files import write_json
from t5mix.mesh.engine import State
from t5mix.mesh.optimizers.step_config import briefly
from t5mix.mesh.t5.fine_tuning.settings import in_use
from t5mix.runs.answers.identity import weights_beside, weights_of
from t5mix.runs.components import Components
from t5mix.runs.preflight import same_model
from t5mix.runs.preflight.checks import Checked
from t5mix.runs.preflight.tasks import check_same_vocabularies

MEAN, VOTE = "mean", "vote"
COMBINATIONS = (MEAN, VOTE)


def check_ensemble(checked: Checked, others: Sequence[Checked], combine: str) -> None:
    """Refuses models that cannot answer together, before weights are read.

    Args:
        checked: the first checkpoint.
        others: the further ones.
        combine: "mean" or "vote".

    Raises:
        ValueError: naming what differs.
    """
    for other in others:
        who = f"--ensemble {other.checkpoint}"
        check_same_vocabularies(other.provider, checked.provider, who)
        if dict(other.run.sequence_length) != dict(checked.run.sequence_length):
            raise ValueError(
                f"{who} was trained with Run.sequence_length {dict(other.run.sequence_length)}, and the first "
                f"checkpoint with {dict(checked.run.sequence_length)}: give all of them one by --gin_param"
            )
        differing = same_model.differences(checked.run.model, other.run.model) if combine == MEAN else []
        if differing:
            raise ValueError(
                f"{who} is of another model than the first checkpoint ({', '.join(differing)}), and the mean needs "
                "models of one kind: use --combine vote"
            )


class Ensemble(Components):
    """What a run computes with where several checkpoints answer.

    Args:
        checked: the first checkpoint, whose settings hold.
        others: the further ones.
        combine: "mean" or "vote".
        weights: as of `Components`, of the first checkpoint.
    """

    def __init__(self, checked: Checked, others: Sequence[Checked], combine: str, weights: str | None = None) -> None:
        super().__init__(checked.run, checked.provider, weights)
        self._others, self._combine = others, combine
        self._members: list[tuple[Components, State]] = []

    @property
    def decoding(self) -> str:
        """What decides answers besides the first checkpoint's weights and lengths."""
        return f"{super().decoding}, {self._combine} with {', '.join(self._identities())}"

    def answerer(self, state: State, sizes: Sequence[int] | None = None, others: Sequence[State] = ()) -> AnswerAll:
        """Returns a function that gives the best answers of all; see `Components.answerer`."""
        if self._combine == MEAN:
            return super().answerer(state, sizes, [*others, *self._states(state)])
        each = [super().answerer(state, sizes)]
        each += [components.answerer(own, sizes) for components, own in self._restored()]
        return voted(each, self.run.decoding.best)

    def target_scorer(self, state: State, others: Sequence[State] = ()) -> ScoreTargets:
        """Returns a function that gives the mean's log-likelihood of targets.

        Raises:
            ValueError: models vote, and votes have none.
        """
        if self._combine == VOTE:
            raise ValueError("--combine vote decodes answers, and choices and targets are scored: use --combine mean")
        return super().target_scorer(state, [*others, *self._states(state)])

    def _identities(self) -> list[str]:
        return [weights_of(other.checkpoint) for other in self._others if other.checkpoint is not None]

    def _restored(self) -> list[tuple[Components, State]]:
        if not self._members:
            for other in self._others:
                assert other.checkpoint is not None
                # Models that are one lie on one mesh, the first's.
                run = dataclasses.replace(other.run, decoding=self.run.decoding)
                components = self if self._combine == MEAN else Components(run, other.provider)
                self._members.append((components, components.restore(other.checkpoint)))
        return self._members

    def _states(self, first: State) -> list[State]:
        states = [state for _, state in self._restored()]
        for other, state in zip(self._others, states, strict=True):
            there, here = in_use(state.trained), in_use(first.trained)
            if there != here:
                raise ValueError(
                    f"--ensemble {other.checkpoint} has other weights besides T5's than the first checkpoint "
                    f"({briefly(there)} there, {briefly(here)} here), and the mean needs models of one kind: use "
                    "--combine vote"
                )
        return states


def components_of(checked: Checked, others: Sequence[Checked] = (), combine: str = MEAN) -> Components:
    """Returns what answers: one checkpoint, or several together.

    Args:
        checked: the first checkpoint, whose settings hold.
        others: the further ones.
        combine: "mean" or "vote".
    """
    weights = weights_beside(checked.checkpoint)
    if others:
        return Ensemble(checked, others, combine, weights)
    return Components(checked.run, checked.provider, weights)


def record(folder: Path, checked: Checked, others: Sequence[Checked], combine: str) -> None:
    """Writes down which checkpoints answer, beside their scores: see `components_of`."""
    members = [str(one.checkpoint) for one in (checked, *others)]
    first = checked.checkpoint
    trained = {} if first is None or first.trained_alone is None else {"trained": first.trained_alone}
    if others:
        write_json(folder / "ensemble.json", {"combine": combine, "members": members, **trained})
    else:
        write_json(folder / "checkpoint.json", {"checkpoint": members[0], **trained})


def voted(each: Sequence[AnswerAll], best: int) -> AnswerAll:
    """Returns a function that gives what most models answer, with its share of the votes as its score.

    Args:
        each: of the models.
        best: answers to each input at most: those that got fewer votes follow.
    """

    def answer(
        inputs: Sequence[Sequence[int]], /, *, first: int = 0, tell: Callable[[int], None] | None = None
    ) -> list[list[Answer]]:
        given = []
        for number, model in enumerate(each):
            share = None if tell is None else _part_of(tell, number, len(each), len(inputs))
            given.append(model(inputs, first=first, tell=share))
        return [_count([answers[row][0] for answers in given])[:best] for row in range(len(inputs))]

    return answer


def _part_of(tell: Callable[[int], None], number: int, count: int, rows: int) -> Callable[[int], None]:
    return lambda done: tell((number * rows + done) // count)


def _count(answers: Sequence[Answer]) -> list[Answer]:
    """Returns the different answers, the one with most votes first; of equals the likelier, then the earlier."""
    votes: dict[str, list[Answer]] = {}
    for answer in answers:
        votes.setdefault(json.dumps(answer.ids), []).append(answer)
    ranked = sorted(votes.values(), key=lambda same: (-len(same), -max(one.score for one in same)))
    return [Answer(same[0].ids, len(same) / len(answers)) for same in ranked]

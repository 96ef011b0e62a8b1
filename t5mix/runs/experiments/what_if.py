"""What if: a run with another mixture, and all else as it was, made from the folder of a run that has ended.

Two meanings of "without a task":

mask          The batches are the original's, bit for bit. The task's tokens are read and have no loss: of each step's
              gradient the task's part is taken away, and the rest stays what it was. So the denominator of the loss
              stays the whole batch's, the masked tokens among it. The log goes on to show the task's loss.
renormalize   The task's rate is 0, and its draws go to the others, in the proportion of their rates. Which example
              of a task comes after which does not depend on the other tasks, so theirs come in the order they had.
              From a checkpoint on, rates change at its step: each other task goes on in its order where it stood.

Other rates mean the same as `renormalize`, which is a rate of 0.
"""

import dataclasses
import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from t5mix.evaluation.evaluate_task import Score
from t5mix.internal.files import read_json, write_json
from t5mix.internal.paths import file_name
from t5mix.internal.terminal import Progress
from t5mix.runs.config import binding
from t5mix.runs.config.binding import Bound
from t5mix.runs.config.settings import Training
from t5mix.runs.experiments.forking import fork
from t5mix.runs.preflight.changed_mixture import with_changes
from t5mix.runs.preflight.checks import Checked, check_training
from t5mix.runs.preflight.dry_run import check_end, open_stream
from t5mix.runs.preflight.same_data import SameData
from t5mix.runs.preflight.tasks import Provider, chosen_provider
from t5mix.runs.pretrain import carry_out
from t5mix.runs.records import intended_shares
from t5mix.runs.records.record import beginning
from t5mix.runs.records.run_folder import CheckpointPath, RunFolder, check_links, check_local
from t5mix.runs.scores.comparison import STAGES, Comparison, Scored, check_comparable, compare, find_scores
from t5mix.training import checkpoint_files

MEANINGS = ("mask", "renormalize")

# The record, in the folder of the new run.
RECORD = "what_if.json"

# Characters of a folder's name; longer changes are told by a hash.
_NAME = 100


@dataclasses.dataclass(frozen=True)
class Change:
    """What is to be otherwise than in the original.

    Attributes:
        masked: tasks whose loss is 0.
        rates: of tasks, in place of those that they had.
        from_step: the checkpoint that the new run begins at; None is the start.
    """

    masked: tuple[str, ...] = ()
    rates: Mapping[str, float] = dataclasses.field(default_factory=dict)
    from_step: int | None = None

    @classmethod
    def without(cls, tasks: Sequence[str], meaning: str, from_step: int | None = None) -> "Change":
        """Returns the change that leaves out tasks.

        Args:
            tasks: their names.
            meaning: one of `MEANINGS`.
            from_step: as of the class.
        """
        assert meaning in MEANINGS
        if meaning == "mask":
            return cls(masked=tuple(tasks), from_step=from_step)
        return cls(rates=dict.fromkeys(tasks, 0.0), from_step=from_step)

    @property
    def is_replay(self) -> bool:
        """Whether nothing is otherwise."""
        return not self.masked and not self.rates

    def name(self) -> str:
        """Returns a name for the folder of the new run, to be put behind that of the original."""
        parts = [f"mask-{name}" for name in self.masked]
        parts += [f"{'without' if rate == 0 else f'{rate:g}'}-{name}" for name, rate in self.rates.items()]
        text = "_".join(parts) or "replay"
        if len(text) > _NAME:
            text = f"what-if-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
        return file_name(text if self.from_step is None else f"{text}_from-{self.from_step}")

    def as_json(self) -> dict[str, Any]:
        """Returns it as JSON content."""
        return {"masked": list(self.masked), "rates": dict(self.rates), "from_step": self.from_step}


@dataclasses.dataclass(frozen=True)
class WhatIf:
    """A run that is made from another, checked.

    Attributes:
        original: the folder of the run that it is made from.
        provider: what the original trained on.
        change: what is otherwise.
        bound: settings of the new run.
        checked: the same, checked.
        split: whose scores are compared.
        is_scored: whether the original has a score of it, so that the runs can be compared by their answers.
    """

    original: RunFolder
    provider: Provider
    change: Change
    bound: Bound
    checked: Checked
    split: str
    is_scored: bool = False

    def carry_out(self, command: Sequence[str]) -> tuple[list[Score], list[Score]]:
        """Does the new run, from wherever an earlier start of it has got to; returns its scores.

        Args:
            command: what the user typed, for the record.
        """
        return carry_out(self.bound, self.checked, command, self._prepare)

    def compared(self, confidence: float = 0.95, tell: Callable[[str], None] = lambda task: None) -> Comparison:
        """Returns the new run beside the original, over the same test examples.

        Args:
            confidence: of the intervals.
            tell: called with each task's name before it is read.
        """
        runs = [self.scores_of(self.original), self.scores_of(self.checked.folder)]
        return compare(runs, self.split, confidence=confidence, tell=tell)

    def scores_of(self, folder: RunFolder) -> Scored:
        """Returns what a run scored, as the new run is scored.

        Raises:
            FileNotFoundError: nothing; says how to score it.
        """
        stage = None if self.checked.run.finetune is not None else STAGES[0]
        path = os.path.relpath(folder.path)
        shown = str(folder.path) if path.startswith("..") else path
        return find_scores(shown, self.split, stage, self.checked.run.evaluation.limit)

    def with_scores(self) -> "WhatIf":
        """Returns the same, after a look at what the original scored: before anything is trained.

        Raises:
            ValueError: it has no score that the new run's could be compared with, or of other examples.
            FileNotFoundError: it was not scored on the split.
        """
        tasks = [task.name for task in self.checked.scored_tasks]
        if not tasks:
            return self
        with Progress(what="reading what the original answered"):
            found = check_comparable(self.scores_of(self.original), self.split, tasks)
        if not found and not self.change.is_replay:  # which is compared bit for bit
            raise ValueError(
                f"{str(self.original.path)!r} has no score on {self.split!r} of a task that the new run is to score, "
                "as where no label is published: what the change does could not be told; name another by --split"
            )
        return dataclasses.replace(self, is_scored=found)

    def _prepare(self) -> None:
        """Records what the run is made from, and begins it at the checkpoint where there is one."""
        _record(self.checked.folder, self.made_from())
        train = self.checked.run.train
        assert train is not None
        if self.change.from_step is not None and not self.checked.folder.pretraining.steps():
            stream = open_stream(self.checked.run, self.checked.provider)
            began = CheckpointPath(self.original, self.original.pretraining, self.change.from_step)
            write_json(self.checked.folder.pretraining.start, beginning(began))  # for its lineage
            fork(began.trained, began.step, self.checked.folder.pretraining, stream)

    def made_from(self) -> dict[str, Any]:
        """Returns what `what_if.json` holds: the original, by its content, and the change."""
        return _made_from(self.original, self.change)


def check_what_if(
    path: str,
    change: Change,
    into: str | None = None,
    include: Sequence[str] = (),
    fine_tuning: bool = True,
    split: str | None = None,
) -> WhatIf:
    """Checks a run folder and what is to be otherwise, before anything slow.

    Args:
        path: of the original.
        change: what is to be otherwise.
        into: the folder of the new run; by default beside the original.
        include: files and folders of declarations.
        fine_tuning: whether the new run fine-tunes, where the original did.
        split: whose scores are compared; by default the first of those that the original was scored on.

    Raises:
        ValueError: it is no run that has trained, its examples are others now, or the change does not fit it.
        FileNotFoundError: there is no such folder, or no such checkpoint in it.
    """
    check_local("run", path)
    original = RunFolder(Path(os.path.abspath(path)))
    if not original.operative_config.is_file():
        raise FileNotFoundError(f"{path!r} is no run folder: it holds no operative_config.gin")
    check_links(original.path)
    record = [str(original.operative_config)]
    run = binding.bind(record, include=include).run
    if run.train is None:
        raise ValueError(f"{path!r} has fine-tuned only, and `t5mix whatif` changes what a mixture is pre-trained on")
    _check_start(original, change)
    chooses = run.evaluation.every and (run.evaluation.patience is not None or run.evaluation.report_split is not None)
    if change.from_step is not None and chooses:
        raise ValueError(
            f"{path!r} chose by its scores beside training (Evaluation.patience or Evaluation.report_split), and a run "
            f"that begins at step {change.from_step} has none of before: leave --from_step out"
        )
    provider = with_changes(chosen_provider(run), run.train)
    data = SameData(provider, original.pretraining, dataclasses.replace(run.train, allow_changed_mixture=False))
    data.check_origins()
    data.check_stream(open_stream(run, provider))
    folder = Path(into or f"{original.path}-{change.name()}").absolute()
    if folder == original.path:
        raise ValueError(f"--run_folder is {into!r}, the folder of the original: choose another")
    _check_record(RunFolder(folder), _made_from(original, change))
    params = [f"Run.folder = {str(folder)!r}", *_changed_settings(path, run.train, change)]
    params += [] if fine_tuning else ["Run.finetune = None"]
    splits = run.evaluation.splits
    # Of Evaluation.report_split the new run has scores as the original has them: of its best checkpoints alone.
    if split is not None and split not in (*splits, run.evaluation.report_split):
        params.append(f"Evaluation.split = {', '.join((*splits, split))!r}")
    bound = binding.bind(record, params, include=include)
    checked = check_training(bound.run)
    check_end(checked)
    return WhatIf(original, provider, change, bound, checked, split or splits[0]).with_scores()


def _changed_settings(path: str, train: Training, change: Change) -> list[str]:
    """Returns the settings by which the new training differs from the original's."""
    masked = tuple(dict.fromkeys((*train.masked_tasks, *change.masked)))
    rates, since = {**(train.rates or {}), **change.rates}, change.from_step or 0
    if change.rates and train.rates and since != train.rates_since:
        raise ValueError(
            f"{path!r} has other rates since step {train.rates_since}, and these would hold since step {since}: "
            "ask about the run that it was made from"
        )
    params = [f"Training.masked_tasks = {masked!r}"] if change.masked else []
    return params + ([f"Training.rates = {rates!r}", f"Training.rates_since = {since}"] if change.rates else [])


def _check_start(original: RunFolder, change: Change) -> None:
    """Checks that the checkpoint to begin at is there, and that the original can be repeated from it."""
    there, step = original.pretraining.steps(), change.from_step
    if not there or not original.report.is_file():
        raise ValueError(f"{str(original.path)!r} has not come to its end: train it first")
    if step is not None and step not in there[:-1]:
        known = ", ".join(map(str, there[:-1])) or "none"
        raise FileNotFoundError(
            f"--from_step is {step}, and {str(original.pretraining.checkpoints)!r} has of the steps before "
            f"{there[-1]}: {known}; Training.keep says how many a run keeps"
        )
    if step is not None:
        checkpoint_files.verify(original.pretraining.checkpoints / str(step))
    changed = intended_shares.changed_at(original.pretraining)
    if changed and changed[-1] > (step or 0):
        raise ValueError(
            f"{str(original.path)!r} went on with a changed mixture at step {changed[-1]}, so it cannot be repeated "
            f"from before that: give --from_step {changed[-1]}, or a later one"
        )
    began = _began(original.path / RECORD)
    if began is not None and (step is None or step < began):
        raise ValueError(
            f"{str(original.path)!r} was itself begun at step {began} of another run, so it cannot be repeated from "
            f"before that: give --from_step {began}, or a later one"
        )


def _made_from(original: RunFolder, change: Change) -> dict[str, Any]:
    manifest = original.pretraining.checkpoints / str(change.from_step) / checkpoint_files.MANIFEST
    return {
        "run": str(original.path),
        "operative_config": _sha256(original.operative_config),
        "lineage": _sha256(original.lineage),
        "checkpoint": None if change.from_step is None else _sha256(manifest),
        "change": change.as_json(),
    }


def _began(record: Path) -> int | None:
    """Returns the step that a run was begun at; None is the start."""
    change = read_json(record).get("change") if record.is_file() else {"from_step": None}
    step = change.get("from_step", "") if isinstance(change, dict) else ""
    if step is not None and type(step) is not int:
        raise ValueError(f"{record} is not what `t5mix whatif` wrote: it does not say where the run began")
    return step


def _record(folder: RunFolder, made_from: Mapping[str, Any]) -> None:
    folder.path.mkdir(parents=True, exist_ok=True)
    _check_record(folder, made_from)
    write_json(folder.path / RECORD, made_from)


def _check_record(folder: RunFolder, made_from: Mapping[str, Any]) -> None:
    """Refuses a folder that holds another run than an earlier start of this one."""
    record = folder.path / RECORD
    if record.is_file():
        there = read_json(record)
        differing = [name for name in made_from if name != "run" and there.get(name) != made_from[name]]
        if differing:
            raise ValueError(
                f"{str(folder.path)!r} holds the answer to another question: {', '.join(differing)} in {RECORD} "
                "differ; choose another folder with --run_folder, or delete it"
            )
    elif folder.operative_config.is_file() or folder.pretraining.steps():
        raise ValueError(
            f"{str(folder.path)!r} holds a run that `t5mix whatif` has not made: choose another with --run_folder"
        )


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()

"""`t5mix train`: pre-training on the mixture, scores, then fine-tuning where the run says so, and the report."""

import dataclasses
from collections.abc import Callable, Sequence

from t5mix.evaluation.evaluate_task import Score
from t5mix.evaluation.report import print_report, write_report
from t5mix.internal.processes import agreement
from t5mix.internal.terminal import say
from t5mix.mesh.engine import State
from t5mix.runs.components import Components
from t5mix.runs.config.binding import Bound
from t5mix.runs.finetune import finetune_tasks
from t5mix.runs.preflight.checks import Checked
from t5mix.runs.preflight.dry_run import check_end_of_fine_tuning
from t5mix.runs.records.record import alone_in, record_start
from t5mix.runs.records.run_copy import RunCopy
from t5mix.runs.records.run_folder import CheckpointPath
from t5mix.runs.scores.beside_training import beside, report
from t5mix.runs.scores.tables import print_averages
from t5mix.training.checkpoints import Checkpoints


def train_and_finetune(bound: Bound, checked: Checked, command: Sequence[str], copy: RunCopy | None = None) -> int:
    """Carries out a run, from wherever an earlier start of it has got to, and prints the report.

    Args:
        bound: the settings, with their texts.
        checked: the same, checked.
        command: what the user typed, for the record.
        copy: of the run folder, see `Components`.
    """
    multi_task, fine_tuned = carry_out(bound, checked, command, copy=copy)
    print_report(multi_task, fine_tuned)
    print_averages(fine_tuned or multi_task)
    say(f"the report is {checked.folder.report}")
    return 0


def carry_out(
    bound: Bound,
    checked: Checked,
    command: Sequence[str],
    prepare: Callable[[], None] = lambda: None,
    copy: RunCopy | None = None,
) -> tuple[list[Score], list[Score]]:
    """Carries out a run and writes its report; returns the scores after pre-training, and after fine-tuning.

    Args:
        bound: the settings, with their texts.
        checked: the same, checked.
        command: what the user typed, for the record.
        prepare: called once nobody else can work in the folder, before anything is done there.
        copy: of the run folder, see `Components`.
    """
    with alone_in(checked.folder):
        prepare()
        # Or refuse, before a file is changed.
        Checkpoints(checked.folder.pretraining.checkpoints).recover(copy.mend if copy else None)
        record_start(bound, checked, command)
        check_end_of_fine_tuning(checked)
        components = Components(checked.run, checked.provider, copy=copy)
        last = pretrain(components, checked)

        def restored(step: int) -> State:
            return components.restore(dataclasses.replace(last, step=step))

        multi_task = report(components, checked.scored_tasks, last.trained, last.step, restored)
        fine_tuned = finetune_tasks(components, checked, last, multi_task)
        if agreement.is_first():
            write_report(checked.folder.report, multi_task, fine_tuned)
        components.copy()
    return multi_task, fine_tuned


def pretrain(components: Components, checked: Checked) -> CheckpointPath:
    """Trains on the mixture to `Training.steps`, unless that is done already; returns the last checkpoint.

    It is of an earlier step where `Evaluation.patience` ended the training.
    """
    run, trained = checked.run, checked.folder.pretraining
    assert run.train is not None
    steps = run.train.steps
    if not agreement.first_says(lambda: steps in trained.steps()):
        components.train(
            run.train,
            checked.provider,
            trained,
            start=lambda: components.engine(run.train).initialize(run.seed),
            title=f"pre-training on {run.mixture}",
            beside=beside(components, checked.scored_tasks, checked.folder, trained),
        )
    return CheckpointPath(checked.folder, trained, agreement.first_says(lambda: trained.steps()[-1]))

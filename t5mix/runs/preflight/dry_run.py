"""What a run will do, before it does it: tasks, rates, lengths, what is truncated, steps, parameters, mesh."""

from collections.abc import Iterator

from t5mix.data import Statistics, Stream
from t5mix.data.planning.feed_plan import FeedPlan
from t5mix.declarations.mixture import Mixture
from t5mix.internal.processes import agreement
from t5mix.internal.terminal import emit, say
from t5mix.runs.config.settings import Finetuning, Run, Training
from t5mix.runs.preflight.checks import Checked
from t5mix.runs.preflight.plans import opening
from t5mix.runs.preflight.plans.budget import Budget
from t5mix.runs.preflight.plans.table import plan_lines, plan_table
from t5mix.runs.preflight.tasks import Provider


def open_stream(run: Run, provider: Provider) -> Stream:
    """Opens the batches of a mixture or of one task, of this run's model, shape and seed; tokenizes what is new."""
    return opening.open_stream(
        provider,
        run.sequence_length,
        run.batch_size,
        seed=run.seed,
        pack=run.packing,
        decoder_only=run.model.decoder_only,
    )


def check_enough(stream: Stream, settings: Training | Finetuning) -> None:
    """Refuses to train for more steps than the stream has, which ends where no task with a rate is left.

    Raises:
        ValueError: naming both numbers.
    """
    if stream.steps is not None and settings.steps > stream.steps:
        raise ValueError(
            f"{type(settings).__name__}.steps is {settings.steps:,}, but the stream of {stream.name} ends after "
            f"{stream.steps:,} steps, when every task that has a rate then has been fed max_epochs times: train for no "
            "more steps, or raise max_epochs"
        )


def check_end(checked: Checked) -> None:
    """Refuses a training of more steps than there are, where a stream may end; opens the stream only there.

    Raises:
        ValueError: see `check_enough`.
    """
    _check_end(checked.run, checked.provider, checked.run.train)
    check_end_of_fine_tuning(checked)


def check_end_of_fine_tuning(checked: Checked) -> None:
    """Does the same for each mixture that is fine-tuned on as one, before anything is trained."""
    for provider in checked.finetune_tasks:
        _check_end(checked.run, provider, checked.run.finetune)


def _check_end(run: Run, provider: Provider, settings: Training | Finetuning | None) -> None:
    if settings is not None and isinstance(provider, Mixture) and provider.max_epochs:
        # Of several processes the first makes the token caches.
        check_enough(agreement.first_alone(lambda: open_stream(run, provider)), settings)


def truncations(statistics: Statistics) -> Iterator[str]:
    """Yields one line for each task and feature whose examples are longer than `Run.sequence_length`."""
    for task in statistics.tasks:
        for feature, count in task.truncated.items():
            if count:
                of = "" if task.measured == task.examples else " measured"
                yield (
                    f"{task.task}: {count:,} of {task.measured:,}{of} examples have {feature} longer than "
                    "Run.sequence_length and are truncated"
                )


def show_plan(checked: Checked) -> None:
    """Prints the plan of `t5mix train`; makes the token caches that the run will use."""
    run = checked.run
    assert run.train is not None
    stream = open_stream(run, checked.provider)
    check_enough(stream, run.train)
    check_end_of_fine_tuning(checked)
    plan = opening.plan_stream(stream, run.train.steps)
    lines = plan_lines(plan, Budget.of(checked.provider, plan))
    emit(plan_table(plan), *summary(checked, plan), *lines, *truncations(stream.statistics()))


def summary(checked: Checked, plan: FeedPlan) -> list[str]:
    """Returns the rest of the plan, a line each."""
    from t5mix.mesh.engine import Engine
    from t5mix.mesh.optimizers.step_config import briefly

    run = checked.run
    assert run.train is not None
    engine = Engine(run.model, run.mesh, batch_size=run.batch_size, lengths=run.sequence_length, num_tasks=1)
    filled = ", ".join(f"{feature} {100 * share:.0f}%" for feature, share in plan.fill.items())
    lengths = ", ".join(f"{feature} {length}" for feature, length in run.sequence_length.items())
    lines = [
        f"model       {engine.num_parameters:,} parameters, vocabulary {run.model.vocab_size:,}",
        f"mesh        {run.mesh.shape} (devices: {run.mesh.num_devices}), layout {run.mesh.layout}",
        f"batch       {run.batch_size} sequences of {lengths}; "
        f"{plan.examples_per_step:.1f} examples; slots filled: {filled}",
        f"pre-train   {run.train.steps:,} steps on {run.mixture}, {run.train.schedule}",
        f"            by {briefly(run.train.optimizer)} on {briefly(run.train.trained)}",
        f"folder      {run.folder}",
    ]
    if run.finetune is not None:
        names = ", ".join(task.name for task in checked.finetune_tasks)
        on = briefly(run.finetune.trained)
        fine_tuning = f"{run.finetune.steps:,} steps each, {run.finetune.schedule}, on {on}: {names}"
        lines.insert(5, f"fine-tune   {fine_tuning}")
    return lines


def say_overflows(stream: Stream) -> None:
    """Prints what will be truncated to standard error, before training begins."""
    statistics = stream.statistics()
    for line in truncations(statistics):
        say(line)
    for name, count in statistics.dropped.items():
        if count:
            say(f"{name}: {count:,} examples found no room in their window and were left out")

"""What a training changes of its mixture: rates of tasks, and tasks whose loss is masked."""

from collections.abc import Sequence

from t5mix.declarations.mixture import Mixture
from t5mix.internal.suggestions import suggestion
from t5mix.runs.config.settings import Training
from t5mix.runs.preflight.tasks import Provider


def with_changes(provider: Provider, train: Training) -> Provider:
    """Returns the mixture of a training: with `Training.rates`, after a look at them and at `Training.masked_tasks`.

    The tasks stay, those with rate 0 too, so all are scored. No task's order of examples depends on rates.

    Raises:
        ValueError: a name is no task of the mixture, or no task is left that is trained on.
    """
    names = [task.name for task in provider.tasks] if isinstance(provider, Mixture) else [provider.name]
    _check_names("Training.masked_tasks", train.masked_tasks, provider, names)
    _check_names("Training.rates", list(train.rates or {}), provider, names)
    if train.rates:
        if not isinstance(provider, Mixture):
            raise ValueError(f"Training.rates is {dict(train.rates)}, and {provider.name} is a task, not a mixture")
        provider = _with_rates(provider, train)
    if set(drawn_from(provider)) <= set(train.masked_tasks):
        raise ValueError(
            f"Training.masked_tasks names every task that {provider.name} draws from: leave one that is trained on"
        )
    return provider


def drawn_from(provider: Provider) -> list[str]:
    """Returns the names of the tasks that have a rate above 0 at some step."""
    if not isinstance(provider, Mixture):
        return [provider.name]
    steps = provider.rate_steps
    return [task.name for task in provider.tasks if any(provider.get_rate(task, step) > 0 for step in steps)]


def _with_rates(mixture: Mixture, train: Training) -> Mixture:
    given, since = train.rates or {}, train.rates_since
    steps = sorted({0, since, *mixture.rate_steps})

    def rate(name: str, step: int) -> float:
        return given[name] if name in given and step >= since else mixture.get_rate(name, step)

    by_task = {task.name: {step: rate(task.name, step) for step in steps} for task in mixture.tasks}
    for step in steps:
        if not any(rates[step] for rates in by_task.values()):
            when = f" from step {step} on" if step else ""
            raise ValueError(f"Training.rates leaves every task of {mixture.name} the rate 0{when}: leave one its own")
    pairs = [(task, by_task[task.name] if len(steps) > 1 else by_task[task.name][0]) for task in mixture.tasks]
    given_to = (mixture.name, pairs, None, mixture.sample_fn, mixture.source_info)
    made = Mixture(*given_to, unit=mixture.unit, max_epochs=mixture.max_epochs or None)
    made._take_line_of(mixture)
    return made


def _check_names(setting: str, given: Sequence[str], provider: Provider, names: Sequence[str]) -> None:
    for name in given:
        if name not in names:
            raise ValueError(f"{setting} names {name!r}, which is no task of {provider.name}{suggestion(name, names)}")

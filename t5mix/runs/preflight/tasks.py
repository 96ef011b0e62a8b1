"""The tasks that a run names: that they are there, have what it needs, and fit its model and machine."""

import contextlib
import difflib
from collections.abc import Callable, Iterator, Sequence

from t5mix.declarations import discovery
from t5mix.declarations.mixture import Mixture
from t5mix.declarations.registry import get_mixture_or_task, get_subtasks
from t5mix.declarations.task import Task
from t5mix.evaluation.evaluate_task import check_labels
from t5mix.evaluation.scoring.scorer import check_metrics
from t5mix.internal.processes import agreement
from t5mix.internal.suggestions import suggestion
from t5mix.internal.terminal import say
from t5mix.preprocessors import objectives
from t5mix.runs.config.settings import Run
from t5mix.vocabularies import Vocabulary

Provider = Task | Mixture

# What T5 reads and writes. A language model may have targets alone.
MODEL_FEATURES = ("inputs", "targets")

# The decoder ends a sequence at this id, and pads with 0.
EOS_ID = 1


def model_features(run: Run) -> tuple[str, ...]:
    """Returns the features that the run's model reads and writes: a language model's are those that have a length."""
    if run.model.architecture != "language_model" or "inputs" in run.sequence_length:
        return MODEL_FEATURES
    return ("targets",)


def check_answers(run: Run) -> None:
    """Refuses to ask a language model that is trained on targets alone.

    Raises:
        ValueError: `Run.sequence_length` has no inputs.
    """
    if "inputs" not in model_features(run):
        raise ValueError(
            f"Run.sequence_length is {dict(run.sequence_length)}: a language model of targets alone reads no inputs, "
            "and so answers nothing; bind a length of 'inputs', too"
        )


def check_provider(run: Run, provider: Provider) -> None:
    """Checks that the lengths, the vocabularies and the size of the model fit the task or mixture."""
    check_lengths(run, provider)
    check_vocabularies(run, provider)


def find_provider(name: str, include: Sequence[str]) -> Provider:
    """Returns the task or mixture of that name, after including the declarations files."""
    for path in include:
        discovery.include(path)
    return get_mixture_or_task(name)


def _mixed(run: Run, provider: Provider) -> Provider:
    """Returns the provider with the rates that `Run.mixing` sets."""
    if run.mixing is None:
        return provider
    if not isinstance(provider, Mixture):
        raise ValueError(f"Run.mixing is set, but Run.mixture, {provider.name}, is one task: leave it None")
    return run.mixing.of(provider)


def chosen_provider(run: Run, *, for_training: bool = True) -> Provider:
    """Returns the task or mixture that `Run.mixture` names, with `Run.objective` where a task leaves it open.

    Args:
        run: the settings.
        for_training: whether one task must leave it open; of a model that is used, any task may be asked.

    Raises:
        ValueError: no task leaves it open, or lengths or extra ids do not suffice for it.
    """
    provider = _mixed(run, find_provider(run.mixture, run.include))
    chosen = _with_objective(run, provider)
    if run.objective is not None and for_training and chosen is provider:
        raise ValueError(
            f"Run.objective is {run.objective!r}, but no task of {provider.name} leaves its objective open; leave it "
            "None, or declare objectives.unsupervised among a task's preprocessors"
        )
    return chosen


def _with_objective(run: Run, provider: Provider) -> Provider:
    """Returns the provider with `Run.objective` where a task leaves it open; itself, where none does."""
    if run.objective is None:
        return provider
    objective, tasks = objectives.named(run.objective), get_subtasks(provider)
    chosen = {task.name: objectives.with_objective(task, objective) for task in tasks}
    if all(chosen[task.name] is task for task in tasks):
        return provider
    return provider.with_tasks(chosen) if isinstance(provider, Mixture) else chosen[provider.name]


def finetune_tasks(run: Run, provider: Provider) -> tuple[Provider, ...]:
    """Returns what `Run.finetune` trains on: what it names, or the tasks of the mixture that have metrics."""
    if run.finetune is None:
        return ()
    check_answers(run)  # each task is scored
    tasks: list[Provider] = []
    if not run.finetune.tasks:
        tasks = [task for task in get_subtasks(provider) if task.metric_objs]
        for task in get_subtasks(provider):
            if not task.metric_objs:
                continue
            if "train" not in task.splits:
                raise ValueError(
                    f"task {task.name} ({task.declared_at}) has no split 'train' to fine-tune on: name what is "
                    "fine-tuned on by --tasks (Finetuning.tasks), such as a mixture that it is part of"
                )
            why = _unfit_metrics(task)
            if why:
                raise ValueError(f"{why}; or name the other tasks in Finetuning.tasks")
        if not tasks:
            raise ValueError(
                f"Run.finetune is bound, but no task of {provider.name} has metrics; "
                "name tasks in Finetuning.tasks, or leave Run.finetune None"
            )
    else:
        tasks = [_with_objective(run, get_mixture_or_task(name)) for name in run.finetune.tasks]
    for each in tasks:
        for scored in answered(run, each):
            check_metrics(scored)
        check_provider(run, each)
        check_same_vocabularies(each, provider)
    report = [run.evaluation.report_split] if run.evaluation.report_split else []
    for each in tasks:
        trained_on = [task for task in get_subtasks(each) if "train" in task.splits]
        check_data(run, trained_on or get_subtasks(each), "train")
        for scored in answered(run, each):
            check_data(run, [scored], *splits_of(run, scored), *report)
    return tuple(tasks)


def answered(run: Run, trained_on: Provider) -> tuple[Task, ...]:
    """Returns the tasks that are scored where fine-tuning trains on a task, or on a mixture as one.

    Raises:
        ValueError: no task of the mixture has metrics and a split of `Evaluation.split`.
    """
    if isinstance(trained_on, Task):
        return (trained_on,)
    wanted = set(run.evaluation.splits)
    found = tuple(task for task in get_subtasks(trained_on) if task.metric_objs and wanted & set(task.splits))
    if not found:
        raise ValueError(
            f"Finetuning.tasks names the mixture {trained_on.name!r}, and no task of it has metrics and a split "
            f"{run.evaluation.split!r} (Evaluation.split), so nothing could be scored; it has "
            f"{', '.join(_names(trained_on))}"
        )
    return found


def num_tasks(run: Run, provider: Provider) -> int:
    """Counts the tasks of the largest mixture that the run trains on: a step reports the loss of each.

    What the run fine-tunes on may not be declared where it is only evaluated.
    """
    counts = [len(get_subtasks(provider))]
    for name in run.finetune.tasks if run.finetune is not None else ():
        with contextlib.suppress(ValueError):
            counts.append(len(get_subtasks(get_mixture_or_task(name))))
    return max(counts)


def splits_of(run: Run, task: Task) -> tuple[str, ...]:
    """Returns those of `Evaluation.split` that a task has.

    Raises:
        ValueError: it has none of them.
    """
    found = tuple(split for split in run.evaluation.splits if split in task.splits)
    if not found:
        check_data(run, [task], run.evaluation.splits[0])
    return found


def scored_tasks(run: Run, provider: Provider) -> tuple[Task, ...]:
    """Returns the tasks with metrics that can be scored on `Evaluation.split`; says which others have metrics."""
    splits = run.evaluation.splits
    if "inputs" not in model_features(run):
        say("nothing is scored: Run.sequence_length has no inputs, so this language model answers nothing")
        return ()
    scored = []
    with_metrics = [task for task in get_subtasks(provider) if task.metric_objs]
    report = run.evaluation.report_split
    wanted = list(dict.fromkeys([*splits, *([report] if report else [])]))
    for split in wanted:
        if with_metrics and not any(split in task.splits for task in with_metrics):
            known = sorted({name for task in with_metrics for name in task.splits})
            raise ValueError(
                f"{provider.name} has no split {split!r}, which {_setting(run, split)} names"
                f"{suggestion(split, known)}; its tasks with metrics have {', '.join(map(repr, known))}"
            )
    for task in get_subtasks(provider):
        if not task.metric_objs:
            continue
        why = _unfit_metrics(task)
        if why:
            say(f"not scored: {why}")
            continue
        for split in wanted:
            if split not in task.splits:
                say(f"not scored: task {task.name!r} has no split {split!r}")
        if any(split in task.splits for split in splits):
            scored.append(task)
    for task in scored:
        check_data(run, [task], *splits_of(run, task))
    return tuple(scored)


def check_chosen_by(run: Run, tasks: Sequence[Task]) -> None:
    """Refuses to choose checkpoints, or the end of a training, by scores of a split that has none.

    Args:
        run: the settings.
        tasks: that are scored.
    """
    evaluation = run.evaluation
    if evaluation.patience is not None or evaluation.report_split is not None:
        what = "Evaluation.patience and Evaluation.report_split choose by scores, and those would be"
        check_labels(tasks, evaluation.splits[0], run.sequence_length, evaluation.limit, what)


def _unfit_metrics(task: Task) -> str | None:
    """Returns why a run cannot compute the metrics of a task, or None."""
    try:
        check_metrics(task)
    except ValueError as error:
        return str(error)
    return None


def check_same_vocabularies(task: Provider, provider: Provider, by: str = "Finetuning.tasks") -> None:
    """Checks that the ids of a task mean the same words; `Finetuning.tasks` may name one that is not in the mixture.

    Args:
        task: that is named.
        provider: that the model is of.
        by: what names it, for the message.
    """
    ours = dict(vocabularies(provider))
    for name, vocabulary in vocabularies(task):
        if vocabulary.fingerprint != ours[name].fingerprint:
            raise ValueError(
                f"{by} names {task.name}, whose vocabulary of {name!r} ({vocabulary!r}) is not that of "
                f"{provider.name} ({ours[name]!r}): ids would mean other words; use tasks with the same vocabulary"
            )


def _names(provider: Provider) -> list[str]:
    return [task.name for task in get_subtasks(provider)]


def check_lengths(run: Run, provider: Provider) -> None:
    """Checks that every feature of the model has a length, and no length is of a feature that is not there."""
    features = provider.output_features
    names = MODEL_FEATURES if "inputs" in features else model_features(run)
    missing = [name for name in names if name not in features]
    if missing:
        raise ValueError(
            f"{provider.name} has no feature {' nor '.join(map(repr, missing))}: T5 reads "
            f"'inputs' and writes 'targets', and it has {', '.join(features)}"
        )
    for name in names:
        if name not in run.sequence_length:
            raise ValueError(
                f"Run.sequence_length says nothing of {name!r}, a feature of {provider.name}: "
                f"bind Run.sequence_length = {{'inputs': ..., 'targets': ...}}"
            )
    for name in run.sequence_length:
        if name not in features:
            close = difflib.get_close_matches(name, list(features), n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"it has {', '.join(features)}"
            raise ValueError(f"Run.sequence_length names {name!r}, which is no feature of {provider.name}; {hint}")


def check_vocabularies(run: Run, provider: Provider) -> None:
    """Checks that the model's vocabulary holds every id of the features, and that sequences end as it expects."""
    for name in model_features(run):
        vocabulary = provider.output_features[name].vocabulary
        if vocabulary.vocab_size > run.model.padded_vocab_size:
            raise ValueError(
                f"T5Config.vocab_size is {run.model.vocab_size}, but the vocabulary of {name!r} of "
                f"{provider.name} has {vocabulary.vocab_size} ids: bind T5Config.vocab_size = "
                f"{vocabulary.vocab_size}, or leave it unbound"
            )
        if vocabulary.eos_id != EOS_ID or vocabulary.pad_id != 0:
            raise ValueError(
                f"the vocabulary of {name!r} of {provider.name} ends sequences with id "
                f"{vocabulary.eos_id} and pads with {vocabulary.pad_id}: T5 needs 1 and 0"
            )


def model_vocab_size(mixture: str, include: tuple[str, ...]) -> int:
    """Counts the ids that a model of this mixture needs: what `T5Config.vocab_size` is where nobody binds it."""
    features = find_provider(mixture, include).output_features
    return max(
        (features[name].vocabulary.vocab_size for name in MODEL_FEATURES if name in features),
        default=1,
    )


def vocabularies(provider: Provider) -> Iterator[tuple[str, Vocabulary]]:
    """Yields the model's features and their vocabularies."""
    for name in MODEL_FEATURES:
        if name in provider.output_features:
            yield name, provider.output_features[name].vocabulary


def check_data(run: Run, tasks: Sequence[Task], *splits: str) -> None:
    """Checks that every task has the splits, and the files of those that read files are there."""
    for task in tasks:
        for split in splits:
            if split not in task.splits:
                setting = _setting(run, split)
                raise ValueError(
                    f"task {task.name} ({task.declared_at}) has no split {split!r}, which {setting} "
                    f"needs; it has {', '.join(task.splits)}"
                )
            if task.source is not None:
                _check_files(task, split)


def _setting(run: Run, split: str) -> str:
    """Returns what asks for a split, for messages."""
    if split in run.evaluation.splits:
        return "Evaluation.split"
    return "Evaluation.report_split" if split == run.evaluation.report_split else "training"


def _check_files(task: Task, split: str) -> None:
    try:
        task.source.list_shards(split)
    except (ValueError, OSError) as error:
        # Not of the error's own type: some are made of more than a text.
        kind = FileNotFoundError if isinstance(error, FileNotFoundError) else ValueError
        raise kind(f"task {task.name} ({task.declared_at}): {error}") from None


def check_evaluation(run: Run, tasks: Sequence[Task]) -> None:
    """Checks that tasks that are to be scored have metrics, the split, and its files."""
    for task in tasks:
        check_metrics(task)
        check_data(run, [task], *splits_of(run, task))


def check_mesh(run: Run, available: Callable[[], int] | None = None) -> None:
    """Checks that the mesh fits the machine, and divides the batch, lengths and the model's dimensions.

    And that decoding fits the model.

    Args:
        run: the settings.
        available: counts the devices; by default JAX does, which is why this check comes last.
    """
    run.decoding.check(run.model.vocab_size)
    run.mesh.check({**run.model.dimensions(), "batch": run.batch_size}, run.mesh.num_devices, run.sequence_length)
    for part in (run.train, run.finetune):
        if part is not None:
            run.mesh.check({}, run.mesh.num_devices, part.step_config.lengths(run.sequence_length))
    try:
        run.mesh.check({"batch": run.evaluation_batch_size}, run.mesh.num_devices)
    except ValueError as error:
        raise ValueError(f"Evaluation.batch_size: {error}") from None
    if run.mesh.num_devices > 1:
        run.mesh.check({}, (available or _devices)())
    if agreement.count() > 1:
        from t5mix.mesh.devices import device_mesh

        device_mesh(run.mesh)  # each process has its part of it


def _devices() -> int:
    from t5mix.mesh.devices import available_devices

    return available_devices()

"""What is checked before anything is built: names, lengths, vocabularies, the folder, the checkpoint, the mesh.

Cheap checks come first; the mesh comes last, because counting devices starts JAX.  Each failure is
one `ValueError` or `FileNotFoundError` that names the setting and the mend.
"""

import dataclasses
import difflib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from t5mix import packs
from t5mix.mixture import Mixture
from t5mix.registry import get_mixture_or_task, get_subtasks
from t5mix.runs import binding
from t5mix.runs.config import Run, settings
from t5mix.runs.folders import CheckpointPath, RunFolder, find_checkpoint
from t5mix.task import Task

Provider = Task | Mixture

# What T5 reads and writes.
MODEL_FEATURES = ("inputs", "targets")

# The decoder ends a sequence at this id, and pads with 0.
EOS_ID = 1

# What may change when a run is started again on its folder: how often it is looked at, where it
# runs, how far it goes.
MAY_CHANGE = (
    "Run.folder",
    "Run.packs",
    "MeshConfig.",
    "Training.steps",
    "Training.log_every",
    "Training.checkpoint_every",
    "Training.keep",
    "Finetuning.tasks",
    "Finetuning.log_every",
    "Finetuning.checkpoint_every",
    "Finetuning.keep",
    "Evaluation.",
)


@dataclasses.dataclass(frozen=True)
class Checked:
    """A run whose settings have passed, with what they name.

    Attributes:
        run: the settings.
        provider: the task or mixture that `Run.mixture` names.
        finetune_tasks: what `Run.finetune` trains on, in order; empty where it is None.
        checkpoint: where fine-tuning starts; None where it is what this run's own pre-training ends
            with.
    """

    run: Run
    provider: Provider
    finetune_tasks: tuple[Task, ...] = ()
    checkpoint: CheckpointPath | None = None

    @property
    def folder(self) -> RunFolder:
        """Where the run writes."""
        return RunFolder(Path(self.run.folder))


def check_training(run: Run) -> Checked:
    """Checks a run that pre-trains, and fine-tunes where `Run.finetune` is bound.

    Raises:
        ValueError: a setting can not be right, or does not fit the folder, the tasks or the
            machine.
        FileNotFoundError: a pack, a data file or a vocabulary is missing.
    """
    if run.train is None:
        raise ValueError(
            "Run.train is None: bind Training.steps and Training.schedule to pre-train, "
            "or use `t5mix finetune`"
        )
    if run.finetune is not None and run.finetune.checkpoint is not None:
        raise ValueError(
            f"Finetuning.checkpoint is {run.finetune.checkpoint!r}, but `t5mix train` fine-tunes what "
            "it has trained itself: leave it None, or use `t5mix finetune`"
        )
    provider = load_provider(run)
    _check_data(run, get_subtasks(provider), "train")
    tasks = finetune_tasks(run, provider)
    check_folder(run, provider)
    newest = RunFolder(Path(run.folder)).pretraining.steps()[-1:]
    if newest and newest[0] > run.train.steps:
        raise ValueError(
            f"Training.steps is {run.train.steps}, but {run.folder!r} has been trained for {newest[0]} "
            "steps already: choose more, or another folder with --run_folder"
        )
    check_mesh(run)
    return Checked(run, provider, tasks)


def check_finetuning(run: Run) -> Checked:
    """Checks a run that only fine-tunes, from a checkpoint that exists.

    Raises:
        ValueError: as `check_training`; or the checkpoint is of another model or vocabulary.
        FileNotFoundError: as `check_training`; or there is no checkpoint.
    """
    if run.finetune is None:
        raise ValueError("Run.finetune is None: bind Finetuning.steps and Finetuning.schedule")
    provider = load_provider(run)
    tasks = finetune_tasks(run, provider)
    try:
        checkpoint = find_checkpoint(run.finetune.checkpoint or run.folder)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"fine-tuning starts from a checkpoint (--checkpoint): {error}"
        ) from None
    check_checkpoint(run, provider, checkpoint)
    check_folder(run, provider)
    check_mesh(run)
    return Checked(run, provider, tasks, checkpoint)


# --- names ----------------------------------------------------------------------------------------


def load_provider(run: Run) -> Provider:
    """Loads the run's packs and finds its task or mixture; checks lengths, vocabularies and size of the model."""
    provider = find_provider(run.mixture, run.packs)
    check_lengths(run, provider)
    check_vocabularies(run, provider)
    return provider


def find_provider(name: str, pack_paths: Sequence[str]) -> Provider:
    """The task or mixture of that name, after adding the packs."""
    for path in pack_paths:
        packs.add(path)
    return get_mixture_or_task(name)


def finetune_tasks(run: Run, provider: Provider) -> tuple[Task, ...]:
    """What `Run.finetune` trains on: the tasks it names, or those of the mixture that have metrics."""
    if run.finetune is None:
        return ()
    if not run.finetune.tasks:
        tasks = [task for task in get_subtasks(provider) if task.metric_fns]
        if not tasks:
            raise ValueError(
                f"Run.finetune is bound, but no task of {provider.name} has metrics; "
                "name tasks in Finetuning.tasks, or leave Run.finetune None"
            )
    else:
        tasks = [_supervised(name) for name in run.finetune.tasks]
    for task in tasks:
        check_vocabularies(run, task)
        check_lengths(run, task)
    _check_data(run, tasks, "train", run.evaluation.split)
    return tuple(tasks)


def _supervised(name: str) -> Task:
    task = get_mixture_or_task(name)
    if isinstance(task, Mixture):
        raise ValueError(
            f"Finetuning.tasks names the mixture {name!r}: name its tasks, {', '.join(_names(task))}"
        )
    if not task.metric_fns:
        raise ValueError(
            f"Finetuning.tasks names {name!r}, which has no metrics to report; declare metric_fns "
            f"({task.declared_at}), or leave it out"
        )
    return task


def _names(provider: Provider) -> list[str]:
    return [task.name for task in get_subtasks(provider)]


# --- tasks against settings -----------------------------------------------------------------------


def check_lengths(run: Run, provider: Provider) -> None:
    """Every feature of the model has a length, and no length is of a feature that is not there."""
    features = provider.output_features
    missing = [name for name in MODEL_FEATURES if name not in features]
    if missing:
        raise ValueError(
            f"{provider.name} has no feature {' nor '.join(map(repr, missing))}: T5 reads "
            f"'inputs' and writes 'targets', and it has {', '.join(features)}"
        )
    for name in MODEL_FEATURES:
        if name not in run.sequence_length:
            raise ValueError(
                f"Run.sequence_length says nothing of {name!r}, a feature of {provider.name}: "
                f"bind Run.sequence_length = {{'inputs': ..., 'targets': ...}}"
            )
    for name in run.sequence_length:
        if name not in features:
            close = difflib.get_close_matches(name, list(features), n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"it has {', '.join(features)}"
            raise ValueError(
                f"Run.sequence_length names {name!r}, which is no feature of {provider.name}; {hint}"
            )


def check_vocabularies(run: Run, provider: Provider) -> None:
    """The model's vocabulary holds every id that the features may have, and sequences end as the decoder expects."""
    for name in MODEL_FEATURES:
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


def model_vocab_size(mixture: str, pack_paths: tuple[str, ...]) -> int:
    """Ids that a model of this mixture needs: what `T5Config.vocab_size` is where nobody binds it."""
    features = find_provider(mixture, pack_paths).output_features
    return max(
        (features[name].vocabulary.vocab_size for name in MODEL_FEATURES if name in features),
        default=1,
    )


def _check_data(run: Run, tasks: Sequence[Task], *splits: str) -> None:
    """Every task has the splits, and the files of those that read files are there."""
    for task in tasks:
        for split in splits:
            if split not in task.splits:
                setting = "Evaluation.split" if split == run.evaluation.split else "training"
                raise ValueError(
                    f"task {task.name} ({task.declared_at}) has no split {split!r}, which {setting} "
                    f"needs; it has {', '.join(task.splits)}"
                )
            if task.source is not None:
                task.source.list_shards(split)


def check_evaluation(run: Run, tasks: Sequence[Task], split: str) -> None:
    """Tasks that are to be scored have metrics, the split, and its files."""
    for task in tasks:
        if not task.metric_fns:
            raise ValueError(f"task {task.name} ({task.declared_at}) has no metrics to score it by")
    _check_data(run, tasks, split)


# --- folder ---------------------------------------------------------------------------------------


def check_folder(run: Run, provider: Provider) -> None:
    """The run folder can be written, and holds nothing, or an earlier start of the same run."""
    folder = RunFolder(Path(run.folder))
    _check_writable(folder.path)
    if folder.operative_config.is_file():
        check_same_run(run, folder)
        check_lineage(provider, folder, "this run was started")
    elif folder.pretraining.steps():
        raise ValueError(
            f"Run.folder {run.folder!r} has checkpoints but no operative_config.gin, so nobody can "
            "say whose they are: choose another folder, or delete it"
        )


def _check_writable(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path).close()
    except OSError as error:
        raise ValueError(
            f"Run.folder {str(path)!r} can not be written ({os.strerror(error.errno or 0)}): "
            "choose another with --run_folder"
        ) from None


def check_same_run(run: Run, folder: RunFolder) -> None:
    """Refuses to go on with a run under other settings; names those that differ."""
    earlier = recorded_run(folder)
    now = dict(settings(run))
    differing = [
        f"{name} ({value!r} there, {_shown(now, name)})"
        for name, value in settings(earlier)
        if value is not None and now.get(name) != value and not name.startswith(MAY_CHANGE)
    ]
    if differing:
        raise ValueError(
            f"Run.folder {str(folder.path)!r} holds a run with other settings: {', '.join(differing)}; "
            "choose another folder with --run_folder, or delete it"
        )


def _shown(now: Mapping[str, Any], name: str) -> str:
    return f"{now[name]!r} here" if name in now else "not bound here"


def recorded_run(folder: RunFolder, overrides: Sequence[str] = ()) -> Run:
    """The run that a folder records.

    Raises:
        FileNotFoundError: it is no run folder.
    """
    if not folder.operative_config.is_file():
        raise FileNotFoundError(
            f"{str(folder.path)!r} is no run folder: it holds no operative_config.gin"
        )
    return binding.bind([str(folder.operative_config)], overrides).run


# --- checkpoint -----------------------------------------------------------------------------------


def check_checkpoint(run: Run, provider: Provider, checkpoint: CheckpointPath) -> None:
    """The checkpoint is there, of this model and of this vocabulary."""
    if checkpoint.step not in checkpoint.trained.steps():
        found = ", ".join(map(str, checkpoint.trained.steps()))
        raise FileNotFoundError(
            f"no checkpoint {str(checkpoint)!r}; there are those of steps {found}"
        )
    theirs, ours = recorded_run(checkpoint.run).model, run.model
    differing = [
        f"T5Config.{field.name} ({getattr(theirs, field.name)} there, {getattr(ours, field.name)} here)"
        for field in dataclasses.fields(ours)
        if field.name in _SHAPES and getattr(theirs, field.name) != getattr(ours, field.name)
    ]
    if theirs.padded_vocab_size != ours.padded_vocab_size:
        differing.append(f"T5Config.vocab_size ({theirs.vocab_size} there, {ours.vocab_size} here)")
    if differing:
        raise ValueError(
            f"the checkpoint {str(checkpoint)!r} is of another model: {', '.join(differing)}; put "
            f"--gin_file {checkpoint.run.operative_config} before your own"
        )
    check_lineage(provider, checkpoint.run, f"the checkpoint {str(checkpoint)!r} was trained")


# Fields of T5Config that a checkpoint depends on; dropout, for one, may change.
_SHAPES = (
    "d_model",
    "d_ff",
    "num_heads",
    "d_kv",
    "num_encoder_layers",
    "num_decoder_layers",
    "activations",
    "tied_embeddings",
    "relative_attention_buckets",
)


def check_lineage(provider: Provider, folder: RunFolder, was_trained: str) -> None:
    """The vocabularies are those that the folder's lineage records."""
    try:
        recorded = json.loads(folder.lineage.read_text("utf-8"))["vocabularies"]
    except FileNotFoundError:
        return  # a run that was killed before it wrote its record has no checkpoint either
    except (ValueError, KeyError):
        raise ValueError(
            f"{folder.lineage} is damaged: it is not the JSON that t5mix writes"
        ) from None
    for name, vocabulary in vocabularies(provider):
        if name in recorded and recorded[name]["fingerprint"] != vocabulary.fingerprint:
            raise ValueError(
                f"{was_trained} with another vocabulary of {name!r} "
                f"({recorded[name]['vocabulary']}) than {provider.name} has ({vocabulary!r}): ids would "
                "mean other words; use tasks with the same vocabulary, or train anew"
            )


def vocabularies(provider: Provider) -> Iterator[tuple[str, Any]]:
    """Yields the model's features and their vocabularies."""
    for name in MODEL_FEATURES:
        if name in provider.output_features:
            yield name, provider.output_features[name].vocabulary


# --- machine --------------------------------------------------------------------------------------


def check_mesh(run: Run, available: Callable[[], int] | None = None) -> None:
    """The mesh fits the machine, and divides the batch and the model's dimensions.

    Args:
        run: the settings.
        available: counts the devices; by default JAX does.
    """
    sizes = run.model.dimensions()
    batches = {"Run.batch_size": run.batch_size, "Evaluation.batch_size": run.evaluation_batch_size}
    for name, size in batches.items():
        try:
            run.mesh.check({**sizes, "batch": size}, run.mesh.num_devices)
        except ValueError as error:
            raise ValueError(f"{name} and T5Config against MeshConfig: {error}") from None
    if run.mesh.num_devices > 1:
        if available is None:
            from t5mix.mesh.devices import available_devices as available
        run.mesh.check({}, available())

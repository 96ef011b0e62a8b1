"""The folder that a run writes, and the checkpoint that it starts from: that they are of the same kind."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from t5mix.internal.files import read_json
from t5mix.runs.config import binding
from t5mix.runs.config.settings import Finetuning, Run, Training, settings
from t5mix.runs.preflight import same_model
from t5mix.runs.preflight.tasks import Provider, vocabularies
from t5mix.runs.records.run_folder import CheckpointPath, RunFolder, check_links, check_local

# What may change when a run is started again on its folder: how often it is looked at, where it
# runs, how far it goes.
MAY_CHANGE = (
    "Run.folder",
    "Run.include",
    "MeshConfig.",
    "T5Config.block_loop",
    "Training.steps",
    "Training.log_every",
    "Training.checkpoint_every",
    "Training.keep",
    "Training.allow_changed_mixture",
    "Training.allow_changed_optimizer",
    "Training.micro_batches",
    "Training.skip_non_finite",
    "Training.conflict_every",
    "Finetuning.tasks",
    "Finetuning.log_every",
    "Finetuning.checkpoint_every",
    "Finetuning.keep",
    "Finetuning.allow_changed_optimizer",
    "Finetuning.micro_batches",
    "Finetuning.skip_non_finite",
    "Evaluation.",
    "Decoding.",
)

# Of a run that fine-tunes what it has pre-trained; `check_own_checkpoint` looks at what is named later.
_OWN_CHECKPOINT = ("Finetuning.checkpoint", None)


def check_folder(run: Run, provider: Provider) -> None:
    """Checks that the run folder can be written, and holds nothing, or an earlier start of the same run."""
    check_local("Run.folder", run.folder)
    folder = RunFolder(Path(run.folder))
    check_writable(f"Run.folder {run.folder!r}", folder.path)
    check_links(folder.path)
    if folder.operative_config.is_file():
        check_same_run(run, folder)
        check_lineage(provider, folder, "this run was started")
    elif folder.pretraining.steps():
        raise ValueError(
            f"Run.folder {run.folder!r} has checkpoints but no operative_config.gin, so nobody can "
            "say whose they are: choose another folder, or delete it"
        )


def check_writable(what: str, path: Path, instead: str = "choose another with --run_folder") -> None:
    """Refuses a folder in which no file can be made, before anything is computed that is to be written there.

    Args:
        what: the folder, for the message.
        path: it is not made, so that what is refused leaves no folder behind.
        instead: what to do.

    Raises:
        ValueError: saying why.
    """
    try:
        existing = next(folder for folder in (path, *path.absolute().parents) if os.path.lexists(folder))
        with tempfile.TemporaryFile(dir=existing) as file:
            file.write(b"1")  # a full disk takes an empty file
    except OSError as error:
        raise ValueError(f"{what} can not be written ({os.strerror(error.errno or 0)}): {instead}") from None


def check_new_file(what: str, path: str) -> None:
    """Refuses a file that can not be written, before anything is computed for it.

    Args:
        what: the argument that names it, for the message.
        path: the file; one that is there is replaced.

    Raises:
        ValueError: its folder is missing or can not be written, or it is a folder itself.
    """
    check_local(what, path)
    folder = Path(path).absolute().parent
    if Path(path).is_dir():
        raise ValueError(f"{what} {path!r} is a folder; choose another")
    if not folder.is_dir():
        raise ValueError(f"{what} {path!r} can not be written: there is no folder {str(folder)!r}; choose another")
    check_writable(f"{what} {path!r}", folder, f"choose a folder other than {str(folder)!r}")


def check_same_run(run: Run, folder: RunFolder) -> None:
    """Refuses to go on with a run under other settings; names those that differ."""
    earlier = recorded_run(folder)
    now = dict(settings(run))
    allowed = (
        *MAY_CHANGE,
        *(f"{type(part).__name__}.optimizer" for part in (run.train, run.finetune) if _may_change_optimizer(part)),
    )
    differing = [
        f"{name} ({value!r} there, {_shown(now, name)})"
        for name, value in settings(earlier)
        if now.get(name) != value and not name.startswith(allowed) and (name, value) != _OWN_CHECKPOINT
    ]
    if differing:
        raise ValueError(
            f"Run.folder {str(folder.path)!r} holds a run with other settings: {', '.join(differing)}; "
            "choose another folder with --run_folder, or delete it"
        )


def check_own_checkpoint(run: Run, checkpoint: CheckpointPath | None) -> None:
    """Checks that fine-tuning in the folder of a pre-training starts from that: only steps tell scores apart.

    Args:
        run: the settings.
        checkpoint: where fine-tuning starts; None where it begins with new weights.

    Raises:
        ValueError: the checkpoint is of another folder, or there is none.
    """
    own = RunFolder(Path(run.folder))
    if own.pretraining.steps() and (checkpoint is None or not os.path.samefile(own.path, checkpoint.run.path)):
        begins = f"Finetuning.checkpoint is of {str(checkpoint.run.path)!r}" if checkpoint else "this run has none"
        raise ValueError(
            f"Run.folder {run.folder!r} has a pre-training of its own, and {begins}: choose another folder with "
            "--run_folder"
        )


def _may_change_optimizer(part: Training | Finetuning | None) -> bool:
    return part is not None and part.allow_changed_optimizer


def _shown(now: Mapping[str, Any], name: str) -> str:
    return f"{now[name]!r} here" if name in now else "not bound here"


def recorded_run(folder: RunFolder, overrides: Sequence[str] = ()) -> Run:
    """Returns the run that a folder records.

    Raises:
        FileNotFoundError: it is no run folder.
    """
    if not folder.operative_config.is_file():
        raise FileNotFoundError(f"{str(folder.path)!r} is no run folder: it holds no operative_config.gin")
    return binding.bind([str(folder.operative_config)], overrides).run


def check_checkpoint(run: Run, provider: Provider, checkpoint: CheckpointPath) -> None:
    """Checks that the checkpoint is there, of this model and of this vocabulary."""
    if checkpoint.step not in checkpoint.trained.steps():
        found = ", ".join(map(str, checkpoint.trained.steps()))
        raise FileNotFoundError(f"no checkpoint {str(checkpoint)!r}; there are those of steps {found}")
    check_lineage(provider, checkpoint.run, f"the checkpoint {str(checkpoint)!r} was trained")
    differing = same_model.differences(recorded_run(checkpoint.run).model, run.model)
    if differing:
        raise ValueError(
            f"the checkpoint {str(checkpoint)!r} is of another model: {', '.join(differing)}; put "
            f"--gin_file {checkpoint.run.operative_config} before your own"
        )


def check_lineage(provider: Provider, folder: RunFolder, was_trained: str) -> None:
    """Checks that the vocabularies are those that the folder's lineage records."""
    try:
        recorded = {
            str(name): (str(each["vocabulary"]), str(each["fingerprint"]))
            for name, each in read_json(folder.lineage)["vocabularies"].items()
        }
    except FileNotFoundError:
        return  # a run that was killed before it wrote its record has no checkpoint either
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        why = f" ({error})" if isinstance(error, ValueError) else ""
        raise ValueError(f"{folder.lineage} is damaged: it is not the JSON that t5mix writes{why}") from None
    for name, vocabulary in vocabularies(provider):
        theirs, fingerprint = recorded.get(name, ("", vocabulary.fingerprint))
        if fingerprint != vocabulary.fingerprint:
            raise ValueError(
                f"{was_trained} with another vocabulary of {name!r} "
                f"({theirs}) than {provider.name} has ({vocabulary!r}): ids would "
                "mean other words; use tasks with the same vocabulary, or train anew"
            )

"""`t5mix export`: a run's checkpoint for other programs."""

import math
import os

from t5mix.declarations.mixture import Mixture
from t5mix.declarations.registry import get_subtasks
from t5mix.internal.code import source_code
from t5mix.internal.files import read_json
from t5mix.internal.terminal import say
from t5mix.mesh.engine import Engine
from t5mix.mesh.interop.architecture import Architecture
from t5mix.mesh.interop.engine_state import weights_of_state
from t5mix.mesh.interop.hugging_face.model_card import Card, CardScore
from t5mix.mesh.interop.hugging_face.tokenizer_writing import check_vocabulary
from t5mix.mesh.interop.hugging_face.writing import Export, write_folder
from t5mix.mesh.interop.trained_alone import check_alone, check_whole, read_trained, write_trained
from t5mix.mesh.interop.weights import LazyArray
from t5mix.mesh.layouts import MeshConfig
from t5mix.mesh.optimizers.step_config import StepConfig
from t5mix.mesh.t5.fine_tuning.settings import Trained, adapters, everything, prompt_tuning
from t5mix.runs.components import state_to_use
from t5mix.runs.preflight.checks import Checked
from t5mix.runs.preflight.foreign_checkpoints import ForeignCheckpoint
from t5mix.runs.preflight.tasks import MODEL_FEATURES, check_answers, model_features, vocabularies
from t5mix.runs.records.run_folder import CheckpointPath
from t5mix.runs.scores.score_files import read_score
from t5mix.training.checkpoints import Checkpoints
from t5mix.training.starting import as_written, step_of
from t5mix.vocabularies.base import Vocabulary


def to_hugging_face(checked: Checked, output: str, *, dtype: str = "float32") -> None:
    """Writes a Hugging Face folder.

    Args:
        checked: the checkpoint, and the settings of its run.
        output: the folder, which appears when it is complete.
        dtype: of the weights on disk.

    Raises:
        ValueError: transformers has no such tokenizer, or inputs and targets have two.
    """
    model = Architecture.of(checked.run.model)
    model.check_published("transformers")
    vocabulary = _one_vocabulary(checked)
    check_vocabulary(vocabulary)
    names = (variable.name for variable in _with_besides(checked).variables)
    check_whole(names, _besides(checked), "a Hugging Face folder")
    weights = _weights(checked)
    card = _card(checked, weights).text()
    generation = {"max_new_tokens": checked.run.sequence_length["targets"], **checked.run.decoding.for_transformers()}
    export = Export(model=model, weights=weights, vocabulary=vocabulary, card=card, generation=generation, dtype=dtype)
    write_folder(export, output)
    say(f"{_checkpoint(checked)} is in {output}, for transformers")


def to_saved_model(checked: Checked, output: str, *, batch_size: int) -> None:
    """Writes a TensorFlow SavedModel, texts in and texts out; see `interop.saved_model`."""
    from t5mix.mesh.interop.saved_model import write_saved_model

    check_answers(checked.run)
    lengths = {name: checked.run.sequence_length[name] for name in MODEL_FEATURES}
    both = dict(vocabularies(checked.provider))
    write_saved_model(
        output,
        checked.run.model,
        _weights(checked),
        both,
        lengths=lengths,
        batch_size=batch_size,
        decoding=checked.run.decoding,
        trained=_besides(checked),
    )
    say(f"{_checkpoint(checked)} is in {output}, for TensorFlow (import tensorflow_text first)")


def to_stablehlo(checked: Checked, output: str, program: str, *, batch_size: int) -> None:
    """Writes a program and its weights for JAX; see `interop.stablehlo`."""
    from t5mix.mesh.interop.stablehlo import write_stablehlo

    if program in ("greedy_decode", "decode"):
        check_answers(checked.run)
    lengths = {name: checked.run.sequence_length[name] for name in model_features(checked.run)}
    write_stablehlo(
        output,
        checked.run.model,
        _weights(checked),
        program,
        lengths=lengths,
        batch_size=batch_size,
        num_tasks=len(get_subtasks(checked.provider)),
        decoding=checked.run.decoding,
        trained=_besides(checked),
    )
    say(f"{program} of {_checkpoint(checked)} is in {output}, for JAX")


def _checkpoint(checked: Checked) -> CheckpointPath:
    assert checked.checkpoint is not None
    return checked.checkpoint


def _one_vocabulary(checked: Checked) -> Vocabulary:
    """Returns the vocabulary of inputs and targets, of which a tokenizer has one."""
    both = dict(vocabularies(checked.provider))
    inputs, targets = (both[name] for name in MODEL_FEATURES)
    if inputs.fingerprint != targets.fingerprint:
        raise ValueError(
            f"{checked.provider.name} has two vocabularies, {inputs!r} and {targets!r}, and a Hugging Face tokenizer "
            "has one: export a SavedModel or StableHLO"
        )
    return inputs


def to_trained_alone(checked: Checked, output: str) -> None:
    """Writes the weights that fine-tuning changed, alone; see `interop.trained_alone`.

    Raises:
        ValueError: it changed all of them; or the checkpoint is of another program.
    """
    checkpoint = _checkpoint(checked)
    if isinstance(checkpoint, ForeignCheckpoint):
        raise ValueError(f"{checkpoint} is no run of t5mix, so nothing was trained that could lie alone: export a run")
    check_alone(_step(checkpoint).trained)
    engine = _engine(checked)
    state = as_written(Checkpoints(checkpoint.trained.checkpoints), checkpoint.step, engine)
    base = _began_with(checkpoint, state.trained)
    weights = {name: value for name, value in state.items() if "_slot_" not in name}
    task = checkpoint.task if checkpoint.is_fine_tuned else checked.provider.name
    lengths = {name: checked.run.sequence_length[name] for name in model_features(checked.run)}
    write_trained(weights, state.trained, output, base, task, lengths)
    say(f"what {_checkpoint(checked)} has trained is in {output}; it belongs to {base}")


def _began_with(checkpoint: CheckpointPath, trained: Trained) -> str:
    """Returns where the weights were that a training left alone, for people."""
    start = read_json(checkpoint.trained.start) if checkpoint.trained.start.is_file() else {}
    base, noted = start.get("checkpoint"), start.get("trained_before")
    if base is None:
        return "the run's own first weights"
    before = str(noted["folder"]) if isinstance(noted, dict) and "folder" in noted else None
    # The same choice has gone on with its weights; else they have become part of the others.
    became_part = before is not None and os.path.isdir(before) and read_trained(before).trained != trained
    return f"{base} with {before}" if became_part else str(base)


def _engine(checked: Checked) -> Engine:
    lengths = {name: checked.run.sequence_length[name] for name in model_features(checked.run)}
    return Engine(checked.run.model, MeshConfig(), batch_size=1, lengths=lengths)


def _besides(checked: Checked) -> Trained:
    """Returns what the checkpoint's model has besides T5's weights, adapters or a prompt; reads no weights of it."""
    checkpoint = _checkpoint(checked)
    alone = checkpoint.trained_alone
    trained = _step(checkpoint).trained if alone is None else read_trained(alone).beside
    return trained if isinstance(trained, adapters | prompt_tuning) else everything()


def _with_besides(checked: Checked) -> Engine:
    return _engine(checked).with_step(StepConfig(trained=_besides(checked)))


def _weights(checked: Checked) -> dict[str, LazyArray]:
    """Returns all weights of the checkpoint, on one device, LoRA added up, with what there is besides."""
    return weights_of_state(_with_besides(checked), state_to_use(_checkpoint(checked), _engine(checked)))


def _step(checkpoint: CheckpointPath) -> StepConfig:
    """Returns what a checkpoint was trained by, and reads no weights."""
    if isinstance(checkpoint, ForeignCheckpoint):
        return StepConfig()
    return step_of(Checkpoints(checkpoint.trained.checkpoints).extra(checkpoint.step))


def _card(checked: Checked, weights: dict[str, LazyArray]) -> Card:
    """Returns what the model card says: tasks, mixture, and every score of this checkpoint."""
    run, checkpoint = checked.run, _checkpoint(checked)
    mixture, tasks, base = _trained_on(checked)
    return Card(
        title=f"{_name(checked)}{_beside(checkpoint)}",
        mixture=mixture,
        tasks=tasks,
        step=checkpoint.step,
        parameters=sum(_size(array.shape) for array in weights.values()),
        lengths=(run.sequence_length["inputs"], run.sequence_length["targets"]),
        scores=_scores(checkpoint),
        version=source_code.version("t5mix"),
        base=base,
    )


def _name(checked: Checked) -> str:
    """Returns what people call a checkpoint: that of another program by its name, and no path of this machine."""
    checkpoint = _checkpoint(checked)
    if not isinstance(checkpoint, ForeignCheckpoint):
        return f"{checked.provider.name}, step {checkpoint.step}"
    source = checkpoint.opened.source
    return os.path.basename(os.path.abspath(source)) if os.path.exists(source) else source


def _trained_on(checked: Checked) -> tuple[str, list[tuple[str, float | None]], str]:
    """Returns what the weights were trained on, the shares of its tasks, and what was trained further, if anything."""
    provider, checkpoint = checked.provider, _checkpoint(checked)
    alone = None if checkpoint.trained_alone is None else read_trained(checkpoint.trained_alone)
    if alone is not None and alone.task is not None:
        return alone.task, [(alone.task, None)], _name(checked)
    if isinstance(checkpoint, ForeignCheckpoint):
        return "", [], _name(checked)
    rates = provider.rates(max(checkpoint.step - 1, 0)) if isinstance(provider, Mixture) else {provider.name: 1.0}
    shares = [(task.name, rates.get(task.name)) for task in get_subtasks(provider)]
    return provider.name, shares, "" if alone is None else _name(checked)


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for dimension in shape:
        size *= dimension
    return size


def _beside(checkpoint: CheckpointPath) -> str:
    return "" if checkpoint.trained_alone is None else f", with {os.path.basename(checkpoint.trained_alone)}"


def _scores(checkpoint: CheckpointPath) -> list[CardScore]:
    """Returns the scores of a checkpoint that lie in its run folder, the split's name first."""
    if checkpoint.trained_alone is not None or isinstance(checkpoint, ForeignCheckpoint):
        return []  # those there are of the weights without what was trained
    found = []
    for path in sorted((checkpoint.trained.path / "scores").glob(f"*/*/{checkpoint.step}.json")):
        score = read_score(path)
        assert score is not None, path
        found += [
            CardScore(
                task=score.task,
                metric=metric,
                value=_number(value),
                split=score.split,
                baseline=_number(score.baseline.score) if metric == next(iter(score.metrics)) else None,
                examples=score.num_examples,
            )
            for metric, value in score.metrics.items()
        ]
    return found


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value

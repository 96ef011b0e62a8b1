"""What cannot be trained is refused before a step is done, with the setting's name."""

import pytest

from t5mix.mesh.layouts import MeshConfig
from t5mix.mesh.optimizers.step_config import StepConfig
from t5mix.mesh.t5.config import T5Config
from t5mix.mesh.t5.fine_tuning.settings import adapters, everything, lora, matching, prompt_tuning
from t5mix.runs.config.settings import Finetuning, Run, Training
from t5mix.runs.preflight.training_steps import check_goes_on, check_steps
from t5mix.runs.records.run_folder import CheckpointPath, RunFolder, Trained
from t5mix.training.checkpoints import Checkpoints
from t5mix.training.schedules import constant
from t5mix.training.starting import STEP
from tests.training import toy

MODEL = T5Config(vocab_size=264, d_model=16, d_ff=32, num_heads=2, d_kv=8, num_encoder_layers=1, num_decoder_layers=1)


def run(**changes) -> Run:
    given = dict(folder="x", mixture="toy", sequence_length={"inputs": 16, "targets": 8}, batch_size=4, model=MODEL)
    return Run(**(given | changes))


def test_what_is_not_there_is_refused_before_pre_training():
    first = Training(steps=1, schedule=constant())
    check_steps(run(train=first, finetune=Finetuning(steps=1, schedule=constant(), trained=lora())))
    with pytest.raises(ValueError, match=r"Finetuning.trained: matching.patterns: 'encodr' matches no weight"):
        check_steps(
            run(train=first, finetune=Finetuning(steps=1, schedule=constant(), trained=matching(patterns=("encodr",))))
        )
    with pytest.raises(ValueError, match=r"Training.trained: lora.projections: this model has no projection 'wi_1'"):
        check_steps(run(train=Training(steps=1, schedule=constant(), trained=lora(projections=("wi_1",)))))


@pytest.mark.parametrize("first", [adapters(inner_size=2), prompt_tuning(length=4)])
def test_what_pre_training_adds_must_be_there_in_fine_tuning(first):
    """It is said before pre-training, not after it."""
    training = Training(steps=1, schedule=constant(), trained=first)

    def both(then):
        return run(train=training, finetune=Finetuning(steps=1, schedule=constant(), trained=then), packing=False)

    check_steps(both(first))
    for then in (everything(), lora(), adapters(inner_size=4)):
        with pytest.raises(ValueError, match=r"Training.trained is .*Finetuning.trained is .*set both to the same"):
            check_steps(both(then))


def test_the_mesh_must_divide_micro_batches():
    training = Training(steps=1, schedule=constant(), micro_batches=4)
    check_steps(run(train=training))
    with pytest.raises(ValueError, match=r"Training.micro_batches is 4, .* parts of 1 rows, .* use a divisor of 2"):
        check_steps(run(train=training, mesh=MeshConfig(shape="batch:2")))


def test_adapters_of_a_checkpoint_stay(tmp_path):
    engine = toy.engine().with_step(StepConfig(trained=adapters(inner_size=2)))
    Checkpoints(tmp_path / "checkpoints").save(1, engine.initialize(0), {STEP: engine.step.description()})
    checkpoint = CheckpointPath(RunFolder(tmp_path), Trained(tmp_path), 1)

    def from_there(trained, packing=True):
        return run(finetune=Finetuning(steps=1, schedule=constant(), trained=trained), packing=packing)

    check_goes_on(from_there(adapters(inner_size=2)), checkpoint)
    for other in (everything(), adapters(inner_size=4), lora()):
        with pytest.raises(ValueError, match=r"was trained with adapters\(inner_size=2\), which is part of it"):
            check_goes_on(from_there(other), checkpoint)
    with pytest.raises(ValueError, match="which is part of it"):
        check_goes_on(from_there(prompt_tuning(), packing=False), checkpoint)

"""What is kept of a model's arrays is what building its graph finds."""

import pytest

from t5mix.mesh.compiling.arrays import Arrays
from t5mix.mesh.layouts import MeshConfig
from t5mix.mesh.optimizers.settings import adamw
from t5mix.mesh.optimizers.step_config import StepConfig
from t5mix.mesh.programs import Programs
from t5mix.mesh.t5.fine_tuning.settings import gradual_unfreezing, lora, matching, prompt_tuning
from tests.mesh.small import LENGTHS, config

LM = {"architecture": "prefix_lm", "num_encoder_layers": 0}
CHOICES = [
    pytest.param({}, StepConfig(), id="everything"),
    pytest.param({"num_encoder_layers": 2, "block_loop": "kept"}, StepConfig(optimizer=adamw()), id="loop"),
    pytest.param(LM, StepConfig(trained=matching(patterns=("q$",))), id="a-part"),
    pytest.param({}, StepConfig(trained=lora()), id="lora"),
    pytest.param({}, StepConfig(trained=prompt_tuning()), id="prompt"),
    pytest.param({"num_decoder_layers": 3}, StepConfig(trained=gradual_unfreezing(steps_per_layer=2)), id="unfreezing"),
]


@pytest.mark.parametrize(("changes", "step"), CHOICES)
def test_arrays_are_read_as_they_were_written(changes, step):
    mesh = MeshConfig(shape="batch:2;model:2")
    arrays = Programs(config(**changes), mesh, 4, LENGTHS, 2, step).arrays
    assert Arrays.from_bytes(arrays.to_bytes()) == arrays
    assert arrays.frozen + arrays.trained_weights == sorted(
        arrays.stored_weights, key=lambda one: one in arrays.trained_weights
    )

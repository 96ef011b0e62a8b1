"""Options that no optimizer can have are refused, with the name of the option."""

import math

import pytest

from t5mix.mesh.optimizers.settings import adafactor, adamw, adamw_scaled
from t5mix.mesh.optimizers.step_config import StepConfig


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: adafactor(clipping_threshold=0.0), r"adafactor.clipping_threshold is 0.0: it must be positive"),
        (lambda: adafactor(decay_rate=1.0), r"adafactor.decay_rate is 1.0: it must be in \[0, 1\)"),
        (lambda: adafactor(beta1=-0.1), r"adafactor.beta1 is -0.1"),
        (lambda: adafactor(decay_rate_exponent=math.nan), "adafactor.decay_rate_exponent is nan"),
        (lambda: adafactor(min_dim_size_to_factor=0), "adafactor.min_dim_size_to_factor is 0"),
        (lambda: adafactor(step_offset=-1), "adafactor.step_offset is -1"),
        (lambda: adafactor(weight_decay=math.inf), "adafactor.weight_decay is inf"),
        (lambda: adamw(beta2=1.0), r"adamw.beta2 is 1.0: it must be in \[0, 1\)"),
        (lambda: adamw(epsilon=0.0), "adamw.epsilon is 0.0"),
        (lambda: adamw_scaled(epsilon_scale=0.0), "adamw_scaled.epsilon_scale is 0.0"),
        (lambda: adamw_scaled(beta1=1.5), "adamw_scaled.beta1 is 1.5"),
        (lambda: StepConfig(micro_batches=0), "micro_batches is 0"),
        (lambda: StepConfig(loss_denominator="words"), "loss_denominator is 'words': choose 'tokens' or 'positions'"),
        (lambda: StepConfig(loss_denominator=0.0), "loss_denominator is 0.0"),
        (lambda: StepConfig(loss_denominator=math.nan), "loss_denominator is nan"),
        (lambda: StepConfig(clip_norm=0.0), "clip_norm is 0.0"),
        (lambda: StepConfig(micro_batches=3).check_batch(8), "a batch of 8 rows .* micro_batches = 3 .* such as 9"),
    ],
)
def test_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()

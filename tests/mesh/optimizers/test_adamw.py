"""AdamW against torch's; scaled, against nanoT5's formula in torch."""

import numpy as np
import pytest

from t5mix.mesh.optimizers import adamw as module
from t5mix.mesh.optimizers.settings import adamw, adamw_scaled
from tests.mesh.optimizers.steps import RATE, ours

torch = pytest.importorskip("torch")


def drawn(shape, count=4):
    rng = np.random.default_rng(0)
    weight = rng.normal(size=shape).astype(np.float32)
    return weight, [rng.normal(size=shape).astype(np.float32) * np.float32(10.0**-n) for n in range(count)]


@pytest.mark.parametrize("shape", [(7,), (130, 20)])
@pytest.mark.parametrize(
    "options", [adamw(), adamw(weight_decay=0.1), adamw(beta1=0.5, beta2=0.9, epsilon=1e-3), adamw(beta1=0.0)]
)
def test_steps_equal_torchs(shape, options):
    weight, gradients = drawn(shape)
    found, _ = ours(module, options, weight, gradients)
    parameter = torch.nn.Parameter(torch.tensor(weight))
    theirs = torch.optim.AdamW(
        [parameter],
        lr=RATE,
        betas=(options.beta1, options.beta2),
        eps=options.epsilon,
        weight_decay=options.weight_decay,
    )
    for gradient in gradients:
        parameter.grad = torch.tensor(gradient)
        theirs.step()
    np.testing.assert_allclose(found, parameter.detach().numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("size", [1.0, 1e-6])
def test_scaled_steps_are_relative_to_the_weights_root_mean_square(size):
    weight, gradients = drawn((9, 5))
    weight *= np.float32(size)
    found, _ = ours(module, adamw_scaled(), weight, gradients)
    expected, m, v = torch.tensor(weight, dtype=torch.float64), 0.0, 0.0
    for number, gradient in enumerate(gradients, 1):
        g = torch.tensor(gradient, dtype=torch.float64)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        scale = max(1e-3, float(expected.norm(2)) / expected.numel() ** 0.5)
        expected = expected - RATE * scale * (m / (1 - 0.9**number)) / ((v / (1 - 0.999**number)).sqrt() + 1e-6)
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("options", [adamw(weight_decay=0.1), adamw_scaled()])
def test_a_stack_is_updated_as_its_layers_are_alone(options):
    rng = np.random.default_rng(1)
    weights = (rng.normal(size=(3, 4, 6)) * np.array([1.0, 10.0, 0.1]).reshape(3, 1, 1)).astype(np.float32)
    gradients = [rng.normal(size=(3, 4, 6)).astype(np.float32) for _ in range(3)]
    together, _ = ours(module, options, weights, gradients, stacked=True)
    for layer in range(3):
        alone, _ = ours(module, options, weights[layer], [gradient[layer] for gradient in gradients])
        np.testing.assert_allclose(together[layer], alone, rtol=1e-5, atol=1e-7)


def test_weights_may_be_excluded_from_weight_decay():
    options = adamw(weight_decay=0.1, exclude_from_weight_decay=("rms_norm",))
    assert options.of_weight("encoder/rms_norm/scale").weight_decay == 0
    assert options.of_weight("shared/embedding").weight_decay == 0.1

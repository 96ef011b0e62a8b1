"""A stranger's gin file is data: what gin itself reads from it, and nothing run."""

import gin
import pytest

from t5mix.mesh.interop.published import gin_text

TEXT = """
import module_that_runs_code
include 'another.gin'
# a comment = 1
d_ff = 2048
name = 'a # no comment'
chained = %d_ff
scope/deeper/DenseReluDense.activation = ['gelu', 'linear']  # gated
x.y.DenseReluDense.hidden_size = %d_ff
run.layers = [
    @transformer_layers.SelfAttention,
    @enc/transformer_layers.DenseReluDense,
]
run.schedule = @learning_rate_schedules.constant_learning_rate()
run.pairs = {'inputs': 512, 'targets': %d_ff}
run.rate = -1e-3
run.nothing = None
run.flag = True
run.text = "one" \\
    "two"
"""


def test_values_are_those_that_gin_reads():
    found = gin_text.parse(TEXT, "x.gin")
    assert found["d_ff"] == 2048
    assert found["chained"] == 2048
    assert found["scope/deeper/DenseReluDense.activation"] == ["gelu", "linear"]
    assert gin_text.find(found, "DenseReluDense.hidden_size") == 2048
    assert gin_text.find(found, "DenseReluDense.activation", "hidden_size") == ["gelu", "linear"]
    assert gin_text.find(found, "Relu.activation") is None
    assert found["run.layers"] == ["@transformer_layers.SelfAttention", "@enc/transformer_layers.DenseReluDense"]
    assert found["run.schedule"] == "@learning_rate_schedules.constant_learning_rate"
    assert found["run.pairs"] == {"inputs": 512, "targets": 2048}
    plain = {
        name: value
        for name, value in found.items()
        if name.startswith("run.") and name not in ("run.layers", "run.schedule", "run.pairs")
    }
    with gin.unlock_config():
        for name, value in plain.items():
            line = TEXT[TEXT.index(name) :].split(" = ", 1)[1]
            line = line.split("\nrun.")[0]
            assert gin.config.parse_value(line.replace("\\\n", "")) == value, name


@pytest.mark.parametrize(
    "text",
    [
        "x = __import__('os').system('true')",
        "x = open('/etc/passwd')",
        "x = [1, 2",
        "x = ",
        "just words",
        "= 3",
        "x = 'open",
        "x = " + "[" * 5000 + "]" * 5000,
        "x = %x",
        "x = (lambda: 1)()",
    ],
)
def test_what_is_no_literal_is_refused_and_not_run(text):
    with pytest.raises(ValueError, match=r"bad\.gin"):
        gin_text.parse(text, "bad.gin")


def test_a_macro_that_is_not_there_stays_a_text():
    assert gin_text.parse("x = %absent", "x.gin") == {"x": "%absent"}

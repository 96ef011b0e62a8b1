"""Rates that a run sets by gin, in place of those of its mixture."""

import pytest

import t5mix
from t5mix.declarations import rates
from t5mix.runs.config import binding
from t5mix.runs.config.mixing import Mixing

TASKS = ("offline_abbreviate", "offline_questions")


@pytest.fixture
def mixture():
    return t5mix.Mixture("two", [t5mix.TaskRegistry.get(name) for name in TASKS], default_rate=1.0)


def _bound(gin_file, *params):
    return binding.bind([str(gin_file)], params).run.mixing


def test_a_run_that_says_nothing_leaves_rates_as_declared(gin_file, mixture):
    assert _bound(gin_file) is None
    assert Mixing().of(mixture) is mixture


def test_stages_a_line_and_unimax(gin_file, mixture):
    one, other = TASKS
    stages = _bound(gin_file, f"Mixing.rates = {{0: {{'{one}': 1.0}}, 100: {{'{one}': 1.0, '{other}': 3.0}}}}")
    assert stages.of(mixture).rates(99) == {one: 1.0, other: 0.0}
    assert stages.of(mixture).rates(100) == {one: 0.25, other: 0.75}
    line = _bound(
        gin_file,
        "Mixing.rates = @linear()",
        f"linear.first = {{'{one}': 1.0}}",
        f"linear.last = {{'{other}': 1.0}}",
        "linear.start = 10",
        "linear.stop = 11",
        "Mixing.unit = 'target_tokens'",
        "Mixing.max_epochs = 4",
    )
    changed = line.of(mixture)
    assert changed.rates(10) == {one: 0.5, other: 0.5} and changed.rates(11) == {one: 0.0, other: 1.0}
    assert changed.unit == "target_tokens" and changed.max_epochs == dict.fromkeys(TASKS, 4.0)
    even = _bound(gin_file, "Mixing.rates = @UniMax()", "UniMax.budget = 1000", "UniMax.max_epochs = 2")
    assert even.rates == rates.UniMax(1000, 2) and even.of(mixture).rates() == {one: 0.5, other: 0.5}


def test_limits_of_a_run_take_the_place_of_all_that_are_declared_of_mixtures_within_too(gin_file):
    one, other = (t5mix.TaskRegistry.get(name) for name in TASKS)
    inner = t5mix.Mixture("inner", [(one, 3.0)], max_epochs=2)
    outer = t5mix.Mixture("outer", [(inner, 1.0), (other, 1.0)], max_epochs=4, unit="tokens")
    assert outer.max_epochs == {TASKS[0]: 2.0, TASKS[1]: 4.0}  # the least of each
    for given, limits in (("8", dict.fromkeys(TASKS, 8.0)), (f"{{'{TASKS[0]}': 9}}", {TASKS[0]: 9.0}), ("{}", {})):
        changed = _bound(gin_file, f"Mixing.max_epochs = {given}").of(outer)
        assert changed.max_epochs == limits
        assert changed.rates() == outer.rates() and changed.unit == "tokens"
    assert outer.max_epochs[TASKS[0]] == 2.0 and inner.max_epochs == {TASKS[0]: 2.0}
    assert _bound(gin_file, "Mixing.unit = 'examples'").of(outer).max_epochs == outer.max_epochs


def test_the_record_of_a_run_says_its_rates_and_binds_them_again(gin_file, tmp_path):
    params = ["Mixing.rates = @linear()", "linear.first = {'a': 1.0}", "linear.last = {'b': 1.0}"]
    first = binding.bind([str(gin_file)], [*params, "linear.start = 10", "linear.stop = 20"])
    record = tmp_path / "operative_config.gin"
    record.write_text(first.operative_config)
    assert binding.bind([str(record)]).run.mixing == first.run.mixing


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (["Mixing.rates = {'nothing': 1.0}"], "Mixing.rates: rates names 'nothing', which is none of its tasks"),
        (["Mixing.unit = 'words'"], "Mixing.unit: mixture 'two' has unit='words'"),
        (["Mixing.max_epochs = 0.0"], "Mixing.max_epochs: mixture 'two' has max_epochs=0.0"),
    ],
)
def test_what_cannot_be_is_refused_by_its_setting(gin_file, mixture, params, message):
    mixing = _bound(gin_file, *params)
    with pytest.raises(ValueError, match=message):
        mixing.of(mixture)


def test_a_rate_of_the_wrong_type_is_refused_by_its_line(gin_file):
    with pytest.raises(ValueError, match=r"Mixing\.rates"):
        _bound(gin_file, "Mixing.rates = [1.0, 2.0]")

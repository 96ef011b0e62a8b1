"""Rates that change: every form becomes stages, and what cannot be one is refused by name."""

import pytest

from t5mix.declarations import rates
from t5mix.declarations.mixture import Mixture
from t5mix.declarations.rates.part_rates import PartRates


def _rates(mixture, step):
    return {task.name: mixture.get_rate(task, step) for task in mixture.tasks}


def test_stages_of_a_part_and_of_all(make_task):
    tasks = [make_task(name) for name in "ab"]
    one = Mixture("m", [(tasks[0], {0: 1.0, 10: 0.0}), (tasks[1], 1.0)])
    together = Mixture("m", tasks, rates={0: {"a": 1.0, "b": 1.0}, 10: {"b": 1.0}})
    for mixture in (one, together):
        assert mixture.rate_steps == (0, 10)
        assert _rates(mixture, 9) == {"a": 1.0, "b": 1.0} and _rates(mixture, 10) == {"a": 0.0, "b": 1.0}
        assert mixture.rates() == {"a": 0.5, "b": 0.5} and mixture.rates(11) == {"a": 0.0, "b": 1.0}
        again = mixture.with_tasks({"a": make_task("a", count=3)})
        assert again.rate_steps == (0, 10) and _rates(again, 10) == {"a": 0.0, "b": 1.0}
        assert _rates(mixture.with_mixing(rates={"a": 1, "b": 3}), 10) == {"a": 1.0, "b": 3.0}


def test_a_linear_change_has_the_mean_of_its_line():
    change = rates.linear(1.0, 0.0, 1000, 2000)
    assert len(change.by_start) == 102
    assert change.at(0) == change.at(999) == 1.0 and change.at(2000) == change.at(10**9) == 0.0
    assert change.at(1000) == change.at(1009) == pytest.approx(0.995) and change.at(1990) == pytest.approx(0.005)
    assert sum(change.at(step) for step in range(1000, 2000)) == pytest.approx(500)
    short = rates.linear({"a": 2.0}, {"b": 1.0}, 0, 3).by_start
    assert list(short) == [0, 1, 2, 3] and short[1] == pytest.approx({"a": 1.0, "b": 0.5}) and short[3] == {"b": 1.0}


def test_a_function_of_the_step_is_asked_so_often(make_task):
    asked = []

    def falling(step):
        asked.append(step)
        return 1 / (1 + step)

    mixture = Mixture("m", [(make_task("a"), rates.by_step(falling, every=5, until=20)), (make_task("b"), 1.0)])
    assert asked == []
    assert mixture.rate_steps == (0, 5, 10, 15, 20) == tuple(asked)
    assert mixture.get_rate("a", 14) == 1 / 11 and mixture.get_rate("a", 10**6) == 1 / 21
    whole = rates.by_step(lambda step: {"a": 1.0, "b": float(step)}, every=10, until=10)
    assert Mixture("m", [make_task("a"), make_task("b")], rates=whole).rates(10) == {"a": 1 / 11, "b": 10 / 11}


def test_rates_of_nested_mixtures_change_too(make_task):
    inner = Mixture("inner", [(make_task("a"), 1.0), (make_task("b"), {0: 1.0, 7: 3.0})])
    outer = Mixture("outer", [(inner, rates.linear(2.0, 4.0, 5, 6)), (make_task("c"), 1.0)])
    assert outer.rate_steps == (0, 5, 6, 7)
    assert _rates(outer, 0) == {"a": 1.0, "b": 1.0, "c": 1.0} and _rates(outer, 7) == {"a": 1.0, "b": 3.0, "c": 1.0}


def test_unimax_is_a_rule_for_all_tasks(make_task):
    tasks = [make_task("big", 1000), make_task("small", 10)]
    mixture = Mixture("m", tasks, rates=rates.UniMax(budget=100, max_epochs=2))
    assert _rates(mixture, 0) == {"big": 80.0, "small": 20.0}
    with pytest.raises(ValueError, match="is a mixture; name its tasks"):
        Mixture("n", [mixture], rates=rates.UniMax(budget=100, max_epochs=2))


def test_a_task_that_is_named_with_0_in_every_stage_is_not_drawn(make_task):
    mixture = Mixture("m", [make_task("a"), make_task("b")], rates={0: {"a": 0, "b": 1.0}, 10: {"a": 0, "b": 2.0}})
    assert _rates(mixture, 10) == {"a": 0.0, "b": 2.0}


def test_rates_of_a_thousand_tasks_together_are_looked_at_once_a_stage(make_task):
    tasks = [make_task(f"t{number}") for number in range(1000)]
    names = [task.name for task in tasks]
    looked_at = 0

    class Counted(dict):
        def __iter__(self):
            nonlocal looked_at
            looked_at += 1
            return super().__iter__()

    change = rates.stages({step: Counted.fromkeys(names, 1.0 + step) for step in range(5)})
    mixture = Mixture("m", tasks, rates=change)
    assert looked_at <= 2 * 5 and mixture.rates(4)["t999"] == 0.001


def test_a_nested_mixture_adds_up_its_rates_once_for_all_its_tasks(make_task, monkeypatch):
    asked = []
    number = PartRates.number
    monkeypatch.setattr(PartRates, "number", lambda *arguments: asked.append(arguments) or number(*arguments))
    tasks = [make_task(f"t{number}") for number in range(51)]
    inner = Mixture("inner", tasks[:50], default_rate=1.0)
    outer = Mixture("outer", [(inner, {step: 1.0 + step for step in range(4)}), (tasks[50], 1.0)])
    for step in range(4):
        assert outer.rates(step)["t0"] == pytest.approx((step + 1) / (step + 2) / 50)
    assert len(asked) <= 5 * 51 * 4


def test_limits_of_nested_mixtures_hold(make_task):
    inner = Mixture("inner", [(make_task("a"), 1.0), (make_task("b"), 1.0)], max_epochs=2)
    outer = Mixture("outer", [(inner, 1.0), (make_task("c"), 1.0)], max_epochs={"a": 1, "c": 3.5}, unit="tokens")
    assert outer.max_epochs == {"a": 1.0, "b": 2.0, "c": 3.5} and outer.unit == "tokens"
    assert outer.with_tasks({}).mixing == {"unit": "tokens", "max_epochs": {"a": 1.0, "c": 3.5}}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: rates.stages({}), "give {0: 1.0, 1000: 0.5}"),
        (lambda: rates.stages({5: 1.0}), r"no stage begins at step 0, but at \[5\]"),
        (lambda: rates.stages({0: 1.0, 1.5: 2.0}), "first step is 1.5; give a whole number"),
        (lambda: rates.linear(1.0, 0.0, 5, 5), "there are no steps"),
        (lambda: rates.linear(1.0, -1.0, 0, 5), "linear: last is -1.0"),
        (lambda: rates.linear({"a": 1.0}, 1.0, 0, 5), "one is a dict"),
        (lambda: rates.by_step(3, every=1, until=2), "no function of the step"),
        (lambda: rates.by_step(float, every=2, until=3), "no multiple of every"),
        (lambda: rates.by_step(float, every=1, until=10**6), "every=1002 or more"),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("tasks", "arguments", "message"),
    [
        ("ab", {"rates": {0: {"a": 1.0}, 5: {"c": 1.0}}}, "at step 5 rates names 'c', which is none of its tasks"),
        ("ab", {"rates": {0: {"a": 1.0}}}, "rates gives 'b' none at any step"),
        ("ab", {"rates": {"a": 1.0}}, "rates gives none to 'b'"),
        ("ab", {"rates": {0: {"a": 1.0, "b": 1.0}, 9: {}}}, "has only rates of 0 from step 9 on"),
        ("ab", {"rates": {0: 1.0}}, "at step 0 rates is 1.0; give a dict"),
        ("ab", {"rates": 3}, "rates is 3"),
        ("ab", {"rates": {"a": 1, "b": 1}, "default_rate": 1.0}, "with another rate"),
        ("ab", {"default_rate": 1.0, "unit": "words"}, "unit='words'; give one of examples, target_tokens, tokens"),
        ("ab", {"default_rate": 1.0, "max_epochs": 0}, "max_epochs=0 for 'a'"),
        ("ab", {"default_rate": 1.0, "max_epochs": {"c": 1}}, "max_epochs names 'c'"),
        ("a", {"default_rate": {0: 0.0, 3: 1.0}}, "has only rates of 0"),
        ("a", {"default_rate": {0: 1.0, 3: -1.0}}, "the rate of 'a' at step 3 is -1.0"),
    ],
)
def test_a_mixture_refuses_rates_by_name(make_task, tasks, arguments, message):
    with pytest.raises(ValueError) as raised:
        Mixture("m", [make_task(name) for name in tasks], **arguments)
    said = " ".join([str(raised.value), *getattr(raised.value, "__notes__", ())])
    assert message in said and "mixture 'm'" in said

"""Plans of mixtures whose rates change, that mix by tokens, or that end."""

import itertools

import pytest

from t5mix.data import Stream
from t5mix.data.packing import windows
from t5mix.declarations import rates
from t5mix.declarations.mixture import Mixture
from tests.data.planning.test_first_fed import first_steps
from tests.data.planning.test_planner import LENGTHS, check

STAGES = {0: {"a": 1.0, "b": 2.0}, 21: {"b": 1.0, "c": 3.0}, 60: {"a": 1.0}}
DECLARED = {
    "stages": {"rates": STAGES},
    "line": {"rates": rates.linear({"a": 3.0, "b": 1.0}, {"b": 1.0, "c": 4.0}, 10, 50)},
    "tokens": {"unit": "target_tokens"},
    "one limit": {"max_epochs": {"b": 2}},
    "the end": {"max_epochs": {"a": 2, "b": 3, "c": 1}},
}


@pytest.fixture(autouse=True)
def small_windows(monkeypatch):
    monkeypatch.setattr(windows, "_ROWS", 16)


def stream_of(make_task, kind: str, pack: bool) -> Stream:
    tasks = [make_task("a", count=60, longest=30), make_task("b", count=25, longest=8), make_task("c", count=90)]
    rate = {} if "rates" in DECLARED[kind] else {"default_rate": 1.0}
    return Stream(Mixture("m", tasks, **rate, **DECLARED[kind]), LENGTHS, 4, pack=pack)


@pytest.mark.filterwarnings("ignore:.*found no room")
@pytest.mark.parametrize("pack", [True, False])
@pytest.mark.parametrize("kind", DECLARED)
def test_a_plan_is_what_the_stream_feeds(make_task, kind, pack):
    for steps in (13, 30, 61, 90):
        stream = stream_of(make_task, kind, pack)
        end = stream.steps
        check(stream, min(steps, end or steps))
        everything = {"a": range(60), "b": range(25), "c": range(90)}
        expected = first_steps(stream_of(make_task, kind, pack), min(steps, end or steps))
        assert stream_of(make_task, kind, pack).first_fed(everything, steps) == expected


@pytest.mark.parametrize("pack", [True, False])
def test_a_stream_that_ends_has_fed_what_it_may(make_task, pack):
    stream = stream_of(make_task, "the end", pack)
    assert stream.steps is not None
    plan = stream.plan(10**6, over_steps=True)
    assert plan.steps == stream.steps and plan.asked == 10**6
    assert [(one.fed + one.dropped, one.epochs) for one in plan.tasks] == [(120, 2), (75, 3), (90, 1)]
    assert [one.max_epochs for one in plan.tasks] == [2, 3, 1]
    assert plan.changes[-1].step == stream.steps and "max_epochs of" in plan.changes[1].why
    assert plan.over_steps[-1].stop == stream.steps
    # Where a task ends the others share what it had, in proportion: as JSON it is named, without a list of a thousand.
    told = plan.as_json()["changes"]
    assert [each["ended"] for each in told] == [[], *([each.ended[0]] for each in plan.changes[1:-1]), []]
    assert [each["shares"] is None for each in told] == [bool(each["ended"]) for each in told]
    for before, after in itertools.pairwise(plan.changes[:-1]):
        left = [0 if name in after.ended else share for name, share in zip("abc", before.shares, strict=True)]
        assert after.shares == pytest.approx([share / sum(left) for share in left])
    check(stream_of(make_task, "the end", pack), stream.steps)


def test_changes_are_those_of_the_steps_that_are_planned(make_task):
    stream = stream_of(make_task, "stages", True)
    assert [change.step for change in stream.plan(60).changes] == [0, 21]
    plan = stream.plan(61, over_steps=True)
    assert [change.step for change in plan.changes] == [0, 21, 60]
    assert plan.changes[1].shares == pytest.approx((0, 0.25, 0.75))
    json = plan.as_json()
    shares = {"a": 0, "b": 0.25, "c": 0.75}
    assert json["changes"][1] == {"step": 21, "why": "rates change", "ended": [], "shares": shares}
    of_first = next(part for part in plan.over_steps if part.start == 0)
    assert of_first.examples[2] == 0

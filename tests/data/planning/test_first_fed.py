"""The first step of an example is that of the first batch with it."""

import dataclasses

import pytest

from t5mix.data import Stream
from t5mix.data.packing import windows
from t5mix.data.packing.capacity import Plan
from t5mix.declarations.mixture import Mixture

LENGTHS = {"inputs": 24, "targets": 12}


def first_steps(stream: Stream, steps: int) -> dict[tuple[str, int], int]:
    found: dict[tuple[str, int], int] = {}
    for step in range(steps):
        for task, _, index in stream.examples(step):
            found.setdefault((task, index), step)
    return found


def mixed(make_task) -> Mixture:
    return Mixture("mixed", [(make_task("a", count=200, longest=40), 1.0), (make_task("b", count=7, longest=9), 0.2)])


@pytest.mark.filterwarnings("ignore:.*found no room")
@pytest.mark.parametrize("pack", [True, False])
@pytest.mark.parametrize("greed", [1.0, 1.3])
@pytest.mark.parametrize("steps", [0, 30, 121])
def test_it_is_what_running_the_stream_tells(make_task, monkeypatch, pack, greed, steps):
    monkeypatch.setattr(windows, "_ROWS", 16)
    planned = Plan.of.__func__

    def greedy(cls, *arguments):  # with more draws than there is room for, some are left out
        plan = planned(cls, *arguments)
        room = tuple(2 * room for room in plan.room)
        return dataclasses.replace(plan, draws=int(plan.draws * greed), room=room) if greed > 1 else plan

    monkeypatch.setattr(Plan, "of", classmethod(greedy))
    stream = Stream(mixed(make_task), LENGTHS, 4, pack=pack)
    expected = first_steps(Stream(mixed(make_task), LENGTHS, 4, pack=pack), steps)
    everything = {"a": range(200), "b": range(7)}
    assert stream.first_fed(everything, steps) == expected
    some = {"a": [3, 199, 3], "b": []}
    few = {key: step for key, step in expected.items() if key in (("a", 3), ("a", 199))}
    assert Stream(mixed(make_task), LENGTHS, 4, pack=pack).first_fed(some, steps) == few

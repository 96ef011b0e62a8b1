"""The ends of tasks, found ahead: those that come, whatever is asked in between."""

import random

import numpy as np
import pytest

from t5mix.data.mixing.coming_ends import ComingEnds
from t5mix.data.mixing.intended import Intended
from t5mix.data.mixing.schedule import Schedule
from t5mix.data.mixing.weights import BITS
from t5mix.data.packing.timetable import PlainRoom, Timetable


def schedule_of(seed: int) -> Schedule:
    chance = random.Random(seed)
    names = tuple(f"t{number}" for number in range(chance.randint(1, 30)))
    limits = tuple(chance.choice([None, chance.randint(1, 40), 400]) for _ in names)
    return Schedule("m", names, (0,), (tuple(chance.choice([0.5, 1.0, 7.0]) for _ in names),), limits)


def coming(schedule: Schedule) -> ComingEnds:
    return ComingEnds(schedule, 0, Intended(len(schedule.names)), frozenset())


@pytest.mark.parametrize("seed", range(8))
def test_they_are_those_that_come(seed):
    schedule = schedule_of(seed)
    expected = [change.shares for change in Timetable(schedule, PlainRoom(), 4).changes[1:]]
    found = coming(schedule).between(0, 1 << 40)
    assert [tuple((one / (1 << BITS)).tolist()) for one in found] == expected


@pytest.mark.parametrize("seed", range(8))
def test_what_is_asked_before_changes_nothing(seed):
    schedule, asked = schedule_of(seed), random.Random(seed + 100)
    one = coming(schedule)
    for _ in range(30):
        draw = asked.randrange(2000)
        before = draw + asked.randrange(1000)
        found, anew = one.between(draw, before), coming(schedule).between(draw, before)
        assert len(found) == len(anew) and all(map(np.array_equal, found, anew))

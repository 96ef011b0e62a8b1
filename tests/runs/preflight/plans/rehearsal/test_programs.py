"""What a compiler says of a program that does not fit."""

import pytest

from t5mix.runs.preflight.plans.rehearsal.programs import memory_needed

REFUSED = (
    "RESOURCE_EXHAUSTED: XLA:TPU compile permanent error. Ran out of memory in memory space hbm. Used 34.50G of "
    "15.75G hbm. Exceeded hbm capacity by 18.75G."
)


def test_what_a_program_needs_is_read_from_the_refusal():
    assert memory_needed(REFUSED) == int(34.5 * 2**30)
    assert memory_needed(REFUSED.replace("34.50G", "900.0M")) == 900 * 2**20


@pytest.mark.parametrize("message", ["INTERNAL: Used 34.50G of 15.75G hbm", "RESOURCE_EXHAUSTED: of threads", ""])
def test_other_errors_are_about_something_else(message):
    assert memory_needed(message) is None

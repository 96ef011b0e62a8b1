"""What is told of a stream before a run: where its shares change, and that it has as many steps as the run."""

import pytest

import t5mix
from t5mix.data import Stream
from t5mix.runs.config.settings import Training
from t5mix.runs.preflight.dry_run import check_enough
from t5mix.runs.preflight.plans.table import plan_lines
from t5mix.training.schedules import constant

LENGTHS = {"inputs": 64, "targets": 32}


def test_changes_are_told_and_a_stream_that_ends_too_soon_is_refused():
    names = ["offline_abbreviate", "offline_questions"]
    tasks = [t5mix.TaskRegistry.get(name) for name in names]
    stages = {0: {names[0]: 1.0}, 20: {names[0]: 1.0, names[1]: 3.0}}
    stream = Stream(t5mix.Mixture("two", tasks, rates=stages, max_epochs=1), LENGTHS, 64)
    assert stream.steps is not None
    told = [line for line in plan_lines(stream.plan(stream.steps), None) if line.startswith("from step ")]
    shares = "shares of examples: offline_questions 75.00%, offline_abbreviate 25.00%"
    assert told[0] == f"from step 20: rates change; {shares}"
    assert "max_epochs of " in told[1]
    before = [line for line in plan_lines(stream.plan(20), None) if line.startswith("from step ")]
    assert before == [f"from step {stream.steps}: no task with a rate is left: the stream ends"]
    check_enough(stream, Training(steps=stream.steps, schedule=constant()))
    with pytest.raises(ValueError, match=f"ends after {stream.steps:,} steps"):
        check_enough(stream, Training(steps=stream.steps + 1, schedule=constant()))

"""The batches of a run, opened again from what its folder says."""

import pytest

from t5mix.declarations.registry import TaskRegistry
from t5mix.internal.files import write_json
from t5mix.runs.config import binding
from t5mix.runs.preflight.dry_run import open_stream
from t5mix.runs.records.stream_of_run import stream_of_run
from tests.runs.preflight.begun import pretend_checkpoint, start

pytestmark = pytest.mark.usefixtures("toy")


@pytest.mark.parametrize(
    "param",
    [
        "Training.rates = {'toy_b': 0}",
        "Mixing.rates = {0: {'toy_a': 1.0, 'toy_plain': 1.0}, 3: {'toy_b': 1.0}}",
    ],
)
def test_rates_of_a_training_are_those_of_its_stream(gin_file, param):
    checked = start(lambda *params: binding.bind([str(gin_file)], params), param)
    fed = open_stream(checked.run, checked.provider)
    pretend_checkpoint(checked.folder.pretraining, 6, {"stream": fed.state(6)})
    pretend_checkpoint(checked.folder.finetuning("toy_b"), 3, {"stream": _alone(checked.run).state(3)})
    found = stream_of_run(str(checked.folder.path))
    assert found.steps == 6 and found.stream.fed(6) == fed.fed(6)
    assert stream_of_run(f"{checked.folder.path}/finetune/toy_b").stream.task_names == ("toy_b",)


def test_a_run_that_went_on_with_a_changed_mixture_tells_no_steps(gin_file):
    checked = start(lambda *params: binding.bind([str(gin_file)], params))
    trained, fed = checked.folder.pretraining, open_stream(checked.run, checked.provider)
    for step in (4, 6):
        pretend_checkpoint(trained, step, {"stream": fed.state(step)})
    write_json(trained.shares, {"stages": [], "changed_at": [4]})
    with pytest.raises(ValueError, match="went on with a changed mixture at step 4, and nothing tells"):
        stream_of_run(str(checked.folder.path))
    assert stream_of_run(str(trained.checkpoints / "4")).steps == 4


def _alone(run):
    return open_stream(run, TaskRegistry.get("toy_b"))

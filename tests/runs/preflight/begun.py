"""Run folders as a start and checkpoints leave them."""

from t5mix.runs.preflight import checks
from t5mix.runs.record import record_start


def start(bind, *params):
    """Records a start, as training does, and returns what was checked."""
    bound = bind(*params)
    checked = checks.check_training(bound.run)
    record_start(bound, checked, ["t5mix", "train"])
    return checked


def pretend_checkpoint(trained, step):
    """A folder such as training leaves."""
    (trained.checkpoints / str(step)).mkdir(parents=True)

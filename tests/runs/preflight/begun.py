"""Run folders as a start and checkpoints leave them."""

from t5mix.runs.preflight import checks
from t5mix.runs.records.record import record_start
from tests.runs.conftest import pretend_checkpoint as pretend_checkpoint


def start(bind, *params):
    """Records a start, as training does, and returns what was checked."""
    bound = bind(*params)
    checked = checks.check_training(bound.run)
    record_start(bound, checked, ["t5mix", "train"])
    return checked

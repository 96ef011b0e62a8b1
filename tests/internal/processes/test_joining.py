"""How processes are told of each other: arguments, and what environments say."""

import pytest

from t5mix.internal.processes import agreement
from t5mix.internal.processes.joining import is_launched, joined, launched_as


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("here:1", None, None), "--processes and --process missing"),
        ((None, 2, 0), "--coordinator missing"),
        (("here:1", 2, 2), "--process is 2: with --processes 2 it is one of 0 to 1"),
        (("here", 2, 0), "give HOST:PORT"),
        ((":99", 2, 0), "give HOST:PORT"),
        (("here:0", 2, 0), "give HOST:PORT"),
    ],
)
def test_wrong_arguments_are_refused(arguments, words):
    with pytest.raises(ValueError, match=words), joined(*arguments, prepare=lambda: None):
        pass


def test_alone_nothing_is_asked(monkeypatch):
    for name in ("SLURM_NTASKS", "OMPI_COMM_WORLD_SIZE", "TPU_WORKER_HOSTNAMES", "TPU_PROCESS_ADDRESSES"):
        monkeypatch.delenv(name, raising=False)
    with joined(None, None, None, prepare=lambda: pytest.fail("JAX was asked")):
        assert (agreement.count(), agreement.index()) == (1, 0)
        assert agreement.first_says(lambda: {"a": 1}) == {"a": 1}
        assert agreement.gathered(3) == [3]
        assert agreement.first_alone(lambda: 5) == 5
        agreement.check_alike("settings", {"a": 1})
        agreement.wait_for_all("there")


def test_launchers_number_processes():
    assert launched_as({"SLURM_NTASKS": "4", "SLURM_PROCID": "3"}) == (4, 3)
    assert launched_as({"OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "0"}) == (2, 0)
    assert launched_as({"PMI_SIZE": "2", "PMI_RANK": "1"}) == (2, 1)
    assert launched_as({"SLURM_NTASKS": "4"}) == (None, None)


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({"SLURM_NTASKS": "4", "SLURM_STEP_NODELIST": "node[1-2]"}, True),
        ({"SLURM_NTASKS": "4", "SLURM_STEP_NUM_TASKS": "4", "SLURM_STEP_NODELIST": "node[1-2]"}, True),
        ({"SLURM_NTASKS": "4", "SLURM_STEP_NUM_TASKS": "1", "SLURM_STEP_NODELIST": "node1"}, False),  # salloc's shell
        ({"SLURM_NTASKS": "4"}, False),  # within a job, and not started by srun
        ({"SLURM_NTASKS": "1", "SLURM_STEP_NODELIST": "node1"}, False),
        ({"OMPI_COMM_WORLD_SIZE": "2"}, True),
        ({"TPU_WORKER_HOSTNAMES": "a,b"}, True),
        ({"TPU_WORKER_HOSTNAMES": "a", "MEGASCALE_NUM_SLICES": "2"}, True),
        ({"TPU_WORKER_HOSTNAMES": "a"}, False),
    ],
)
def test_what_environments_say(environment, found):
    assert is_launched(environment) is found

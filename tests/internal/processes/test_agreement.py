"""Two processes, for real, that tell each other things, and do things one after the other."""

import json
from pathlib import Path

import pytest

from t5mix.internal.processes import agreement
from t5mix.internal.processes.ballot import Ballot
from tests.internal.processes.two import ends, start

PROGRAM = """
import json, time

from t5mix.internal.processes.ballot import Ballot

made, found = folder / "made.txt", {}


def make():
    slow = not made.exists()
    if slow:
        time.sleep(1.5)  # longer than the pause between two words that it goes on
        made.write_text(f"by {own}")
    return [made.read_text(), slow]


with joined(f"localhost:{port}", 2, own, configure_cpu, 60):
    found["who"] = [agreement.index(), agreement.count(), agreement.is_first()]
    found["gathered"] = agreement.gathered({"own": own, "text": "\\ud83dü" * 5000 * own})
    found["said"] = agreement.first_says(lambda: f"by {own}")
    found["made"] = agreement.first_alone(make)
    found["counts"] = Ballot.read(Ballot().cast([own, 2**31 - 1 - own])).tolist()
    agreement.check_alike("settings", [1])
    try:
        agreement.check_alike("settings", [own])
    except ValueError as error:
        found["refused"] = str(error)
    agreement.wait_for_all("all told")
    (folder / f"{own}.json").write_text(json.dumps(found))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    """What each process has found."""
    folder = tmp_path_factory.mktemp("agreement")
    for _ in range(3):  # somebody may take the port in between
        said = [ends(process) for process in start(folder, PROGRAM)]
        if not any("did not find each other" in errors for *_, errors in said):
            break
    assert [(status, out) for status, out, _ in said] == [(0, ""), (0, "")], said  # Gloo speaks on standard error
    return [json.loads(Path(folder, f"{own}.json").read_text()) for own in range(2)]


def test_each_knows_which_it_is(told):
    assert [found["who"] for found in told] == [[0, 2, True], [1, 2, False]]


def test_all_get_what_each_says(told):
    expected = [{"own": own, "text": "\ud83dü" * 5000 * own} for own in range(2)]
    assert [found["gathered"] for found in told] == [expected, expected]
    assert [found["said"] for found in told] == ["by 0", "by 0"]


def test_the_first_makes_what_the_others_find(told):
    assert [found["made"] for found in told] == [["by 0", True], ["by 0", False]]


def test_numbers_of_all_are_put_together(told):
    assert [found["counts"] for found in told] == [[[0, 2**31 - 1], [1, 2**31 - 2]]] * 2


def test_what_differs_is_refused_by_all(told):
    for found in told:
        assert found["refused"].startswith("process 1 has other settings than process 0: start all of them with the")


def test_one_process_agrees_with_itself():
    assert Ballot.read(Ballot().cast([3, 4])).tolist() == [[3, 4]]
    agreement.check_alike("settings", object)  # nothing is compared

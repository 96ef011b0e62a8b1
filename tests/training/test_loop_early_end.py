"""Training that ends before its last step: no loss is left out of the log, and none stands there twice."""

import json

import pytest

from t5mix.training.beside import Beside
from tests.training import toy
from tests.training.test_loop import metrics, run


@pytest.fixture(scope="module")
def engine():
    return toy.engine()


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("tokens")


def test_a_training_that_ends_early_logs_the_losses_since_the_last_line(engine, cache, tmp_path):
    run(engine, tmp_path / "whole", cache, 10)
    ends = {"beside": Beside(4, lambda step, state: step == 4)}
    run(engine, tmp_path / "early", cache, 10, **ends)
    lines = metrics(tmp_path / "early")
    fed = [sum(line["examples/toy_upper"] for line in lines), *(line["step"] for line in lines)]
    assert fed == [toy.stream(cache).fed(4)["toy_upper"], 3, 4]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    # Started again, also where it was killed before it wrote that line, or before that line's end.
    for left in (text, text.splitlines(keepends=True)[0], text[:-1]):
        (tmp_path / "early" / "metrics.jsonl").write_text(left)
        run(engine, tmp_path / "early", cache, 10, **ends)
        assert metrics(tmp_path / "early") == lines
    # Where it is to go on, no step counts twice.
    run(engine, tmp_path / "early", cache, 10)
    after = metrics(tmp_path / "early")
    assert [line["step"] for line in after] == [3, 4, 6, 9, 10] and after[3:] == metrics(tmp_path / "whole")[2:]
    assert sum(line["examples/toy_upper"] for line in after) == toy.stream(cache).fed(10)["toy_upper"]

"""The shares that tasks are to have, which reports compare with those that they had."""

import functools
from pathlib import Path

import pytest

import t5mix
from t5mix.data import Stream
from t5mix.data.packing.timetable import Change
from t5mix.runs.records import intended_shares
from t5mix.runs.records.intended_shares import Stage
from t5mix.runs.records.run_folder import Trained
from tests.runs.conftest import pretend_checkpoint


@pytest.fixture
def stream(tmp_path: Path):
    """Makes streams of two tasks by their rates."""
    feature = t5mix.Feature(t5mix.ByteVocabulary())
    parse = functools.partial(t5mix.preprocessors.parse_tsv, field_names=["inputs", "targets"])
    steps = [parse, t5mix.preprocessors.tokenize, t5mix.CacheDatasetPlaceholder()]
    tasks = []
    for name, word in (("long", "abcdefgh"), ("short", "a")):
        (tmp_path / f"{name}.tsv").write_text(f"{word}\t{word}\n" * 40)
        source = t5mix.TextLineDataSource({"train": str(tmp_path / f"{name}.tsv")})
        tasks.append(t5mix.Task(name, source, {"inputs": feature, "targets": feature}, steps))

    def made(rates, **settings) -> Stream:
        by_name = {step: {"long": long, "short": short} for step, (long, short) in rates.items()}
        mixture = t5mix.Mixture("mixed", tasks, rates=by_name if len(by_name) > 1 else by_name[0], **settings)
        return Stream(mixture, {"inputs": 8, "targets": 8}, 2, pack=False, cache_dir=tmp_path / "cache")

    return made


def test_shares_are_of_examples_where_rates_are_of_tokens_and_change_with_the_step(stream, tmp_path: Path) -> None:
    trained = Trained(tmp_path / "run")
    assert intended_shares.read(trained) == []
    intended_shares.record(trained, stream({0: (1.0, 1.0)}, unit="target_tokens"))
    (stage,) = intended_shares.read(trained)
    assert stage.step == 0 and stage.shares == pytest.approx({"long": 1 / 9, "short": 8 / 9})
    intended_shares.record(trained, stream({0: (1.0, 1.0), 4: (3.0, 1.0)}))
    assert intended_shares.read(trained) == [
        Stage(0, {"long": 0.5, "short": 0.5}),
        Stage(4, {"long": 0.75, "short": 0.25}),
    ]


def test_a_changed_mixture_leaves_the_shares_of_steps_that_are_done(stream, tmp_path: Path) -> None:
    trained = Trained(tmp_path / "run")
    intended_shares.record(trained, stream({0: (1.0, 1.0), 4: (3.0, 1.0), 20: (1.0, 1.0)}))
    pretend_checkpoint(trained, 10)
    intended_shares.record(trained, stream({0: (1.0, 4.0), 15: (4.0, 4.0)}))
    found = {stage.step: stage.shares["long"] for stage in intended_shares.read(trained)}
    assert found == pytest.approx({0: 0.5, 4: 0.75, 10: 0.2, 15: 0.5})
    before = trained.shares.read_bytes()
    intended_shares.record(trained, stream({0: (1.0, 4.0), 15: (4.0, 4.0)}))  # as at the next start
    assert trained.shares.read_bytes() == before


def test_a_run_of_a_release_without_the_file_keeps_the_shares_of_its_checkpoint(stream, tmp_path: Path) -> None:
    trained = Trained(tmp_path / "run")
    before, now = stream({0: (1.0, 3.0)}), stream({0: (1.0, 1.0), 20: (3.0, 1.0)})
    pretend_checkpoint(trained, 10, {"stream": before.state(10)})
    intended_shares.record(trained, before)  # it goes on as it was
    assert {stage.step: stage.shares["long"] for stage in intended_shares.read(trained)} == {0: 0.25}
    trained.shares.unlink()
    intended_shares.record(trained, now)
    assert {stage.step: stage.shares["long"] for stage in intended_shares.read(trained)} == {0: 0.25, 10: 0.5, 20: 0.75}


def test_where_a_mixture_was_changed_is_noted(stream, tmp_path: Path) -> None:
    trained = Trained(tmp_path / "run")
    before, now = stream({0: (1.0, 3.0)}), stream({0: (1.0, 1.0)})
    intended_shares.record(trained, before)
    pretend_checkpoint(trained, 10, {"stream": before.state(10)})
    assert intended_shares.changed_at(trained) == []
    for _ in range(2):  # the second start, too, is before another checkpoint
        intended_shares.record(trained, now)
        assert intended_shares.changed_at(trained) == [10]
    intended_shares.record(trained, before)  # nothing was done with the other
    assert intended_shares.changed_at(trained) == []
    intended_shares.record(trained, now)
    pretend_checkpoint(trained, 20, {"stream": now.state(20)})
    intended_shares.record(trained, now)
    assert intended_shares.changed_at(trained) == [10]


def test_what_was_intended_of_so_many_examples() -> None:
    stages = [Stage(0, {"a": 1.0}), Stage(4, {"a": 0.5, "b": 0.5})]
    assert intended_shares.intended(stages, [(4, 10)]) == {"a": 1.0, "b": 0.0}
    # The second line is of steps 4 to 7, the last of 8 to 11, which have other numbers of examples.
    assert intended_shares.intended(stages, [(4, 10), (8, 20), (12, 10)]) == pytest.approx({"a": 0.625, "b": 0.375})
    assert intended_shares.intended(stages, [(8, 40)]) == pytest.approx({"a": 0.75, "b": 0.25})  # a line of both stages
    assert intended_shares.intended(stages, []) == {"a": 1.0}
    # Numbers that nobody fed, as a stranger's log may have, are no reason to fall.
    assert intended_shares.intended(stages, [(4, 10**308), (10**300, 10**309)])["b"] == pytest.approx(0.5 / 1.1)


def test_many_tasks_that_end_one_after_another_are_written_in_short_and_read(monkeypatch, tmp_path: Path) -> None:
    class Ending:
        """What is recorded of a stream whose tasks end, each after as many steps."""

        task_names = tuple(f"a_task_with_a_name_of_usual_length:{number}" for number in range(120))
        changes_of_shares = tuple(
            Change(100 * ended, tuple(0.0 if task < ended else 1 / (120 - ended) for task in range(120)), "")
            for ended in range(120)
        )

    trained = Trained(tmp_path)
    monkeypatch.setattr(intended_shares, "_LARGEST", 700_000)  # half of what it takes with each 0
    intended_shares.record(trained, Ending())
    before = trained.shares.read_bytes()
    pretend_checkpoint(trained, 4_321)
    intended_shares.record(trained, Ending())  # it goes on
    assert trained.shares.read_bytes() == before
    lines = [(step, 1) for step in range(1, 12_001)]  # as many, and it takes no minutes
    shares = intended_shares.intended(intended_shares.read(trained), lines)
    assert sum(shares.values()) == pytest.approx(1.0)
    assert shares[Ending.task_names[0]] == pytest.approx(1 / 120 / 120)


@pytest.mark.parametrize(
    "content",
    [
        "{}",
        "[]",
        "{",
        '{"stages": [{"step": "1", "shares": {}}]}',
        '{"stages": [{"step": 1}]}',
        '{"stages": [], "changed_at": ["1"]}',
        '{"stages": [{"step": 1, "shares": {"a": 1' + 400 * "0" + "}}]}",
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "shares.json").write_text(content)
    with pytest.raises(ValueError, match=r"shares\.json is not what t5mix wrote"):
        intended_shares.read(Trained(tmp_path))

"""Rates in TOML: by stages, along a line, by UniMax, and what is refused by file and line."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import t5mix
from t5mix.cli.main import main
from t5mix.declarations.toml import declare

TASKS = "".join(
    f"""
[tasks.{name}]
data.train = "{name}.jsonl"
format = "jsonl"
inputs = "{{text}}"
targets = "{{text}}"
metrics = ["accuracy"]
vocabulary = "bytes"
"""
    for name in ("few", "many")
)


@pytest.fixture
def declared(tmp_path: Path) -> Iterator[Callable[[str], t5mix.Mixture]]:
    """Yields what returns the mixture of some lines of TOML; it is forgotten afterwards."""
    for name, count in (("few", 4), ("many", 40)):
        (tmp_path / f"{name}.jsonl").write_text("".join(f'{{"text": "{name} {n}"}}\n' for n in range(count)))
    number = 0

    def mixture(lines: str) -> t5mix.Mixture:
        nonlocal number
        number += 1
        file = tmp_path / f"mixtures{number}.toml"
        file.write_text((TASKS if number == 1 else "") + f"[mixtures.m{number}]\n{lines}\n")
        declare(file)
        return t5mix.MixtureRegistry.get(f"m{number}")

    with t5mix.overlay():
        yield mixture


def test_every_way_to_say_rates(declared: Callable[[str], t5mix.Mixture]) -> None:
    one = declared("tasks = { few = 1.0, many = { 0 = 1.0, 500 = 3 } }")
    assert one.rates(499) == {"few": 0.5, "many": 0.5} and one.rates(500) == {"few": 0.25, "many": 0.75}
    line = declared("tasks = { few = { from = 1.0, to = 0.0, start = 10, stop = 12 }, many = 1.0 }")
    assert [line.get_rate("few", step) for step in (9, 10, 11, 12)] == [1.0, 0.75, 0.25, 0.0]
    stages = declared('tasks = ["few", "many"]\n[mixtures.m3.rates]\n0 = { few = 1.0 }\n7 = { few = 1.0, many = 4.0 }')
    assert stages.rate_steps == (0, 7) and stages.rates() == {"few": 1.0, "many": 0.0}
    whole = declared(
        'tasks = ["few", "many"]\nrates = { from = { few = 1.0 }, to = { many = 1.0 }, start = 0, stop = 1 }\n'
        'unit = "target_tokens"\nmax_epochs = { few = 3 }'
    )
    assert whole.rates(0) == {"few": 0.5, "many": 0.5} and whole.rates(1) == {"few": 0.0, "many": 1.0}
    assert whole.unit == "target_tokens" and whole.max_epochs == {"few": 3.0}
    even = declared('tasks = ["few", "many"]\nrate = "unimax"\nbudget = 60\nmax_epochs = 2')
    assert even.rates() == {"few": 8 / 60, "many": 52 / 60} and even.max_epochs == {"few": 2.0, "many": 2.0}
    assert declared('tasks = ["few", "many"]\nrates = { few = 1, many = 3 }').rates()["many"] == 0.75


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("tasks = { few = { 0 = 1.0, x = 2.0 } }", "tasks has x = 2.0; give for each first step"),
        ("tasks = { few = { from = 1.0, to = 2.0 } }", "a change along a line is { from = .., to = .., start"),
        ("tasks = { few = { 5 = 1.0 } }", "no stage begins at step 0"),
        ('tasks = ["few"]\nrates = { 0 = 1.0 }', "rates has 0 = 1.0"),
        ('tasks = ["few"]\nrates = 3', "rates is 3; give a table"),
        ('tasks = ["few"]\nrates = { few = 1.0 }\nrate = 2.0', "rate is of each task, and rates gives all"),
        ("tasks = { few = 1.0 }\nrates = { few = 1.0 }", "rates is of tasks without a rate"),
        ('tasks = ["few"]\nrate = "unimax"', "says no 'budget'"),
        ('tasks = ["few"]\nbudget = 3', 'budget is of rate = "unimax"'),
        ('tasks = ["few"]\nunit = "words"', "unit='words'; give one of examples"),
        ('tasks = ["few"]\nmax_epochs = -1', "max_epochs=-1 for 'few'"),
    ],
)
def test_what_is_wrong_is_refused_by_file_and_line(
    declared: Callable[[str], t5mix.Mixture], lines: str, message: str
) -> None:
    with pytest.raises(ValueError, match=r"mixtures1\.toml:[0-9]+: ") as raised:
        declared(lines)
    assert message in str(raised.value)


def test_show_tells_what_changes(declared: Callable[[str], t5mix.Mixture], capsys: pytest.CaptureFixture[str]) -> None:
    declared('tasks = ["few", "many"]\nrates = { 0 = { few = 1 }, 500 = { few = 1, many = 4 } }\nmax_epochs = 4')
    assert main(["show", "m1"]) == 0
    shown = capsys.readouterr().out
    assert "from step 500: many 80.00%, few 20.00%" in shown and "epochs at most: 4 of 2 tasks" in shown

"""`t5mix plan`, and the same numbers in `show` and `train --dry_run`."""

import json
from pathlib import Path

import pytest

from t5mix.cli.main import main

SHAPE = ["--steps", "6", "--length", "inputs=32", "--length", "targets=4", "--batch_size", "2"]


def planned(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> dict:
    assert main(["plan", "toy_mix", "--no_rate", "--format", "json", *arguments]) == 0
    return json.loads(capsys.readouterr().out)


def test_json_has_each_task_and_all(declarations: str, capsys: pytest.CaptureFixture[str]) -> None:
    plan = planned(["--include", declarations, *SHAPE], capsys)
    large, small = plan["tasks"]
    assert (large["task"], large["examples"], small["task"], small["examples"]) == ("toy_large", 30, "toy_small", 10)
    assert plan["exact"] and plan["examples"] == large["fed"] + small["fed"] > 20
    assert large["fed"] == 3 * small["fed"] or abs(large["fed"] - 0.75 * plan["examples"]) <= 1
    assert large["epochs"] == large["fed"] / 30 and large["rate"] == 0.75
    assert plan["tokens"] == {name: large["tokens"][name] + small["tokens"][name] for name in ("inputs", "targets")}
    assert plan["fill"]["targets"] == plan["tokens"]["targets"] / (6 * 2 * 4)
    assert [part["stop"] for part in plan["over_steps"]] == [1, 2, 3, 4, 5, 6]
    assert plan["tokens_per_second_here"] is None and "examples_over_max_epochs" not in plan


def test_tasks_that_are_fed_too_often_are_told(declarations: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["--include", declarations, "--steps", "40", "--length", "32", "--batch_size", "2", "--max_epochs", "1.5"]
    plan = planned(command, capsys)
    fed = {one["task"]: one["fed"] for one in plan["tasks"]}
    assert plan["examples_over_max_epochs"] == {"toy_large": fed["toy_large"] - 45, "toy_small": fed["toy_small"] - 15}
    assert main(["plan", "toy_mix", "--no_rate", *command]) == 0
    assert f"more than 1.5, {fed['toy_large'] - 45:,} examples; a smaller rate" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["plan", "toy_mix", *command[:-1], "nan"])


def test_what_unimax_promises_is_held_against_what_the_steps_feed(
    declarations: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with Path(declarations).open("a") as file:
        for name, rule in (("met", "budget=50, max_epochs=2"), ("unmet", "budget=100, max_epochs=2")):
            rates = f"rates=t5mix.rates.UniMax({rule})"
            file.write(f't5mix.MixtureRegistry.add("toy_{name}", ["toy_large", "toy_small"], {rates})\n')
    command = ["--include", declarations, "--steps", "80", "--length", "32", "--batch_size", "2", "--no_rate"]
    assert main(["plan", "toy_met", *command, "--format", "json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    fed = {one["task"]: one["fed"] for one in plan["tasks"]}
    more = {"toy_large": fed["toy_large"] - 60, "toy_small": fed["toy_small"] - 20}
    rest = {"reachable": 50, "fed": plan["examples"], "over": more}
    assert min(more.values()) > 0 and plan["unimax"] == {"budget": 50, "max_epochs": 2, **rest}
    assert main(["plan", "toy_met", *command]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert f"the steps feed {plan['examples']:,} examples, {plan['examples'] - 50:,} more than its budget of 50" in out
    assert f"more than 2, {more['toy_small']:,} examples; a smaller rate" in out and "cannot be met" not in out
    assert main(["plan", "toy_unmet", *command]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "budget of 100 examples cannot be met: in 2 epochs the tasks have 80, 20 too few" in out
    assert main(["plan", "toy_met", *command, "--steps", "2"]) == 0
    assert "UniMax" not in capsys.readouterr().out


def test_show_and_plan_say_the_same(declarations: str, capsys: pytest.CaptureFixture[str]) -> None:
    plan = planned(["--include", declarations, "--steps", "5", "--length", "16", "--batch_size", "2"], capsys)
    command = ["show", "toy_mix", "--include", declarations, "--steps", "5", "--length", "16", "--batch_size", "2"]
    assert main([*command, "--format", "json"]) == 0
    shown = json.loads(capsys.readouterr().out)["plan"]
    assert shown == {**{name: value for name, value in plan.items() if name in shown}, "over_steps": []}
    assert main(command) == 0
    assert "slots filled" in capsys.readouterr().out


def test_the_table_says_what_is_truncated_and_never_fed(declarations: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["plan", "toy_mix", "--include", declarations, "--steps", "1", "--batch_size", "1", "--no_packing"]
    assert main([*command, "--length", "inputs=4", "--length", "targets=2"]) == 0
    out = capsys.readouterr().out
    assert "toy_small: no example is fed in so few steps" in out and "100.0%, 0.0%" in out
    assert "tokens a second" in out


@pytest.mark.parametrize("ending", ["svg", "png"])
def test_a_picture_is_the_same_each_time(
    declarations: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], ending: str
) -> None:
    first, second = (tmp_path / f"{number}.{ending}" for number in (1, 2))
    for path in (first, second):
        planned(["--include", declarations, *SHAPE, "--picture", str(path)], capsys)
    assert first.read_bytes() == second.read_bytes() and len(first.read_bytes()) > 1000


def test_what_cannot_be_planned_is_refused(
    declarations: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["plan", "toy_mix", "--include", declarations, "--steps", "5"]
    for more, said in (
        (["--length", "answers=7"], "--length names 'answers', which 'toy_mix' does not have"),
        (["--picture", str(tmp_path / "shares.gif")], "name a file that ends with .svg, .png, .pdf"),
        (["--split", "nowhere"], "nothing to draw from in split 'nowhere'"),
    ):
        assert main([*command, *more]) == 2
        assert said in capsys.readouterr().err
    for more in (["--length", "inputs=0"], ["--length", "inputs="]):
        with pytest.raises(SystemExit):
            main([*command, *more])
        assert "no whole number of at least 1" in capsys.readouterr().err


def test_a_stream_that_ends_is_planned_to_its_end(declarations: str, capsys: pytest.CaptureFixture[str]) -> None:
    with Path(declarations).open("a") as file:
        file.write('t5mix.MixtureRegistry.add("toy_once", ["toy_large", "toy_small"], default_rate=1, max_epochs=1)\n')
    command = ["plan", "toy_once", "--include", declarations, *SHAPE[2:], "--steps", "1000"]
    assert main([*command, "--no_rate", "--format", "json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["steps"] < plan["steps_asked"] == 1000
    assert [(one["epochs"], one["max_epochs"]) for one in plan["tasks"]] == [(1, 1), (1, 1)]
    assert plan["changes"][-1]["step"] == plan["steps"]
    assert main(command) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert f"1,000 steps are asked for and the stream ends after {plan['steps']}, {1000 - plan['steps']} too few" in out
    assert "max_epochs of toy_small reached; shares of examples: toy_large 100.00%" in out
    assert main([*command[:-1], "2"]) == 0
    assert "max_epochs 1 is not reached" in " ".join(capsys.readouterr().out.split())


def test_an_objective_that_nobody_asks_for_is_refused(declarations: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["plan", "toy_mix", "--include", declarations, "--steps", "1"]
    assert main([*command, "--objective", "span"]) == 2
    assert "no task of 'toy_mix' leaves its objective open" in capsys.readouterr().err

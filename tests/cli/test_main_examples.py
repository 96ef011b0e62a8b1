"""The examples of every help text: each is parsed, what it names is looked up, and those that only look are run."""

import argparse
import importlib
import re
import shlex

import pytest

import t5mix
from t5mix.cli import arguments
from t5mix.cli import main as main_module
from t5mix.cli.commands.runs import train
from t5mix.cli.main import COMMANDS, main, module_of
from t5mix.runs.config import binding, gin_files
from t5mix.runs.preflight import tasks

TEXTS = [
    main_module.EPILOG,
    *(importlib.import_module(module_of(name)).EPILOG for name in COMMANDS),
]
LINES = [line for text in TEXTS for line in re.sub(r"\\\n\s*", "", text).splitlines()]
EXAMPLES = sorted({found for line in LINES for found in re.findall(r"^  (?:.*\| )?t5mix (\w.*)", line)})


def parsed(example: str) -> argparse.Namespace:
    given, _, _ = example.partition(" -- ")
    command = given.split()[0]
    return main_module._parser(command).parse_args(shlex.split(given), argparse.Namespace(command=command))


def test_every_command_has_an_example() -> None:
    assert {example.split()[0] for example in EXAMPLES} == set(COMMANDS)


@pytest.mark.parametrize("example", EXAMPLES)
def test_what_an_example_names_is_there(example: str) -> None:
    args = vars(parsed(example))
    names = args.get("name") or args.get("pattern") or []
    names = [names] if isinstance(names, str) else [*names]
    folders = [args.get(key) for key in ("checkpoint", "run_folder")]
    names += [found.group(1) for folder in folders if folder and (found := re.search("/finetune/([^/]+)", folder))]
    chosen = args.get("mixture_or_task") or []
    names += [chosen] if isinstance(chosen, str) else chosen
    names += [*(args.get("tasks") or ()), *([args["task"]] if args.get("task") else ())]
    names += [*(args["names"] if "against" in args else ()), *args.get("against", ())]
    if not args["include"] and not args.get("models"):  # the user's own; files, which `list` itself looks up
        assert not names or arguments.find_tasks(names)
    for name in args.get("gin_file", ()):
        assert name.endswith("operative_config.gin") or gin_files.find_gin_file(name)  # a run folder's, or shipped


@pytest.mark.parametrize("example", [each for each in EXAMPLES if each.startswith("train ")])
def test_the_settings_of_training_can_be_bound(example: str) -> None:
    args = parsed(example)
    params = arguments.gin_params(args, train.SHORTHANDS)
    assert binding.bind(args.gin_file, params, vocab_size=tasks.model_vocab_size).run.train


def test_the_settings_that_several_commands_show_are_there() -> None:
    text = arguments.GIN_EPILOG
    assert [gin_files.find_gin_file(name) for name in re.findall(r"--gin_file (\S+)", text)]
    assert [t5mix.get_mixture_or_task(name) for name in re.findall(r"Run.mixture = '(\w+)'", text)]
    assert gin_files.read((), re.findall(r'--gin_param "([^"]+)"', text))


@pytest.mark.parametrize("example", [each for each in EXAMPLES if each.startswith("list ") and "--include" not in each])
def test_list_runs(example: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(shlex.split(example)) == 0 and capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize(
    "example", [each for each in EXAMPLES if each.split()[0] in ("show", "check") and " offline_" in each]
)
def test_show_and_check_run(example: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(shlex.split(example)) == 0 and capsys.readouterr().out

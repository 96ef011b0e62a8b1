"""docs/full-example.md: its declarations load, its settings bind, its script names both; the rest takes two hours."""

import re
import subprocess
from pathlib import Path

import pytest

import t5mix
from t5mix.runs.config import binding

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "full-example"
DATA = ROOT.parent / "shared" / "data"
SCRIPT = ROOT / "tools" / "full_example.sh"


@pytest.fixture
def declared(monkeypatch: pytest.MonkeyPatch):
    for name, path in (("EXAMPLE_BOOKS", "books"), ("TFDS_DATA_DIR", "tfds")):
        monkeypatch.setenv(name, str(DATA / path))
    with t5mix.overlay():
        t5mix.include(str(EXAMPLE / "tasks.py"))
        yield


@pytest.mark.parametrize(
    ("files", "mixture"),
    [
        (["pretrain.gin"], "example_all"),
        (["pretrain.gin", "finetune.gin"], "example_all"),
        (["multi_task.gin"], "example_supervised"),
    ],
)
def test_settings_bind_and_name_what_is_declared(declared, files, mixture):
    params = ["Run.folder = 'x'", "T5Config.vocab_size = 32128"]
    params += ["Finetuning.checkpoint = None", "Finetuning.from_scratch = True"] if "finetune.gin" in files else []
    run = binding.bind([str(EXAMPLE / name) for name in files], params).run
    assert run.mixture == mixture and run.mixture in t5mix.MixtureRegistry.names()
    for name in run.finetune.tasks if run.finetune else ():
        t5mix.get_mixture_or_task(name)
    part = run.finetune or run.train
    assert part.steps % run.evaluation.every == 0 and part.schedule.total_steps == part.steps


def test_each_task_is_asked_as_the_shipped_one_and_shares_no_example_between_splits(declared):
    if not (DATA / "tfds").is_dir():
        pytest.skip("needs the data sets in ../shared/data")
    tasks = t5mix.get_subtasks(t5mix.get_mixture_or_task("example_supervised"))
    asked = [task for task in tasks if task.metric_objs and task.name.startswith("example_")]
    assert len(asked) == 9
    for task in asked:
        rows: list[tuple[str, int]] = []
        for split in task.splits:
            found = task.source.builder_of(split).info.splits[task.source._instruction(split)]
            for part in found.file_instructions:
                count = part.examples_in_shard - part.skip if part.take < 0 else part.take
                rows += [(part.filename, part.skip + number) for number in range(count)]
        assert len(rows) == len(set(rows)) > 0, task.name


def test_the_script_is_a_script_and_types_what_the_page_does():
    subprocess.run(["bash", "-n", str(SCRIPT)], check=True)
    page, script = (ROOT / "docs/full-example.md").read_text(), SCRIPT.read_text()
    commands = set(re.findall(r"^    t5mix (\w+)", page, re.M))
    assert commands - {"show", "check", "overlap"} <= set(re.findall(r"\w+", script))
    assert {path.name for path in EXAMPLE.glob("*.gin")} <= {*re.findall(r"\w+\.gin", page)}

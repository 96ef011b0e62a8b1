"""The benchmarks' own side runs, on a text of a few words: so that the scripts do not rot."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
WORDS = "A mixture of tasks is drawn from by rates. It feeds rows, which hold several examples! Does it? So it seems. "


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three tasks of 60 examples in all, with a vocabulary trained on their text."""
    folder = tmp_path_factory.mktemp("benchmarks")
    (folder / "text").mkdir()
    (folder / "text" / "book.txt").write_text("".join(f"{n}: {WORDS}\n" for n in range(200)))
    program = (
        "import pathlib, sys, text_tasks; folder = pathlib.Path(sys.argv[1]); "
        "text_tasks.write(folder, folder / 'text', folder / 'missing', 3, 60)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "benchmarks")])}
    subprocess.run([sys.executable, "-c", program, folder], env=environment, check=True, timeout=300)
    return folder


def run(script: str, folder: Path, **options: Any) -> dict[str, float]:
    arguments = {"side": "t5mix", "tasks": 3, "seconds": 0.1, "folder": folder, **options}
    command = [sys.executable, str(ROOT / "benchmarks" / script)]
    command += [part for name, value in arguments.items() for part in (f"--{name}", str(value))]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "T5MIX_BENCHMARK_STARTED": repr(time.monotonic())}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_our_sides_measure(folder: Path) -> None:
    mixed = run("mix_text.py", folder)
    assert mixed["tokens_per_s"] > 0 and mixed["first_batch_s"] <= mixed["first_pass_s"]
    cold = run("first_batch.py", folder, cached=0)
    assert 0 < cold["imported_s"] < cold["first_batch_s"]
    memory = run("memory_per_task.py", folder)  # makes the cache that the rest reads
    assert memory["rss_kib"] > 0 and memory["threads"] >= 1
    assert run("mix_cached.py", folder)["tokens_per_s"] > 0
    assert run("first_batch.py", folder, cached=1)["first_batch_s"] > 0


@pytest.mark.slow
def test_no_flipped_bit_is_silent() -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "flip_bits.py"), "--quick", "--seed", "1"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert min(found.pop("checkpoint_cuts"), found.pop("cache_cuts")) >= 20
    assert found == {"checkpoint_flips": 100, "checkpoint_silent": 0, "cache_flips": 100, "cache_silent": 0}


def last_line(script: str, *arguments: str) -> dict[str, float]:
    """Runs a script and returns its figures."""
    command = [sys.executable, str(ROOT / "benchmarks" / script), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_a_killed_run_ends_as_if_it_had_not_been_killed() -> None:
    found = last_line("kill_resume.py", "--quick", "--runs", "3", "--storms", "1", "--signals", "1", "--seed", "1")
    assert found == {"runs": 3, "equal": 3, "storms": 1, "storms_equal": 1, "signals": 1, "signals_equal": 1}


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("cc") is None and shutil.which("gcc") is None, reason="faults.c needs a C compiler")
def test_a_run_whose_disk_fails_says_so_and_ends_as_if_it_had_not() -> None:
    found = last_line("kill_resume.py", "--quick", "--kinds", "train", "--runs", "0", "--faults", "2", "--pauses", "1")
    assert found == {"pauses": 1, "pauses_equal": 1, "faults": 2, "faults_equal": 2}


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("cc") is None and shutil.which("gcc") is None, reason="faults.c needs a C compiler")
def test_a_disk_that_fails_loses_nothing() -> None:
    found = last_line("disk_faults.py", "--quick")
    assert {name: count for name, count in found.items() if name.endswith("_failed")} == dict.fromkeys(
        ("kills_failed", "cuts_failed", "errors_in_saves_failed", "errors_in_writers_failed"), 0
    )
    assert min(count for name, count in found.items() if not name.endswith("_failed")) >= 20


@pytest.mark.slow
def test_a_checkpoint_goes_through_meshes_and_processes_unchanged() -> None:
    found = last_line("reshard.py", "--quick")
    assert (found["equal"], found["checkpoints"]) == (True, 5)


@pytest.mark.slow
def test_a_process_that_is_killed_ends_the_other_and_loses_nothing() -> None:
    found = last_line("kill_one_process.py", "--quick")
    assert (found["runs"], found["ended"], found["equal"]) == (1, 1, 1)


@pytest.mark.slow
def test_processes_train_and_answer_as_one() -> None:
    found = last_line("processes.py", "--quick")
    assert found["max_relative_loss_difference"] <= 1e-5
    assert found["batches_equal"] and found["answers_equal"]


def test_each_seeded_fault_is_still_where_it_can_be_made() -> None:
    """That tests notice them is seen by running the script, which takes minutes."""
    spec = importlib.util.spec_from_file_location("seeded_faults", ROOT / "benchmarks" / "seeded_faults.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    assert len(module.FAULTS) == 10
    for fault in module.FAULTS:
        assert (ROOT / fault.file).read_text(encoding="utf-8").count(fault.right) == 1, fault
        assert (ROOT / fault.tests.partition("::")[0]).is_file()


@pytest.mark.slow
def test_what_is_planned_is_fed() -> None:
    found = last_line("plan_is_right.py", "--mixtures", "2", "--seed", "40")
    assert found["equal"] == found["mixtures"] == 2 and found["largest_difference"] == 0

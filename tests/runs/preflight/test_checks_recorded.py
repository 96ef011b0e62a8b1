"""What a run folder recorded is data: the code that it names runs when the user names it, too."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import t5mix
from t5mix.cli.main import main
from t5mix.runs.config import binding
from t5mix.runs.preflight import checks
from t5mix.training import checkpoint_files

DECLARATIONS = """
import pathlib
import t5mix
from t5mix import preprocessors
pathlib.Path(RAN).touch()
def data(split, shuffle_files): raise AssertionError("nothing is read")
FEATURE = t5mix.Feature(t5mix.ByteVocabulary(extra_ids=5))
t5mix.TaskRegistry.add("strange_task", t5mix.FunctionDataSource(data, ["train"], {"train": 5}),
    {"inputs": FEATURE, "targets": FEATURE}, [preprocessors.tokenize, preprocessors.append_eos])
"""

TOML = """
[tasks.strange_task]
data.train = "data.tsv"
format = "tsv"
inputs = "{a}"
targets = "{b}"
metrics = ["accuracy"]
vocabulary = "bytes"
"""

RECORD = """
t5mix.Run.folder = 'somewhere'
t5mix.Run.mixture = 'strange_task'
t5mix.Run.sequence_length = {'inputs': 16, 'targets': 8}
t5mix.Run.batch_size = 4
t5mix.T5Config.vocab_size = 384
t5mix.T5Config.d_model = 16
t5mix.T5Config.d_ff = 32
t5mix.T5Config.num_heads = 2
t5mix.T5Config.d_kv = 8
t5mix.T5Config.num_encoder_layers = 1
t5mix.T5Config.num_decoder_layers = 1
t5mix.Run.model = @t5mix.T5Config()
"""


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[Path]:
    """Yields a folder of somebody with `strange.py`, a run folder `run` that names it, and no file `ran`."""
    (tmp_path / "strange.py").write_text(DECLARATIONS.replace("RAN", repr(str(tmp_path / "ran"))))
    checkpoint = tmp_path / "run" / "checkpoints" / "3"
    checkpoint.mkdir(parents=True)
    checkpoint_files.seal(checkpoint, {"step": 3})
    record(tmp_path, f"t5mix.Run.include = ({str(tmp_path / 'strange.py')!r},)")
    with t5mix.overlay():
        yield tmp_path


def record(folder: Path, lines: str) -> None:
    (folder / "run" / "operative_config.gin").write_text(f"{RECORD}{lines}\n")


COMMANDS = {
    "predict": ["predict", "--checkpoint", "RUN", "--input_file", "RUN/operative_config.gin"],
    "eval": ["eval", "--run_folder", "RUN"],
    "export": ["export", "--checkpoint", "RUN", "--format", "hf", "--output", "RUN/exported"],
    "finetune": ["finetune", "--gin_file", "RUN/operative_config.gin", "--gin_file", "runs/finetune.gin",
        "--checkpoint", "RUN", "--run_folder", "RUN/more"],
    "train": ["train", "--gin_file", "runs/pretrain.gin", "--gin_file", "RUN/operative_config.gin", "--dry_run"],
}  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_runs_the_code_that_a_folder_names(stranger: Path, command: str, capsys) -> None:
    arguments = [each.replace("RUN", str(stranger / "run")) for each in COMMANDS[command]]
    assert main(arguments) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert not (stranger / "ran").exists()
    assert line.startswith("t5mix: error: there is no task or mixture 'strange_task'")
    assert line.endswith(f"add --include {stranger / 'strange.py'}")


@pytest.mark.parametrize(
    "lines",
    [
        "FILES = (PATH,)\nt5mix.Run.include = %FILES",
        "INNER = PATH\nFILES = [%INNER]\nt5mix.Run.include = %FILES",
        "include 'other/more.gin'",
    ],
)
def test_nor_by_macros_and_gin_files_of_the_folder(stranger: Path, lines: str) -> None:
    path = repr(str(stranger / "strange.py"))
    (stranger / "run" / "other").mkdir()
    (stranger / "run" / "other" / "more.gin").write_text(f"Run.include = [{path}]\n")
    record(stranger, lines.replace("PATH", path))
    with pytest.raises(ValueError, match=r"there is no task or mixture 'strange_task'.*add --include"):
        checks.check_recorded(str(stranger / "run"))
    assert not (stranger / "ran").exists()


def test_nor_by_a_link_to_the_record(stranger: Path) -> None:
    (stranger / "mine.gin").symlink_to(stranger / "run" / "operative_config.gin")
    assert binding.bind([str(stranger / "mine.gin")]).run.include == ()


def test_named_by_the_user_it_runs(stranger: Path) -> None:
    file = str(stranger / "strange.py")
    checked = checks.check_recorded(str(stranger / "run"), include=[os.path.relpath(file)])
    assert checked.provider.name == "strange_task" and checked.run.include == (file,)
    assert (stranger / "ran").exists()


def test_the_environment_names_it_too(stranger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    t5mix.include(stranger / "strange.py")  # as T5MIX_INCLUDE does at the start of a process
    assert checks.check_recorded(str(stranger / "run")).provider.name == "strange_task"


def test_another_file_of_the_user_takes_its_place(stranger: Path) -> None:
    """The recorded one still declares the name, and is not looked at."""
    shutil.copy(stranger / "strange.py", stranger / "moved.py")
    checked = checks.check_recorded(str(stranger / "run"), include=[str(stranger / "moved.py")])
    assert checked.provider.declared_at.startswith(str(stranger / "moved.py"))
    assert checked.run.include == (str(stranger / "moved.py"),)


def test_one_that_has_moved_is_named_with_the_way_out(stranger: Path) -> None:
    (stranger / "strange.py").rename(stranger / "moved.py")
    with pytest.raises(ValueError, match=r"strange.py, which is no longer there: give its new path with --include"):
        checks.check_recorded(str(stranger / "run"))


def test_toml_runs_nothing_and_is_read_unless_another_one_is_named(stranger: Path) -> None:
    (stranger / "data.tsv").write_text("a\tb\n1\t2\n")
    for name in ("strange.toml", "moved.toml"):
        (stranger / name).write_text(TOML)
    record(stranger, f"t5mix.Run.include = ({str(stranger / 'strange.toml')!r},)")
    with t5mix.overlay():
        checked = checks.check_recorded(str(stranger / "run"))
        assert checked.provider.declared_at.startswith(str(stranger / "strange.toml"))
    checked = checks.check_recorded(str(stranger / "run"), include=[str(stranger / "moved.toml")])
    assert checked.provider.declared_at.startswith(str(stranger / "moved.toml"))


def test_a_gin_file_of_the_users_own_names_what_it_will(stranger: Path) -> None:
    shutil.copy(stranger / "run" / "operative_config.gin", stranger / "mine.gin")
    assert binding.bind([str(stranger / "mine.gin")]).run.include == (str(stranger / "strange.py"),)

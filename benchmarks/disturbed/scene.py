"""A tiny model on two tasks of a few lines, and the commands that train, fine-tune and score it, each in a process."""

import dataclasses
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
KINDS = ("train", "finetune", "eval")

# Seconds after which a command counts as hanging, also on a busy machine.
PATIENCE = 3600

DECLARATIONS = """
import functools
from pathlib import Path

import t5mix
from t5mix import preprocessors

HERE = Path(__file__).parent


def exact(targets, predictions):
    same = sum(target == prediction for target, prediction in zip(targets, predictions))
    return {"exact": 100.0 * same / len(targets)}


feature = t5mix.Feature(t5mix.ByteVocabulary(extra_ids=5))
for name in ("kill_letters", "kill_numbers"):
    t5mix.TaskRegistry.add(
        name,
        source=t5mix.TextLineDataSource({split: str(HERE / f"{name}.{split}.tsv") for split in ("train", "test")}),
        preprocessors=[
            functools.partial(preprocessors.parse_tsv, field_names=["inputs", "targets"]),
            preprocessors.tokenize,
            t5mix.CacheDatasetPlaceholder(),
            preprocessors.append_eos,
        ],
        output_features={"inputs": feature, "targets": feature},
        metric_fns=[exact],
    )
t5mix.MixtureRegistry.add("kill_mixture", ["kill_letters", ("kill_numbers", 2.0)], default_rate=1.0)
"""

SETTINGS = """
Run.mixture = 'kill_mixture'
Run.sequence_length = {'inputs': 24, 'targets': 12}
Run.batch_size = 4
T5Config.vocab_size = 264
T5Config.d_model = 16
T5Config.d_ff = 32
T5Config.num_heads = 2
T5Config.d_kv = 8
T5Config.num_encoder_layers = 1
T5Config.num_decoder_layers = 1
constant.learning_rate = 0.01
Evaluation.split = 'test'
"""
TRAINING = """
Training.steps = STEPS
Training.schedule = @constant()
Training.log_every = 7
Training.checkpoint_every = 20
Training.keep = 4
"""
FINETUNING = """
Finetuning.steps = 45
Finetuning.schedule = @constant()
Finetuning.log_every = 7
Finetuning.checkpoint_every = 15
"""


def write_declarations(folder: Path) -> None:
    """Writes two tasks of a few lines, and the settings of the commands."""
    chance = random.Random(0)
    (folder / "tasks.py").write_text(DECLARATIONS)
    for name, letters in (("kill_letters", "abcdef"), ("kill_numbers", "012345")):
        for split, lines in (("train", 90), ("test", 24)):
            words = ["".join(chance.choices(letters, k=chance.randint(1, 9))) for _ in range(lines)]
            (folder / f"{name}.{split}.tsv").write_text("".join(f"turn {word}\t{word[::-1]}\n" for word in words))


@dataclasses.dataclass
class Scene:
    """Where everything lies, and how a command is started.

    Attributes:
        folder: of declarations, caches and runs.
        steps: of the training.
        preload: a library for LD_PRELOAD; None is none.
        operations: how many operations on its files a command of each kind makes, where that was counted.
        mounted: folders that are disks of their own.
    """

    folder: Path
    steps: int
    preload: Path | None = None
    operations: dict[str, int] = dataclasses.field(default_factory=dict)
    mounted: list[Path] = dataclasses.field(default_factory=list)

    def arguments(self, kind: str, run: Path) -> list[str]:
        """Returns what follows `t5mix`."""
        files = {"train": SETTINGS + TRAINING.replace("STEPS", str(self.steps)), "finetune": SETTINGS + FINETUNING}
        included = ["--include", str(self.folder / "tasks.py")]
        if kind == "eval":
            return ["eval", "--run_folder", str(run), "--checkpoints", "all", *included]
        gin = self.folder / f"{kind}.gin"
        if not gin.exists() or gin.read_text() != files[kind]:  # another command may be reading it
            gin.write_text(files[kind])
        base = ["--checkpoint", str(self.folder / "base")] if kind == "finetune" else []
        return [kind, "--gin_file", str(gin), "--run_folder", str(run), *base, *included]

    def start(self, kind: str, run: Path, **environment: str) -> subprocess.Popen:
        """Starts a command in a process of its own, which notes the examples of its steps beside the run folder."""
        command = [sys.executable, str(ROOT / "benchmarks" / "kill_resume.py"), "--child", str(notes_of(run))]
        with open(run.with_suffix(".err"), "ab") as errors:
            return subprocess.Popen(
                [*command, *self.arguments(kind, run)],
                env={
                    **os.environ,
                    "PYTHONPATH": str(ROOT),
                    "T5MIX_CACHE": str(self.folder / "cache"),
                    "PYTHONHASHSEED": "random",
                    **environment,
                },
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )

    def begin(self, kind: str, name: str) -> Path:
        """Returns a run folder that a command of a kind starts with: scoring needs what was trained."""
        run = self.folder / name
        if kind == "eval":
            shutil.copytree(self.folder / "base", run, ignore=shutil.ignore_patterns("scores", "report.json"))
        return run

    def can_mount(self) -> bool:
        """Tells whether a folder can be put on a disk of its own."""
        folder = self.folder / "disk"
        try:
            self.mount(folder, 64)
        except (OSError, subprocess.CalledProcessError):
            return False
        self.unmount(folder)
        return True

    def mount(self, run: Path, size: int) -> None:
        """Puts a run folder on a disk of its own, of a size in KiB, or changes the size.

        Raises:
            CalledProcessError: this user cannot mount.
        """
        if run in self.mounted:
            subprocess.run(["mount", "-o", f"remount,size={size}k", str(run)], check=True)
            return
        aside = run.with_name(f"{run.name}.aside")
        run.mkdir(exist_ok=True)
        run.rename(aside)
        run.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", str(run)]
        subprocess.run(command, check=True, capture_output=True)
        self.mounted.append(run)
        shutil.copytree(aside, run, dirs_exist_ok=True)
        shutil.rmtree(aside)

    def unmount(self, run: Path) -> None:
        """Takes a run folder's own disk away, where it has one; its files stay."""
        if run in self.mounted:
            aside = run.with_name(f"{run.name}.aside")
            shutil.copytree(run, aside)
            subprocess.run(["umount", "-l", str(run)], check=True)
            self.mounted.remove(run)
            run.rmdir()
            aside.rename(run)

    def finish(self, kind: str, run: Path, **environment: str) -> None:
        """Runs a command to its end.

        Raises:
            RuntimeError: it fails; with what it said.
        """
        status = self.start(kind, run, **environment).wait(PATIENCE)
        if status:
            raise RuntimeError(f"{kind} in {run} ended with {status}:\n{run.with_suffix('.err').read_text()[-2000:]}")


def notes_of(run: Path) -> Path:
    """Returns the file in which examples are noted."""
    return run.with_suffix(".notes")


def child(notes: str, arguments: list[str]) -> int:
    """Runs a command of t5mix; the examples of each batch are noted as soon as it is made, with one write."""
    from t5mix.cli.main import main
    from t5mix.data import Stream

    descriptor = os.open(notes, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    batch = Stream.batch

    def noting(self: Stream, step: int, *more: Any) -> dict[str, Any]:
        os.write(descriptor, (json.dumps([self.name, step, self.examples(step)]) + "\n").encode())
        return batch(self, step, *more)

    Stream.batch = noting  # type: ignore[method-assign]
    return main(arguments)


def compiled(folder: Path) -> Path | None:
    """Returns the library of faults.c; None where there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    library = folder / "faults.so"
    source = ROOT / "benchmarks" / "faults.c"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl", "-lpthread"], check=True)
    return library

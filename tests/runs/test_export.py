"""A T5 of transformers is fine-tuned by t5mix, and given back: from the command line, both ways."""

import json
import re

import pytest

import t5mix
from t5mix.cli.main import main
from t5mix.mesh.interop.hugging_face.tokenizer_writing import write_tokenizer
from t5mix.mesh.optimizers.step_config import StepConfig
from t5mix.mesh.t5.fine_tuning.settings import adapters
from t5mix.runs.config import binding
from t5mix.runs.preflight import checks
from t5mix.runs.records.record import record_start
from t5mix.training.checkpoints import Checkpoints
from t5mix.training.starting import STEP
from tests.mesh.interop.small import hugging_face_model, transformers
from tests.runs.conftest import pretend_checkpoint

# A run without a model: the checkpoint says what it is.
SETTINGS = """\
Run.folder = 'FOLDER'
Run.mixture = 'toy'
Run.sequence_length = {'inputs': 16, 'targets': 8}
Run.batch_size = 4
Finetuning.steps = 3
Finetuning.schedule = @constant()
Finetuning.tasks = ['toy_a']
constant.learning_rate = 0.001
Evaluation.split = 'test'
"""


@pytest.fixture
def published(tmp_path):
    """A Hugging Face folder of a small model of bytes."""
    folder = tmp_path / "published"
    hugging_face_model("t5-1.1").save_pretrained(folder)
    write_tokenizer(folder, t5mix.ByteVocabulary(extra_ids=125))
    return folder


@pytest.fixture
def finetuning(tmp_path):
    path = tmp_path / "finetune.gin"
    path.write_text(SETTINGS.replace("FOLDER", str(tmp_path / "run")))
    return ["finetune", "--gin_file", str(path)]


@pytest.mark.slow
def test_a_model_of_transformers_is_fine_tuned_and_exported(toy, published, finetuning, tmp_path, capsys):
    assert main([*finetuning, "--checkpoint", str(published)]) == 0
    row = json.loads((tmp_path / "run" / "report.json").read_text())["rows"][0]
    assert row["task"] == "toy_a"
    settings = (tmp_path / "run" / "operative_config.gin").read_text()
    assert "T5Config.d_model = 32" in settings and "T5Config.tied_embeddings = False" in settings

    trained, out = tmp_path / "run" / "finetune" / "toy_a", tmp_path / "out"
    assert main(["export", "--checkpoint", str(trained), "--format", "hf", "--output", str(out)]) == 0
    card = (out / "README.md").read_text()
    assert "| toy_a | accuracy |" in card and "toy_a, step 3" in card

    lines = ["say 7", "éà"]
    (tmp_path / "in.txt").write_text("\n".join(lines))
    predict = ["predict", "--checkpoint", str(trained), "--input_file", str(tmp_path / "in.txt")]
    assert main([*predict, "--output_file", str(tmp_path / "out.txt")]) == 0
    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(out)
    tokenizer = transformers.AutoTokenizer.from_pretrained(out)
    assert model.generation_config.max_new_tokens == 8
    outputs = model.generate(**tokenizer(lines, return_tensors="pt", padding=True))
    expected = [t5mix.ByteVocabulary(125).decode(row.tolist()) for row in outputs[:, 1:]]
    assert (tmp_path / "out.txt").read_text("utf-8").splitlines() == [text.replace("\n", "\\n") for text in expected]

    assert main(["export", "--checkpoint", str(trained), "--format", "hf", "--output", str(out)]) == 2
    assert "holds something already" in capsys.readouterr().err


def test_a_checkpoint_of_another_vocabulary_is_refused(toy, published, finetuning, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(
        "t5mix.mesh.interop.opening.tokenizer_reading.read_vocabulary",
        lambda folder: t5mix.UnigramVocabulary(["a", "b"]),
    )
    assert main([*finetuning, "--checkpoint", str(published)]) == 2
    error = capsys.readouterr().err
    assert "was trained with another vocabulary of 'inputs'" in error and error.count("\n") == 1


REFUSED = {
    "everything": (["--format", "trained"], {}, r"all weights were trained \(.*everything.*\): export the whole model"),
    "adapters": (
        ["--format", "savedmodel"],
        {STEP: StepConfig(trained=adapters()).description()},
        "was trained with .*adapters.*, and a SavedModel has no place for",
    ),
    "trained": (["--format", "trained", "--trained", "there"], {}, "--trained is for --format hf and savedmodel and"),
    "dtype": (["--format", "savedmodel", "--dtype", "bfloat16"], {}, "--dtype is for --format hf, and this is"),
    "batch_size": (["--format", "hf", "--batch_size", "2"], {}, "--batch_size is for --format savedmodel and stableh"),
    "program": (["--format", "hf", "--program", "score"], {}, "--program is for --format stablehlo, and this is"),
}


@pytest.mark.parametrize(("arguments", "extra", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_exported_is_refused_before_weights_are_read(
    toy, gin_file, tmp_path, capsys, monkeypatch, arguments, extra, message
):
    bound = binding.bind([str(gin_file)], [])
    checked = checks.check_training(bound.run)
    record_start(bound, checked, ["t5mix"])
    pretend_checkpoint(checked.folder.pretraining, 6, extra)
    monkeypatch.setattr(Checkpoints, "restore", lambda *unused: pytest.fail("weights were read"))
    capsys.readouterr()
    out = tmp_path / "out"
    assert main(["export", "--checkpoint", str(checked.folder.path), "--output", str(out), *arguments]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert re.search(message, line) and not out.exists()


def test_sizes_that_are_bound_otherwise_are_refused(toy, published, finetuning, capsys):
    assert main([*finetuning, "--checkpoint", str(published), "--gin_param", "T5Config.d_ff = 64"]) == 2
    assert "T5Config.d_ff (48 there, 64 here)" in capsys.readouterr().err


def test_pickles_and_wrong_weights_are_one_line(toy, published, finetuning, capsys):
    (published / "model.safetensors").rename(published / "pytorch_model.bin")
    assert main([*finetuning, "--checkpoint", str(published)]) == 2
    error = capsys.readouterr().err
    assert "a pickle" in error and error.count("\n") == 1


def test_a_name_that_is_nowhere_is_one_line(toy, finetuning, capsys, monkeypatch):
    import huggingface_hub

    def refuse(name, *, revision, allow_patterns, local_dir):
        assert name == "somebody/a-t5" and revision == "main"
        assert "*.bin" not in allow_patterns and "*.py" not in allow_patterns
        raise OSError("no network")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    assert main([*finetuning, "--checkpoint", "somebody/a-t5@main"]) == 2
    error = capsys.readouterr().err
    assert "could not be had from the Hugging Face Hub: no network" in error

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


@pytest.mark.slow
def test_a_model_of_transformers_answers_as_it_does_there(toy, published, tmp_path, capsys):
    lines, out = ["say 7", "éà", "", "a longer line of text"], tmp_path / "out.txt"
    (tmp_path / "in.txt").write_text("\n".join(lines) + "\n")
    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(published)
    model.generation_config.num_beams, model.generation_config.max_new_tokens = 3, 8
    model.generation_config.save_pretrained(published)
    ask = ["--checkpoint", str(published), "--gin_param", "Run.sequence_length = {'inputs': 32, 'targets': 8}"]
    assert main(["predict", *ask, "--input_file", str(tmp_path / "in.txt"), "--output_file", str(out)]) == 0
    tokenizer = transformers.AutoTokenizer.from_pretrained(published)
    outputs = model.generate(**tokenizer(lines, return_tensors="pt", padding=True))
    expected = [t5mix.ByteVocabulary(125).decode(row.tolist()) for row in outputs[:, 1:]]
    assert out.read_text("utf-8").split("\n")[:-1] == [text.replace("\n", "\\n") for text in expected]
    assert main(["score", *ask, "--task", "toy_a", "--limit", "3", "--output_file", str(out)]) == 0
    assert len(out.read_text().splitlines()) == 3

    scores = str(tmp_path / "scores")
    command = ["eval", "--run_folder", str(published), "--mixture_or_task", "toy_a", "--split", "test", "--limit", "5"]
    command += [*ask[2:], "--output_folder", scores]
    capsys.readouterr()
    assert main(command) == 0
    assert "scoring toy_a at step 0 on test" in capsys.readouterr().err
    assert main(command) == 0
    assert "scoring" not in capsys.readouterr().err  # it is kept
    model.shared.weight.data[5] += 1
    model.save_pretrained(published)
    assert main([*command, "--beams", "3"]) == 0
    assert "scored with other decoding, weights: it is scored anew" in capsys.readouterr().err


@pytest.mark.slow
def test_what_was_trained_on_a_model_of_transformers_is_put_back_onto_it(toy, published, finetuning, tmp_path, capsys):
    lora = ["Finetuning.trained = @lora()", "lora.projections = ('q', 'v', 'wo')", "constant.learning_rate = 0.3"]
    given = [part for one in lora for part in ("--gin_param", one)]
    assert main([*finetuning, "--checkpoint", str(published), *given]) == 0
    trained, alone = tmp_path / "run" / "finetune" / "toy_a", tmp_path / "alone"
    assert main(["export", "--checkpoint", str(trained), "--format", "trained", "--output", str(alone)]) == 0
    on_base = ["--checkpoint", str(published), "--trained", str(alone)]  # lengths are those of the training

    (tmp_path / "in.txt").write_text("say 1\nsay 22\nsay 35\n")
    answers = []
    for ask in (["--checkpoint", str(trained)], on_base, ["--checkpoint", str(published)]):
        out = tmp_path / "out.txt"
        assert main(["predict", *ask, "--input_file", str(tmp_path / "in.txt"), "--output_file", str(out)]) == 0
        answers.append(out.read_text())
    assert answers[0] == answers[1] != answers[2]

    capsys.readouterr()
    scores = str(tmp_path / "scores")
    command = ["eval", "--run_folder", str(published), "--trained", str(alone), "--output_folder", scores]
    assert main([*command, "--split", "test", "--format", "json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["groups"][0]["scores"]
    there = json.loads((trained / "scores" / "test" / "toy_a" / "3.json").read_text())
    assert row["task"] == "toy_a" and row["metrics"] == there["metrics"]

    whole = {}
    for name, ask in (("of_run", ["--checkpoint", str(trained)]), ("of_base", on_base)):
        assert main(["export", *ask, "--format", "hf", "--output", str(tmp_path / name)]) == 0
        whole[name] = transformers.AutoModelForSeq2SeqLM.from_pretrained(tmp_path / name).state_dict()
    assert all(whole["of_base"][name].equal(value) for name, value in whole["of_run"].items())
    card = (tmp_path / "of_base" / "README.md").read_text()
    assert "made of published with" in card and "On top of that `toy_a`" in card and str(tmp_path) not in card

    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(published)
    model.shared.weight.data[5] += 1
    model.save_pretrained(published)
    assert main(["predict", *on_base, "--input_file", str(tmp_path / "in.txt")]) == 2
    assert "was trained on other weights than these" in capsys.readouterr().err


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
        ["--format", "hf"],
        {STEP: StepConfig(trained=adapters()).description()},
        "was trained with .*adapters.*, and a Hugging Face folder has no place for",
    ),
    "beams": (
        ["--format", "trained", "--beams", "2"],
        {},
        "--beams is for --format hf and savedmodel and stablehlo, and",
    ),
    "greedy": (
        ["--format", "stablehlo", "--beams", "2"],
        {},
        "--beams is for --program decode, and this is greedy_dec",
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

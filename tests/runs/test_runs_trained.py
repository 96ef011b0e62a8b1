"""Runs that train a part, through the command line: fine-tune, score, predict, export alone, put back."""

import json

import numpy as np
import pytest

from t5mix.cli.main import main
from t5mix.mesh.engine import State
from t5mix.mesh.interop.trained_alone import read_trained
from t5mix.runs.components import Components
from t5mix.runs.config import binding
from t5mix.runs.preflight import checks
from t5mix.runs.records.run_folder import CheckpointPath, RunFolder

pytestmark = pytest.mark.slow


@pytest.fixture
def pretrained(toy, gin_file):
    """A run folder with a checkpoint, and its gin file."""
    params = ["--gin_param", "Run.finetune = None", "--gin_param", "Training.steps = 4"]
    assert main(["train", "--gin_file", str(gin_file), *params]) == 0
    return RunFolder(gin_file.parent / "run")


def finetune(pretrained, name: str, *params: str) -> RunFolder:
    folder = pretrained.path.parent / name
    given = [
        f"Run.folder = {str(folder)!r}",
        "Run.finetune = @Finetuning()",
        "Finetuning.steps = 3",
        "Finetuning.schedule = @fast/constant()",
        "fast/constant.learning_rate = 0.3",
        "Finetuning.tasks = ['toy_a']",
        *params,
    ]
    arguments = [part for one in given for part in ("--gin_param", one)]
    command = ["finetune", "--gin_file", str(pretrained.operative_config), "--checkpoint", str(pretrained.path)]
    assert main([*command, *arguments]) == 0
    return RunFolder(folder)


def predicted(tmp_path, *arguments: str) -> str:
    (tmp_path / "lines.txt").write_text("say 1\nsay 22\nsay 35\n")
    output = tmp_path / "answers.txt"
    files = ["--input_file", str(tmp_path / "lines.txt"), "--output_file", str(output)]
    assert main(["predict", *arguments, *files]) == 0
    return output.read_text()


CHOICES = {
    "lora": ["Finetuning.trained = @lora()", "lora.projections = ('q', 'v', 'wi', 'wo')"],
    "adapters": ["Finetuning.trained = @adapters()", "adapters.inner_size = 8"],
    "prompt": ["Finetuning.trained = @prompt_tuning()", "prompt_tuning.length = 5", "Run.packing = False"],
    "decoder": ["Finetuning.trained = @matching()", "matching.patterns = ('^decoder/',)"],
}


@pytest.mark.parametrize("name", CHOICES)
def test_what_was_trained_is_exported_alone_and_predicts_the_same_on_its_base(pretrained, tmp_path, name, capsys):
    folder = finetune(pretrained, name, *CHOICES[name])
    trained, alone = folder.finetuning("toy_a"), tmp_path / "alone"
    assert json.loads(folder.report.read_text())["rows"][0]["fine_tuned"] is not None
    assert main(["export", "--checkpoint", str(trained.path), "--format", "trained", "--output", str(alone)]) == 0
    size = sum(file.stat().st_size for file in alone.iterdir())
    whole = sum(file.stat().st_size for file in trained.checkpoints.rglob("*") if file.is_file())
    assert size < whole
    by_run = predicted(tmp_path, "--checkpoint", str(trained.path))
    params = ["--gin_param", "Run.packing = False"]
    assert predicted(tmp_path, "--checkpoint", str(pretrained.path), "--trained", str(alone), *params) == by_run
    # Onto other weights it is not put.
    first = pretrained.path / "checkpoints" / "2"
    assert (
        main(
            [
                "predict",
                "--checkpoint",
                str(first),
                "--trained",
                str(alone),
                "--input_file",
                str(tmp_path / "lines.txt"),
            ]
        )
        == 2
    )
    assert "was trained on other weights than these" in capsys.readouterr().err
    # Started again, it is finished.
    before = folder.report.read_text()
    finetune(pretrained, name, *CHOICES[name])
    assert folder.report.read_text() == before


def test_what_was_trained_alone_is_scored_on_its_base_and_checkpoints_of_it_have_a_mean(pretrained, tmp_path, capsys):
    more = ["Finetuning.checkpoint_every = 1", "Finetuning.keep = 3"]
    folder = finetune(pretrained, "lora", *CHOICES["lora"], *more)
    trained, alone = folder.finetuning("toy_a"), tmp_path / "alone"
    assert main(["export", "--checkpoint", str(trained.path), "--format", "trained", "--output", str(alone)]) == 0
    scores = tmp_path / "scores"
    command = ["eval", "--run_folder", str(pretrained.path), "--trained", str(alone), "--split", "test"]
    capsys.readouterr()
    assert main(command) == 2
    assert "trained alone belong to no run: say where they go with --output_folder" in capsys.readouterr().err
    assert main([*command, "--output_folder", str(scores)]) == 0
    found = [json.loads((place / "scores/test/toy_a" / name).read_text()) for place, name in
        ((trained.path, "3.json"), (scores, "4.json"))]  # fmt: skip
    assert found[0]["metrics"] == found[1]["metrics"] and not (scores / "scores/test/toy_b").exists()
    assert json.loads((scores / "checkpoint.json").read_text())["trained"] == str(alone)
    # Of LoRA the mean is that of the whole weights, whose products are added up.
    averaged = RunFolder(tmp_path / "averaged")
    assert main(["average", str(trained.path), "--last", "2", "--output", str(averaged.path)]) == 0
    checked = checks.check_recorded(str(averaged.finetuning("toy_a").path))
    components = Components(checked.run, checked.provider)
    states = [components.restore(CheckpointPath(pretrained, trained, step)) for step in (2, 3)]
    mean = components.restore(checked.checkpoint)
    moved = 0
    for name in (variable.name for variable in components.engine().variables if variable.trainable):
        two, three = (np.asarray(state[name], np.float64) for state in states)
        np.testing.assert_allclose(mean[name], (two + three) / 2, rtol=1e-6, atol=1e-9)
        moved += not np.array_equal(two, three)
    assert moved
    predicted(tmp_path, "--checkpoint", str(averaged.finetuning("toy_a").path))
    # What a mean is made of can be trained further, in the same way.
    again = ["--gin_file", str(folder.operative_config), "--checkpoint", str(averaged.finetuning("toy_a").path)]
    again += ["--run_folder", str(tmp_path / "again"), "--steps", "1"]
    assert main(["finetune", *again]) == 0


def test_models_that_trained_other_parts_answer_together_where_they_have_the_same_weights(pretrained, tmp_path, capsys):
    decoder = str(finetune(pretrained, "decoder", *CHOICES["decoder"]).finetuning("toy_a").path)
    pairs = ((decoder, str(pretrained.path)), (str(pretrained.path), decoder))
    one, other = (predicted(tmp_path, "--checkpoint", first, "--ensemble", second) for first, second in pairs)
    assert one == other  # the mean knows no first


def test_what_lies_alone_is_trained_further(pretrained, tmp_path, capsys):
    folder, alone = finetune(pretrained, "lora", *CHOICES["lora"]), tmp_path / "alone"
    trained = folder.finetuning("toy_a")
    assert main(["export", "--checkpoint", str(trained.path), "--format", "trained", "--output", str(alone)]) == 0
    before = read_trained(str(alone))
    further = [f"Run.folder = {str(tmp_path / 'further')!r}", f"Finetuning.trained_before = {str(alone)!r}"]

    def first_state(*params: str) -> State:
        checked = checks.check_finetuning(binding.bind([str(folder.operative_config)], [*further, *params]).run)
        return Components(checked.run, checked.provider).restore(checked.checkpoint, checked.run.finetune)

    same, other = first_state(), first_state("Finetuning.trained = @everything()")
    whole = Components(*settings_of(trained.path)).restore(CheckpointPath(folder, trained, 3))
    for name in whole:
        if "_slot_" not in name:
            np.testing.assert_array_equal(other[name], whole[name])
    for name, value in before.weights.items():
        np.testing.assert_array_equal(same[name], value)
    # From the command line; and what comes out belongs to the same base.
    command = ["finetune", "--gin_file", str(folder.operative_config), "--trained", str(alone), "--steps", "1"]
    assert main([*command, "--run_folder", str(tmp_path / "further")]) == 0
    ends = tmp_path / "further" / "finetune" / "toy_a"
    assert json.loads((ends / "start.json").read_text())["trained_before"]["folder"] == str(alone)
    capsys.readouterr()
    assert main(["lineage", str(ends)]) == 0
    assert f"with what was trained before, {alone}" in capsys.readouterr().out.replace("\n", "")
    again = str(tmp_path / "again")
    assert main(["export", "--checkpoint", str(ends), "--format", "trained", "--output", again]) == 0
    assert read_trained(again).base == before.base and read_trained(again).base_hash == before.base_hash
    adapted = ["--gin_param", "Finetuning.trained = @adapters()", "--run_folder", str(tmp_path / "no")]
    finetune(pretrained, "adapters", *CHOICES["adapters"])
    adapters = str(tmp_path / "adapters_alone")
    run = str(pretrained.path.parent / "adapters" / "finetune" / "toy_a")
    assert main(["export", "--checkpoint", run, "--format", "trained", "--output", adapters]) == 0
    command[command.index(str(alone))] = adapters
    assert main([*command, *adapted]) == 2  # of another size
    assert "train it further with the same" in capsys.readouterr().err


def settings_of(path):
    checked = checks.check_recorded(str(path))
    return checked.run, checked.provider


def test_lora_is_merged_in_an_export_for_transformers_and_adapters_are_refused(pretrained, tmp_path, capsys):
    lora = finetune(pretrained, "lora", *CHOICES["lora"]).finetuning("toy_a")
    assert main(["export", "--checkpoint", str(lora.path), "--format", "hf", "--output", str(tmp_path / "hf")]) == 0
    assert (tmp_path / "hf" / "model.safetensors").is_file()
    adapters = finetune(pretrained, "adapters", *CHOICES["adapters"]).finetuning("toy_a")
    command = ["export", "--checkpoint", str(adapters.path), "--format", "hf", "--output", str(tmp_path / "no")]
    assert main(command) == 2
    assert "has no place for" in capsys.readouterr().err
    assert not (tmp_path / "no").exists()


def test_another_optimizer_in_the_same_folder_is_refused_until_it_is_allowed(toy, gin_file, capsys):
    command = ["train", "--gin_file", str(gin_file), "--gin_param", "Run.finetune = None"]
    assert main([*command, "--gin_param", "Training.steps = 2"]) == 0
    other = [*command, "--gin_param", "Training.steps = 4", "--gin_param", "Training.optimizer = @adamw()"]
    assert main(other) == 2
    assert "Training.optimizer (adafactor(" in capsys.readouterr().err
    assert main([*other, "--gin_param", "Training.allow_changed_optimizer = True"]) == 0
    assert "optimizer slots start anew" in capsys.readouterr().err
    assert main([*other, "--gin_param", "Training.steps = 5"]) == 0  # from here on it is this run's


def test_options_of_a_step_are_settings(toy, gin_file):
    params = [
        "Run.finetune = None",
        "Training.steps = 2",
        "Training.optimizer = @adamw_scaled()",
        "Training.micro_batches = 2",
        "Training.loss_denominator = 233472",
        "Training.clip_norm = 1.0",
        "Training.skip_non_finite = 3",
        "Training.schedule = @product()",
        "product.factors = (@linear_warmup(), @inverse_square_root(), 0.5)",
        "linear_warmup.warmup_steps = 10",
    ]
    assert main(["train", "--gin_file", str(gin_file), *(part for one in params for part in ("--gin_param", one))]) == 0
    lines = (gin_file.parent / "run" / "metrics.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["skipped"] == 0 and json.loads(lines[-1])["gradient_norm"] > 0

import os
import re
import subprocess
import sys
import types
from pathlib import Path

import pytest

from t5mix.internal import paths
from t5mix.mesh.optimizers.settings import adafactor, adamw
from t5mix.mesh.t5.fine_tuning.settings import everything, lora
from t5mix.runs.config import binding
from t5mix.runs.config.settings import settings
from t5mix.training.schedules import constant

SHIPPED = sorted(str(path.relative_to(paths.shipped("gin"))) for path in paths.shipped("gin").rglob("*.gin"))


def size_of_vocabulary(mixture, include):
    """Stands for counting the ids of the mixture's vocabulary."""
    return 300 + len(include)


def test_a_run_is_what_its_files_and_parameters_say(gin_file):
    run = binding.bind([str(gin_file)], ["Run.seed = 7"]).run
    assert (run.mixture, run.seed, run.batch_size) == ("toy", 7, 4)
    assert run.train.steps == 6 and run.train.schedule == constant(learning_rate=0.01)
    assert run.finetune.schedule == constant(learning_rate=0.001)
    assert run.mesh.shape == "batch:1"


def test_a_part_is_built_as_soon_as_one_of_its_parameters_is_bound_unless_the_run_says_none(gin_file):
    lines = gin_file.read_text().splitlines()
    without = [line for line in lines if not line.startswith(("Finetuning", "finetune"))]
    gin_file.write_text("\n".join(without))
    assert binding.bind([str(gin_file)]).run.finetune is None
    gin_file.write_text("\n".join(lines))
    assert binding.bind([str(gin_file)]).run.finetune is not None
    assert binding.bind([str(gin_file)], ["Run.finetune = None"]).run.finetune is None


@pytest.mark.parametrize(
    "params",
    [
        [],
        ["Run.finetune = None"],
        [
            "Training.schedule = @linear_decay()",
            "linear_decay.learning_rate = 1.0",
            "linear_decay.total_steps = %STEPS",
            "Run.include = ['a b', \"it's\"]",
        ],
    ],
)
def test_the_operative_config_builds_the_same_run_again_and_says_the_same(gin_file, tmp_path, params):
    first = binding.bind([str(gin_file)], params)
    path = tmp_path / "operative_config.gin"
    path.write_text(first.operative_config)
    # The user names declarations files again, for a record is data: see tests/runs/preflight/test_checks_recorded.py.
    second = binding.bind([str(path)], include=first.run.include)
    assert second.run == first.run
    assert second.operative_config == first.operative_config
    for name, value in settings(first.run):
        assert name in first.operative_config or value is None


def test_the_full_config_keeps_what_is_not_used(gin_file):
    bound = binding.bind([str(gin_file)], ["Training.steps = 2", "Training.schedule = @inverse_square_root()"])
    assert "STEPS = 6" in bound.config and "STEPS = 6" not in bound.operative_config
    assert "constant.learning_rate = 0.01" in bound.config


def test_binding_leaves_nothing_behind(gin_file):
    first = binding.bind([str(gin_file)], ["Run.seed = 3"])
    with pytest.raises(ValueError, match="dropout_rate"):
        binding.bind([str(gin_file)], ["T5Config.dropout_rate = -1.0"])
    assert binding.bind([str(gin_file)]).run.seed == 0
    assert binding.bind([str(gin_file)], ["Run.seed = 3"]) == first


def test_the_size_of_the_vocabulary_is_the_mixture_s_unless_it_is_bound(gin_file):
    assert binding.bind([str(gin_file)], vocab_size=size_of_vocabulary).run.model.vocab_size == 264
    gin_file.write_text(gin_file.read_text().replace("T5Config.vocab_size = 264\n", ""))
    bound = binding.bind([str(gin_file)], include=["a"], vocab_size=size_of_vocabulary)
    assert bound.run.model.vocab_size == 301
    assert "T5Config.vocab_size = 301" in bound.operative_config
    with pytest.raises(ValueError, match=r"T5Config.vocab_size must be set"):
        binding.bind([str(gin_file)])


def test_gin_mistakes_are_found_before_the_vocabulary_is_looked_at(gin_file):
    gin_file.write_text(gin_file.read_text().replace("T5Config.vocab_size = 264\n", "Run.sed = 1\n"))
    with pytest.raises(ValueError, match=r"Run has no parameter 'sed'; did you mean seed"):
        binding.bind([str(gin_file)], vocab_size=lambda mixture, include: pytest.fail("looked at tasks"))


def test_packs_of_the_command_line_are_added_once(gin_file):
    run = binding.bind([str(gin_file)], ["Run.include = ['/a']"], include=["b", "/a", "b"]).run
    assert run.include == ("/a", os.path.abspath("b"))


@pytest.mark.parametrize("name", [name for name in SHIPPED if name.startswith("runs/")])
def test_every_shipped_run_file_binds(name):
    params = ["T5Config.vocab_size = 300"]
    text = with_included(name)
    models = [] if "include 'models/" in text else ["models/tiny.gin"]
    for required in ("Run.folder", "Run.mixture", "Finetuning.checkpoint"):
        if f"{required} = %gin.REQUIRED" in text:
            params.append(f"{required} = 'x'")
    if "Finetuning.tasks = %gin.REQUIRED" in text:
        params.append("Finetuning.tasks = ('x',)")
    if "Finetuning.from_scratch = True" in text:
        params.remove("Finetuning.checkpoint = 'x'")
    if "Finetuning.checkpoint" in text:  # it comes after what pre-training has recorded
        models.append("runs/pretrain.gin")
        params.append("Run.mixture = 'x'")
    run = binding.bind([*models, name], params).run
    assert run.model.d_model > 0


def with_included(name):
    text = (paths.shipped("gin") / name).read_text()
    return text + "".join(with_included(found) for found in re.findall("include '(runs/.*)'", text))


@pytest.mark.parametrize("name", [name for name in SHIPPED if name.startswith("runs/")])
def test_every_shipped_run_file_opens_with_command_cost_score_and_what_must_be_set(name):
    head = (paths.shipped("gin") / name).read_text().split("\n\n")[0]
    for word in ("command   t5mix ", "cost      ", "score     ", "Must be set:", "Commonly overridden:", name):
        assert word in head


@pytest.mark.parametrize("name", [name for name in SHIPPED if name.startswith("models/")])
def test_every_shipped_model_binds_with_any_run_file(name):
    params = ["Run.folder = 'x'", "Run.mixture = 'y'", "T5Config.vocab_size = 300"]
    model = binding.bind(["runs/pretrain.gin", name], params).run.model
    assert model.architecture == "encoder_decoder" and model.vocab_size == 300


@pytest.mark.parametrize("name", [name for name in SHIPPED if name.startswith(("fine_tuning/", "optimizers/"))])
def test_every_shipped_choice_binds_after_a_run_file(name):
    params = ["Run.folder = 'x'", "Run.mixture = 'y'", "T5Config.vocab_size = 300"]
    if "total_steps = %gin.REQUIRED" in (paths.shipped("gin") / name).read_text():
        with pytest.raises(ValueError, match=r"cosine_decay.total_steps .* must be set"):
            binding.bind(["models/tiny.gin", "runs/pretrain.gin", name], params)
        kind = name.removeprefix("optimizers/").removesuffix(".gin")
        params.append(f"{kind}/cosine_decay.total_steps = 20000")
        run = binding.bind(["models/tiny.gin", "runs/pretrain.gin", name], params).run
        assert type(run.train.optimizer).__name__ == kind and type(run.train.schedule).__name__ == "cosine_decay"
        return
    params.append("Finetuning.checkpoint = 'z'")
    run = binding.bind(["models/tiny.gin", "runs/pretrain.gin", "runs/finetune.gin", name], params).run
    assert run.finetune.trained != everything() and run.train.trained == everything()


def test_a_prompt_is_trained_as_in_its_paper_by_steps_that_do_not_depend_on_its_scale():
    params = ["Run.folder = 'x'", "Run.mixture = 'y'", "T5Config.vocab_size = 300", "Finetuning.checkpoint = 'z'"]
    files = ["models/tiny.gin", "runs/pretrain.gin", "runs/finetune.gin", "fine_tuning/prompt_tuning.gin"]
    finetuning = binding.bind(files, params).run.finetune
    assert finetuning.optimizer == adafactor(multiply_by_parameter_scale=False, weight_decay=1e-5)
    assert finetuning.schedule(0) == finetuning.schedule(10_000) == 0.3


@pytest.mark.parametrize(("name", "zero"), [("lora", "x/q/lora_b"), ("adapters", "x/adapter/wo/kernel")])
def test_matrices_that_begin_at_0_are_trained_by_steps_that_do_not_depend_on_their_scale(name, zero):
    params = ["Run.folder = 'x'", "Run.mixture = 'y'", "T5Config.vocab_size = 300", "Finetuning.checkpoint = 'z'"]
    files = ["models/tiny.gin", "runs/pretrain.gin", "runs/finetune.gin", f"fine_tuning/{name}.gin"]
    optimizer = binding.bind(files, params).run.finetune.optimizer
    assert not optimizer.of_weight(zero).multiply_by_parameter_scale
    for other in ("x/q/lora_a", "x/adapter/wi/kernel", "x/DenseReluDense/wo/kernel", "x/rms_norm/scale"):
        assert optimizer.of_weight(other).multiply_by_parameter_scale


def test_optimizers_and_what_is_trained_are_settings(gin_file):
    params = [
        "Training.optimizer = @adamw()",
        "adamw.beta2 = 0.99",
        "adafactor.beta1 = 0.5",
        "Finetuning.trained = @lora()",
        "lora.projections = ['q', 'wo']",
    ]
    run = binding.bind([str(gin_file)], params).run
    assert run.train.optimizer == adamw(beta2=0.99) and run.finetune.optimizer == adafactor(beta1=0.5)
    assert run.finetune.trained == lora(projections=("q", "wo"))
    for setting, message in (
        ("Training.optimizer = @constant()", "Training.optimizer = @constant.. is a constant, and must be @adafactor"),
        ("adamw.beta1 = 1.0", r"adamw.beta1 is 1.0: it must be in \[0, 1\)"),
        ("adamw.beta3 = 1.0", "beta3"),
        ("Finetuning.trained = 'lora'", "Finetuning.trained = 'lora' is of type str, and must be @everything"),
        ("lora.rank = 0", "lora.rank is 0"),
        ("Training.micro_batches = 1.5", "micro_batches = 1.5 is of type float, and must be int"),
    ):
        with pytest.raises(ValueError, match=message):
            binding.bind([str(gin_file)], [*params, setting])


def test_the_shipped_run_files_require_what_they_can_not_know():
    with pytest.raises(ValueError, match=r"Run.folder \(.*pretrain.gin:\d+\), Run.mixture .* must be set"):
        binding.bind(["models/small.gin", "runs/pretrain.gin"], ["T5Config.vocab_size = 300"])


def test_the_small_model_is_t5_1_0_small():
    params = ["Run.folder = 'x'", "Run.mixture = 'y'", "T5Config.vocab_size = 32100"]
    model = binding.bind(["runs/pretrain.gin", "models/small.gin"], params).run.model
    assert (model.d_model, model.d_ff, model.num_heads, model.d_kv) == (512, 2048, 8, 64)
    assert (model.num_encoder_layers, model.num_decoder_layers) == (6, 6)
    assert model.padded_vocab_size == 32128 and model.tied_embeddings and model.activations == ("relu",)


def test_a_folder_named_gin_is_not_taken_for_gin_config(monkeypatch):
    folder = types.ModuleType("gin")
    folder.__path__ = ["gin"]
    monkeypatch.setitem(sys.modules, "gin", folder)
    monkeypatch.delitem(sys.modules, "t5mix.runs.config.gin_library")
    with pytest.raises(ImportError, match=r"gin-config is not installed.*a folder of that name"):
        import t5mix.runs.config.gin_library  # noqa: F401


def test_binding_loads_neither_tensorflow_nor_jax_and_gin_says_nothing(gin_file):
    program = (
        "import sys; from t5mix.runs.config import binding; from t5mix.runs.preflight import checks;"
        f"binding.bind([{str(gin_file)!r}]);"
        "print(sorted({'tensorflow', 'jax'} & set(sys.modules)))"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True, timeout=300
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")

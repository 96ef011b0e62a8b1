"""Whatever gin lets pass in silence is refused, with file, line and fix."""

import pytest

from t5mix.runs.config import binding

# (lines added to a complete file, what the message says); the file has lines of its own before them.
REFUSED = {
    "unknown configurable": (
        "Trainin.steps = 3",
        r": there is no configurable 'Trainin'; did you mean Training",
    ),
    "unknown parameter": (
        "Training.step = 3",
        r": Training has no parameter 'step'; did you mean steps",
    ),
    "misspelt macro": ("STEPZ = 3", r": the macro 'STEPZ' is not used; did you mean STEPS\?"),
    "unused macro": ("WIDTH = 3", r": the macro 'WIDTH' is not used; nothing refers to it with %"),
    "undefined macro": ("Run.seed = %SEED", r": no macro 'SEED' is defined; choose from STEPS"),
    "undefined macro, near": ("Run.seed = %STEP", r": no macro 'STEP' is defined; did you mean STEPS"),
    "macro of itself": ("A = %B\nB = %A\nRun.seed = %A", r": the macro '[AB]' is defined by itself"),
    "bound twice": ("Run.batch_size = 8", r": Run.batch_size is bound already in line 4 of this file"),
    "bound twice, other name": ("t5mix.Run.batch_size = 8", r": Run.batch_size is bound already in line 4"),
    "macro bound twice": ("STEPS = 8", r": STEPS is bound already in line \d+ of this file"),
    "REQUIRED": ("Run.seed = %gin.REQUIRED", r"Run.seed \(.*run.gin:\d+\) must be set: bind it"),
    "REQUIRED macro": ("S = %gin.REQUIRED\nRun.seed = %S", r"S \(.*run.gin:\d+\) must be set"),
    "text for a number": ("Run.seed = 'many'", r": Run.seed = 'many' is of type str, and must be int"),
    "float for a count": ("Run.seed = 1e3", r": Run.seed = 1000.0 is of type float, and must be int; write 1000"),
    "bool for a number": ("Run.seed = True", r": Run.seed = True is of type bool, and must be int"),
    "number for a bool": ("Run.packing = 1", r": Run.packing = 1 is of type int, and must be bool"),
    "text for a list": ("Run.include = 'a'", r": Run.include = 'a' is of type str, and must be tuple\[str, ...\]"),
    "number in a list": ("Run.include = ['a', 1]", r": Run.include = \['a', 1\] is of type list"),
    "wrong type by macro": ("S = 'x'\nRun.seed = %S", r": Run.seed = 'x' is of type str, and must be int"),
    "None": ("Run.seed = None", r": Run.seed = None is of type NoneType, and must be int"),
    "wrong part": (
        "Run.train = @Evaluation()",
        r": Run.train = @Evaluation\(\) is a Evaluation, and must be @Training\(\) or None",
    ),
    "not called": ("Run.mesh = @MeshConfig", r": @MeshConfig without \(\) is the configurable itself"),
    "unknown reference": ("Run.mesh = @Mesh()", r": there is no configurable 'Mesh'; did you mean MeshConfig"),
    "no effect": (
        "linear_decay.total_steps = 9",
        r": linear_decay.total_steps has no effect, because nothing refers to @linear_decay\(\)",
    ),
    "no effect in a scope": (
        "pretrain/constant.learning_rate = 1.0",
        r": pretrain/constant.learning_rate has no effect, because nothing refers to @pretrain/constant\(\)",
    ),
    "refused by the dataclass": (
        "T5Config.dropout_rate = 1.5",
        r"run.gin:\d+: T5Config.dropout_rate is 1.5: it must be in \[0, 1\)$",
    ),
    "import": ("import os", r": `import os` would run code"),
    "no finite number": ("T5Config.z_loss = 1e999", r"run.gin:\d+: T5Config.z_loss is inf: it must be a finite number"),
    "no finite number, below": ("T5Config.z_loss = -1e999", r": T5Config.z_loss is -inf: it must be a finite number"),
    "no finite number by macro": ("Z = 1e400\nT5Config.z_loss = %Z", r": Z is inf: it must be a finite number"),
    "too great a number": ("Run.seed = 99999999999999999999", r": Run.seed is beyond 9223372036854775807"),
    "more digits than Python reads": (f"Run.seed = {'9' * 5000}", r"run.gin.*: this is not gin: "),
    "too few buckets": (
        "T5Config.relative_attention_buckets = 1",
        r"run.gin:\d+: T5Config.relative_attention_buckets is 1: it must be at least 4",
    ),
    "too many buckets": ("T5Config.relative_attention_buckets = 256", r"buckets is 256: .* at most 255"),
    "no such width": ("Training.keep = 1099511627776", r"Training.keep is 1099511627776: .* at most 2,147,483,647"),
    "nested brackets": (
        f"Run.include = {'[' * 3000}{']' * 3000}",
        r"this is not gin: its brackets are nested too deep",
    ),
    "nested signs": (f"Run.seed = {'-' * 5000}1", r"run.gin"),
}


@pytest.mark.parametrize(("lines", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_refused_in_a_file(gin_file, lines, message):
    before = gin_file.read_text()
    gin_file.write_text(before + lines + "\n")
    with pytest.raises(ValueError, match=message) as error:
        binding.bind([str(gin_file)])
    assert "\n" not in str(error.value)
    if "must be set" not in str(error.value):
        first = before.count("\n") + 1
        placed = [f"{gin_file}:{line}: " for line in range(first, first + lines.count("\n") + 1)]
        assert str(error.value).startswith(tuple(placed))


@pytest.mark.parametrize("missing", ["Run.folder", "T5Config.d_ff", "Finetuning.steps"])
def test_a_setting_that_nobody_makes_is_named(gin_file, missing):
    lines = [line for line in gin_file.read_text().splitlines() if not line.startswith(missing)]
    gin_file.write_text("\n".join(lines))
    with pytest.raises(ValueError, match=rf"^{missing} must be set: bind it in a gin file"):
        binding.bind([str(gin_file)])


def test_all_settings_that_nobody_makes_are_named_at_once():
    with pytest.raises(ValueError, match=r"^Run.folder, Run.mixture, .*T5Config.vocab_size, .* must be set: bind them"):
        binding.bind([], ["Run.seed = 1"])


def test_an_override_by_a_later_file_or_a_parameter_is_normal(gin_file, tmp_path):
    later = tmp_path / "later.gin"
    later.write_text("Run.batch_size = 8\nSTEPS = 9\n")
    run = binding.bind([str(gin_file), str(later)], ["Run.batch_size = 16", "Run.batch_size = 32"]).run
    assert run.batch_size == 32
    assert run.train.steps == 9


def test_overriding_the_use_of_a_macro_or_a_schedule_does_not_make_its_settings_wrong(gin_file):
    run = binding.bind([str(gin_file)], ["Training.steps = 2", "Training.schedule = @inverse_square_root()"]).run
    assert run.train.steps == 2
    assert run.train.schedule(0) == 0.01


def test_an_int_is_a_float_and_a_list_is_a_tuple(gin_file):
    params = ["constant.learning_rate = 1", "Run.include = []", "T5Config.activations = ['gelu', 'linear']"]
    run = binding.bind([str(gin_file)], params).run
    assert run.train.schedule(0) == 1
    assert run.model.activations == ("gelu", "linear")

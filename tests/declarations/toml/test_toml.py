"""Tasks declared in TOML: what they feed a model, and what is refused by file and line."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import t5mix
from t5mix import metrics
from t5mix.cli.main import main
from t5mix.declarations.toml import declare
from t5mix.declarations.toml.templates import parse

GOOD = """
[tasks.weather_nli]
data = { train = "train.tsv", validation = ["validation.tsv"] }
format = "tsv"
inputs = "nli premise: {premise} {{sic}} hypothesis: {hypothesis}"
targets = "{label}"
labels = { 0 = "entailment", 1 = "contradiction" }
metrics = ["accuracy", "mean_multiclass_f1"]
vocabulary = "bytes"

[tasks."weather_degrees"]
data.train = "degrees-*.jsonl"
format = "jsonl"
inputs = "degrees: {text}"
targets = "{degrees}"
postprocess = "string_to_float"
metrics = ["pearson_corrcoef"]
vocabulary = "bytes"
extra_ids = 0

[mixtures.weather]
tasks = ["weather_nli", "weather_degrees"]
maximum = 3
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Yields a folder with a declarations file and its data; what it declares is forgotten afterwards."""
    rows = [f"It rains {i}\tIt is {'wet' if i % 2 == 0 else 'dry'}\t{i % 2}" for i in range(12)]
    for split, lines in (("train", rows[:8]), ("validation", rows[8:])):
        (tmp_path / f"{split}.tsv").write_text("premise\thypothesis\tlabel\n" + "\n".join(lines) + "\n")
    (tmp_path / "degrees-1.jsonl").write_text('{"text": "warm", "degrees": 20.50}\n{"text": "cold", "degrees": -3}\n')
    (tmp_path / "weather.toml").write_text(GOOD)
    with t5mix.overlay():
        yield tmp_path


def test_a_folder_may_be_named_with_brackets(folder: Path) -> None:
    """Of `data[1]` the brackets are no wildcards, and in the names of files they are."""
    inside = folder / "data[1]"
    inside.mkdir()
    for name in ("train.tsv", "validation.tsv", "degrees-1.jsonl", "weather.toml"):
        (folder / name).rename(inside / name)
    (inside / "part[a].tsv").write_text("premise\thypothesis\tlabel\nIt rains\tIt is wet\t0\n")
    (inside.parent / "above.tsv").write_text("premise\thypothesis\tlabel\nIt snows\tIt is dry\t1\n")
    files = '{ train = "trai[nm].tsv", validation = "part[a].tsv", test = "../above.tsv" }'
    text = (inside / "weather.toml").read_text()
    (inside / "weather.toml").write_text(
        text.replace('{ train = "train.tsv", validation = ["validation.tsv"] }', files)
    )
    t5mix.include(inside / "weather.toml")
    task = t5mix.TaskRegistry.get("weather_nli")
    assert [task.num_input_examples(split) for split in task.splits] == [8, 1, 1]
    assert len(list(t5mix.TaskRegistry.get("weather_degrees").get_dataset(shuffle=False))) == 2


def test_addresses_stay_as_they_are(folder: Path) -> None:
    import tensorflow as tf

    tf.io.gfile.makedirs("ram://weather")
    for name in ("train.tsv", "validation.tsv"):
        with tf.io.gfile.GFile(f"ram://weather/{name}", "wb") as file:
            file.write((folder / name).read_bytes())
    text = GOOD.replace('"train.tsv"', '"ram://weather/trai*.tsv"').replace('"validation.tsv"', '"s3://away/v.tsv"')
    (folder / "weather.toml").write_text(text)
    t5mix.include(folder / "weather.toml")
    task = t5mix.TaskRegistry.get("weather_nli")
    assert task.num_input_examples("train") == 8
    first = next(task.get_dataset(shuffle=False).as_numpy_iterator())
    assert first["inputs_pretokenized"].startswith(b"nli premise: It rains 0")
    with pytest.raises(ValueError, match=r"weather.toml:3: .*data cannot be read: s3://away/v.tsv: TensorFlow cannot"):
        task.num_input_examples("validation")


def test_what_a_task_feeds(folder: Path) -> None:
    t5mix.include(folder / "weather.toml")
    task = t5mix.TaskRegistry.get("weather_nli")
    assert task.declared_at == f"{folder / 'weather.toml'}:2" and task.splits == ("train", "validation")
    first = next(task.get_dataset(split="validation", shuffle=False).as_numpy_iterator())
    assert first["inputs_pretokenized"] == b"nli premise: It rains 8 {sic} hypothesis: It is wet"
    assert first["targets_pretokenized"] == b"entailment" and first["premise"] == b"It rains 8"
    assert first["targets"].tolist() == [*t5mix.ByteVocabulary().encode("entailment"), 1]
    assert [task.postprocess_fn(text) for text in ("entailment", "contradiction", "no")] == [0, 1, -1]
    assert task.metric_fns[0] is metrics.accuracy and task.metric_fns[1]([0, 1], [0, 1]) == {"mean_2class_f1": 100.0}
    degrees = t5mix.TaskRegistry.get("weather_degrees")
    assert degrees.declared_at == f"{folder / 'weather.toml'}:11"
    texts = [row["targets_pretokenized"] for row in degrees.get_dataset(shuffle=False).as_numpy_iterator()]
    assert texts == [b"20.50", b"-3"] and degrees.postprocess_fn("20.50") == 20.5
    mixture = t5mix.MixtureRegistry.get("weather")
    assert mixture.declared_at == f"{folder / 'weather.toml'}:21" and mixture.rates() == {
        "weather_degrees": 0.4,
        "weather_nli": 0.6,
    }


def test_commands_take_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "weather", "--include", str(folder / "weather.toml")]) == 0
    assert "2 tasks passed" in capsys.readouterr().out


def test_the_declaration_decides_the_cache(folder: Path) -> None:
    from t5mix.internal.code import fingerprints

    t5mix.include(folder / "weather.toml")
    before = t5mix.TaskRegistry.get("weather_nli")
    changed = (folder / "weather.toml").read_text().replace("weather", "other").replace("{{sic}}", "")
    (folder / "other.toml").write_text(changed)
    t5mix.include(folder / "other.toml")
    after = t5mix.TaskRegistry.get("other_nli")
    assert before.source.fingerprint("train") == after.source.fingerprint("train")
    assert fingerprints.digest(before.steps_before_cache) != fingerprints.digest(after.steps_before_cache)


def test_a_folder_gives_its_files_and_not_pyproject(folder: Path) -> None:
    (folder / "pyproject.toml").write_text('[project]\nname = "mine"\n')
    (folder / "more.py").write_text("import t5mix\nt5mix.MixtureRegistry.add('again', ['weather_nli'], 1)\n")
    t5mix.include(folder)
    assert [task.name for task in t5mix.MixtureRegistry.get("again").tasks] == ["weather_nli"]
    with pytest.raises(
        ValueError, match=r"pyproject.toml:1: 'project' is no kind of declaration; write \[tasks.NAME\]"
    ):
        declare(folder / "pyproject.toml")


def test_a_command_says_where_a_file_is_wrong(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = folder / "wrong.toml"
    wrong.write_text(GOOD.replace("{premise}", "{premise.x}"))
    assert main(["list", "weather", "--include", str(wrong)]) == 2
    assert capsys.readouterr().err.startswith(f"t5mix: error: {wrong}:5: task 'weather_nli': inputs ")


# What is replaced in the declarations file, by what, and what is said, with the line.
WRONG = {
    "a rate beside rates": (
        'tasks = ["weather_nli", "weather_degrees"]', "tasks = { weather_nli = 2, weather_degrees = 1 }",
        r":23: mixture 'weather': maximum is of tasks without a rate"),
    "an unknown key": ("extra_ids = 0", "extra_id = 0",
        r":19: task 'weather_degrees': extra_id is no key; .*'extra_ids'"),
    "no format": ('format = "tsv"\n', "", r":2: task 'weather_nli': says no 'format'"),
    "an unknown format": ('"tsv"', '"tvs"', r":4: .*format is 'tvs'; give tsv or csv or jsonl or .*did you mean 'tsv'"),
    "a wrong column": ("{hypothesis}", "{hypotesis}",
        r":5: .*\{hypotesis\}; there is no such column: .*'hypothesis'"),
    "an attribute": ("{premise}", "{premise.__class__}", r":5: .*\{premise.__class__\}; only the name"),
    "an index": ("{premise}", "{premise[0]}", r":5: .*only the name"),
    "a conversion": ("{premise}", "{premise!r}", r":5: .*\{premise!r\}"),
    "a width": ("{premise}", "{premise:>999999999}", r":5: .*only the name"),
    "a number": ("{premise}", "{0}", r":5: .*only the name"),
    "an open brace": ("{premise}", "{premise", r":5: .*write \{\{ and \}\}"),
    "a label that is none": ("0 = ", "3 = ", r"train.tsv:2: 'label' is '0', which is none of '3', '1'"),
    "an unknown metric": ('"accuracy"', '"acuracy"', r":8: .*metrics has 'acuracy'; .*did you mean 'accuracy'"),
    "a metric of other things": ('"accuracy"', '"bleu"',
        r":8: .*'bleu', which compares texts; add postprocess = \"none\""),
    "an unknown postprocessor": ("string_to_float", "eval",
        r":16: .*postprocess is 'eval'; there are none, lower_text"),
    "an unknown vocabulary": ('"bytes"', '"byte"', r":9: .*vocabulary is 'byte'; give t5, bytes"),
    "a file that is not there": ('"train.tsv"', '"tran.tsv"',
        r":3: .*data cannot be read: .*no file matches .*tran.tsv"),
    "a task that is not there": ('["weather_nli", ', '["weather_nil", ',
        r":21: mixture 'weather': .*'weather_nil'; did you"),
    "a taken name": ("[mixtures.weather]", "[mixtures.weather_nli]",
        r":21: .*has the name of the task declared at .*:2;"),
    "no TOML": ("[tasks.weather_nli]", "[tasks.weather_nli", r"weather.toml: is no TOML: .*line 2"),
    "a name that leaves": ("[tasks.weather_nli]", '[tasks."../x"]', r":2: Task name '../x' contains invalid"),
}  # fmt: skip


@pytest.mark.parametrize("what", list(WRONG))
def test_what_is_wrong_is_refused_by_file_and_line(what: str, folder: Path) -> None:
    old, new, message = WRONG[what]
    assert old in GOOD
    (folder / "weather.toml").write_text(GOOD.replace(old, new, 1))
    with pytest.raises(ValueError, match=message) as raised:
        declare(folder / "weather.toml")
        for task in t5mix.MixtureRegistry.get("weather").tasks:
            task.get_dataset(shuffle=False)
    assert "\n" not in str(raised.value)


def test_templates_hold_names_and_braces() -> None:
    template = parse("a {x} {{b}} {y}{x}")
    assert template.columns == ("x", "y")
    assert "".join(literal + name for literal, name in template.parts) == "a x {b} yx"


def test_brackets_that_are_nested_too_deeply_are_refused_by_file(tmp_path: Path) -> None:
    (tmp_path / "deep.toml").write_text(f"x = {'[' * 5000}{']' * 5000}\n")
    with pytest.raises(ValueError, match=r"deep.toml: its brackets are nested too deeply"):
        t5mix.include(tmp_path)

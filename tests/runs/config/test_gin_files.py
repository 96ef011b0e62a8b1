import pytest

from t5mix.internal import paths
from t5mix.runs.config import gin_files
from t5mix.runs.config.gin_files import Macro, Reference


def test_bindings_are_read_in_order_with_file_and_line(tmp_path):
    path = tmp_path / "a.gin"
    path.write_text("# a comment\nN = 3\n\nscope/Run.seed = %N\nRun.mesh = @MeshConfig()\n")
    read = gin_files.read([str(path)], ["Run.seed = 5"])
    assert [str(binding) for binding in read] == [
        "N = 3",
        "scope/Run.seed = %N",
        "Run.mesh = @MeshConfig()",
        "Run.seed = 5",
    ]
    assert [str(binding.location) for binding in read] == [
        f"{path}:2",
        f"{path}:4",
        f"{path}:5",
        "--gin_param 'Run.seed = 5'",
    ]
    assert read[1].value == Macro("N") and read[2].value == Reference("MeshConfig", True)
    assert read[0].is_macro and not read[1].is_macro


def test_blocks_and_other_ways_to_write_a_macro(tmp_path):
    path = tmp_path / "a.gin"
    path.write_text("Run:\n  seed = 1\n  batch_size = 2\nN/gin.macro.value = 7\n")
    assert [b.key for b in gin_files.read([str(path)])] == ["Run.seed", "Run.batch_size", "N"]


def test_an_include_is_read_in_its_place_beside_the_file_first(tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models/tiny.gin").write_text("A = 1\n")
    (tmp_path / "run.gin").write_text("B = 2\ninclude 'models/tiny.gin'\nC = 3\n")
    assert [b.key for b in gin_files.read([str(tmp_path / "run.gin")])] == ["B", "A", "C"]


def test_a_file_is_found_by_name_in_the_shipped_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shipped = paths.shipped("gin") / "models/tiny.gin"
    assert gin_files.find_gin_file("models/tiny.gin") == shipped
    assert gin_files.find_gin_file("gin/models/tiny.gin") == shipped


def test_a_path_wins_over_a_shipped_name_but_not_within_shipped_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    (tmp_path / "models/tiny.gin").write_text("Run.seed = 1\n")
    assert str(gin_files.find_gin_file("models/tiny.gin")) == "models/tiny.gin"
    shipped = paths.shipped("gin")
    found = gin_files.find_gin_file("models/tiny.gin", beside=shipped / "runs")
    assert found == shipped / "models/tiny.gin"


def test_a_missing_file_is_refused_with_names_that_come_near(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no gin file 'runs/ofline.gin'.*did you mean runs/offline.gin"):
        gin_files.read(["runs/ofline.gin"])
    path = tmp_path / "a.gin"
    path.write_text("\ninclude 'modells/tiny.gin'\n")
    with pytest.raises(FileNotFoundError, match=r"a\.gin:2: no gin file 'modells/tiny.gin'.*models/tiny.gin"):
        gin_files.read([str(path)])


@pytest.mark.parametrize("line", ["import os", "from os import path", "from __gin__ import dynamic_registration"])
def test_imports_are_refused_because_they_run_code(tmp_path, line):
    path = tmp_path / "a.gin"
    path.write_text(f"N = 1\n{line}\n")
    with pytest.raises(ValueError, match=rf"a\.gin:2: `{line}` would run code; delete the line"):
        gin_files.read([str(path)])


def test_files_that_include_each_other_are_refused(tmp_path):
    (tmp_path / "a.gin").write_text("include 'b.gin'\n")
    (tmp_path / "b.gin").write_text("include 'a.gin'\n")
    with pytest.raises(ValueError, match=r"include each other in a circle"):
        gin_files.read([str(tmp_path / "a.gin")])


@pytest.mark.parametrize(
    ("text", "line"), [("A = 1\nB = offline\n", 2), ("A = (1,\n", 1), ("A = 1\n\nRun.seed\n", 3), ("A = $\n", 1)]
)
def test_what_is_not_gin_is_refused_with_its_line(tmp_path, text, line):
    path = tmp_path / "a.gin"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"this is not gin") as error:
        gin_files.read([str(path)])
    assert "\n" not in str(error.value) and "0x" not in str(error.value)
    assert str(error.value).startswith(f"{path}:")
    if "(" not in text:  # an open bracket is missed only at the end
        assert str(error.value).startswith(f"{path}:{line}: ")


def test_a_parameter_without_quotes_says_how_to_quote():
    with pytest.raises(ValueError, match=r"text needs quotes of its own"):
        gin_files.read([], ["Run.mixture = offline"])


def test_a_parameter_can_not_include():
    with pytest.raises(ValueError, match=r"name a file with --gin_file"):
        gin_files.read([], ["include 'models/tiny.gin'"])


DEFAULTS = {"Run.batch_size": 8, "Run.seed": 3, "Decoding.beams": 4, "Decoding.rules": "transformers"}


def test_defaults_hold_where_nobody_says_otherwise(tmp_path):
    path = tmp_path / "a.gin"
    path.write_text("t5mix.Run.batch_size = 2\n")
    given = gin_files.with_defaults(DEFAULTS, [str(path)], ["Training.steps = 5"])
    assert given == ["Run.seed = 3", "Decoding.beams = 4", "Decoding.rules = 'transformers'", "Training.steps = 5"]


def test_those_of_a_part_hold_together_or_not_at_all():
    given = gin_files.with_defaults(DEFAULTS, [], ["Decoding.temperature = 0.5", "Run.seed = 1"])
    assert given == ["Run.batch_size = 8", "Decoding.temperature = 0.5", "Run.seed = 1"]
    given = gin_files.with_defaults({**DEFAULTS, "Decoding.seed": 0}, [], ["Decoding.seed = 5"])  # draws by another
    assert given[-3:] == ["Decoding.beams = 4", "Decoding.rules = 'transformers'", "Decoding.seed = 5"]

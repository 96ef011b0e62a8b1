"""A name that is declared twice: what a user names wins over what is shipped, and equals are refused."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import t5mix
from t5mix.declarations.discovery import Discovery, _Unit
from t5mix.declarations.namespace import NAMED, SHIPPED, Namespace

ROOT = Path(t5mix.__file__).parents[1]

HEAD = """
import t5mix
def _none(split, shuffle_files): raise AssertionError("a declaration reads no example")
def task(name, vocabulary=t5mix.ByteVocabulary(), **more):
    return t5mix.TaskRegistry.add(name, t5mix.FunctionDataSource(_none, ["train"], {"train": 5}),
        {key: t5mix.Feature(vocabulary) for key in ("inputs", "targets")}, **more)
"""


def write(path: Path, body: str) -> Path:
    path.write_text(HEAD + body)
    return path


def run(code: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", f"import t5mix\n{code}"],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def of(file: Path, name: str) -> str:
    return f"print(t5mix.get_mixture_or_task({name!r}).declared_at.startswith({str(file)!r}))"


def test_what_a_user_names_wins_whatever_is_loaded_first(tmp_path: Path) -> None:
    file = write(tmp_path / "mine.py", "task('glue_cola_v002', t5mix.T5Vocabulary())")
    holds = (
        "m = t5mix.MixtureRegistry.get('glue_v002_proportional')\n"
        "print([t.declared_at for t in m.tasks if t.name == 'glue_cola_v002'] == "
        "[t5mix.TaskRegistry.get('glue_cola_v002').declared_at])"
    )
    include = f"t5mix.include({str(file)!r})"
    for order in (include, f"t5mix.MixtureRegistry.names()\n{include}"):
        result = run(f"{order}\n{of(file, 'glue_cola_v002')}\n{holds}\nt5mix.TaskRegistry.get('glue_sst2_v002')")
        assert result.stdout.split() == ["True", "True"], result.stderr
        [line] = result.stderr.splitlines()
        assert f"task 'glue_cola_v002' is the one declared at {file}:7, not the one that t5mix ships (" in line


def test_one_line_for_a_whole_file_of_names(tmp_path: Path) -> None:
    names = ["glue_cola_v002", "glue_sst2_v002", "glue_rte_v002", "glue_qqp_v002"]
    file = write(tmp_path / "mine.py", f"for name in {names}: task(name, t5mix.T5Vocabulary())")
    result = run(of(file, "glue_rte_v002"), T5MIX_INCLUDE=str(file))
    assert result.stdout.split() == ["True"]
    assert result.stderr.startswith(f"t5mix: 4 names are those declared in {file}, not those that t5mix ships: glue_")
    assert len(result.stderr.splitlines()) == 1


def test_code_that_declares_a_shipped_name_wins_too() -> None:
    for first in ("", "t5mix.TaskRegistry.names()\n"):
        result = run(
            f"{first}{HEAD}\ntask('glue_cola_v002')\nprint(t5mix.TaskRegistry.get('glue_cola_v002').declared_at)"
        )
        assert result.stdout.startswith("<string>") and "not the one that t5mix ships" in result.stderr


def test_shipped_mixtures_that_cannot_hold_it_are_refused_alone(tmp_path: Path) -> None:
    """A vocabulary of one's own does not suit the mixtures that hold the name; all others load."""
    file = write(tmp_path / "mine.py", "task('glue_cola_v002')")
    code = """
print('super_glue_v102_proportional' in t5mix.MixtureRegistry.names(), len(t5mix.TaskRegistry.names()) > 60)
t5mix.TaskRegistry.get('offline_questions'); t5mix.MixtureRegistry.get('offline_proportional')
try:
    t5mix.MixtureRegistry.get('glue_v002_proportional')
except ValueError as error:
    print('two vocabularies' in str(error), 'glue_cola_v002' in str(error))
"""
    result = run(code, T5MIX_INCLUDE=str(file))
    assert result.stdout.split() == ["True"] * 4, result.stderr
    assert "shipped mixtures cannot hold them" in result.stderr and "Traceback" not in result.stderr


def test_two_files_that_are_named_and_clash_are_refused(tmp_path: Path) -> None:
    one = write(tmp_path / "one.py", "task('my_task')")
    two = write(tmp_path / "two.py", "task('my_task')")
    result = run("t5mix.TaskRegistry.get('my_task')", T5MIX_INCLUDE=os.pathsep.join(map(str, (one, two))))
    last = result.stderr.splitlines()[-1]
    assert result.returncode and f"{two}:5: " in last and f"declared at {one}:7" in last


def test_a_file_may_change_the_shipped_task_that_it_looks_up(tmp_path: Path) -> None:
    body = "old = t5mix.TaskRegistry.get('glue_cola_v002')\ntask(old.name, old.output_features['targets'].vocabulary)"
    file = write(tmp_path / "mine.py", body)
    other = write(tmp_path / "other.py", "t5mix.MixtureRegistry.add('my_mix', ['glue_cola_v002', 'glue_sst2_v002'], 1)")
    code = f"{of(file, 'glue_cola_v002')}\nprint(t5mix.MixtureRegistry.get('my_mix').tasks[0].declared_at)"
    for order in ((file, other), (other, file)):
        result = run(code, T5MIX_INCLUDE=os.pathsep.join(map(str, order)))
        assert result.stdout.split() == ["True", f"{file}:8"], result.stderr


def test_what_was_removed_stays_out(tmp_path: Path) -> None:
    code = f"{HEAD}\nt5mix.TaskRegistry.remove('glue_rte_v002')\ntask('glue_cola_v002')\n"
    code += "print('glue_rte_v002' in t5mix.TaskRegistry, len(t5mix.TaskRegistry.names()) > 60)"
    assert run(code).stdout.split() == ["False", "True"]


def test_files_that_need_each_other_in_part(tmp_path: Path) -> None:
    """While a file looks a shipped name up, another one that needs its later lines is tried too early, and again."""
    one = write(
        tmp_path / "one.py",
        "t5mix.MixtureRegistry.add('my_mix', ['glue_cola_v002'], 1)\ntask('my_task')",
    )
    two = write(tmp_path / "two.py", "t5mix.MixtureRegistry.add('my_second', ['my_task'], 1)")
    result = run("print(len(t5mix.MixtureRegistry.get('my_second').tasks))", T5MIX_INCLUDE=f"{one}{os.pathsep}{two}")
    assert result.stdout.split() == ["1"], result.stderr


def test_ranks_of_units(capsys: pytest.CaptureFixture[str]) -> None:
    namespace = Namespace()
    units = [
        _Unit("shipped", lambda: namespace.add("task", "x", "theirs", "shipped:1"), SHIPPED),
        _Unit("named", lambda: namespace.add("task", "x", "mine", "named:1"), NAMED),
    ]
    Discovery(namespace, lambda: units)
    assert namespace.get("task", "x").provider == "mine" and namespace.get("task", "x").provider == "mine"
    assert capsys.readouterr().err.count("\n") == 1


SLIPS = """
task('my_good')
task('my_slip', postprocess_fn=(len,))
task('my_metric', metric_fns=[lambda answers: {}])
t5mix.MixtureRegistry.add('my_mix', ['my_good', 'my_slip'], 1)
t5mix.MixtureRegistry.add('my_other', ['my_good'], 1)
"""


def test_a_slip_is_said_with_its_task_and_the_rest_is_loaded_where_that_is_asked_for(tmp_path: Path) -> None:
    file = write(tmp_path / "mine.py", SLIPS)
    main = "from t5mix.cli.main import main\nraise SystemExit(main({}))"
    refused = run(main.format(["list", "my_", "--names", "--include", str(file)]))
    [line] = refused.stderr.splitlines()
    assert refused.returncode == 2 and f"{file}:5: task 'my_slip': postprocess_fn is (<" in line
    listed = run(main.format(["list", "my_", "--names", "--include", str(file), "--keep_going"]))
    assert listed.returncode == 0 and listed.stdout.split() == ["my_good", "my_other"]
    left_out = listed.stderr.splitlines()
    assert len(left_out) == 3 and all(line.startswith(f"t5mix: left out: {file}:") for line in left_out)
    shown = run(main.format(["show", "my_slip", "--include", str(file), "--keep_going"]))
    assert shown.returncode == 2 and shown.stderr.splitlines()[-1].startswith(f"t5mix: error: {file}:9: task 'my_slip'")


def test_a_slip_in_toml(tmp_path: Path) -> None:
    (tmp_path / "data.tsv").write_text("a\tb\n1\t2\n")
    text = "".join(
        f'[tasks.my_{name}]\ndata.train = "data.tsv"\nformat = "tsv"\ninputs = "{{a}}"\ntargets = "{{b}}"\n'
        f'metrics = {metrics}\nvocabulary = "bytes"\n'
        for name, metrics in (("wrong", '["c"]'), ("good", '["accuracy"]'))
    )
    (tmp_path / "mine.toml").write_text(text)
    code = f"t5mix.include({str(tmp_path / 'mine.toml')!r}, keep_going=True)\n"
    result = run(code + "print([name for name in t5mix.TaskRegistry.names() if name.startswith('my_')])")
    assert result.stdout.strip() == "['my_good']" and "task 'my_wrong'" in result.stderr


def test_hundreds_of_files_that_look_shipped_names_up(tmp_path: Path) -> None:
    """None of them makes another one load first, of whatever they look up."""
    for number in range(300):
        body = f"t5mix.MixtureRegistry.add('my_{number}', ['glue_cola_v002', 'glue_sst2_v002'], 1)"
        (tmp_path / f"m{number}.py").write_text(f"import t5mix\n{body}\n")
    write(tmp_path / "own.py", "task('glue_cola_v002', t5mix.T5Vocabulary())")
    code = (
        "own = t5mix.TaskRegistry.get('glue_cola_v002')\n"
        "print(sum(own in t5mix.MixtureRegistry.get(f'my_{n}').tasks for n in range(300)))"
    )
    result = run(code, T5MIX_INCLUDE=str(tmp_path))
    assert result.stdout.split() == ["300"], result.stderr

"""A run that is started again goes on with the same examples, or is refused before anything slow, by name."""

import json
import linecache

import pytest

import t5mix.data.tokenization.tokenizers
from t5mix import preprocessors
from t5mix.data.examples import opening
from t5mix.declarations import registry
from t5mix.internal.code import source_code
from t5mix.runs import components, pretrain
from t5mix.runs.config import binding
from t5mix.runs.preflight import checks
from t5mix.runs.records import record

pytestmark = pytest.mark.slow

# Two texts of one step.
_STEP = """
import tensorflow as tf
SUFFIX = "!"
def {name}(dataset):
    return dataset.map(lambda example: {{**example, "inputs": example["inputs"] + SUFFIX}})
"""
_SAME = '''
import tensorflow as tf


SUFFIX: str = '!'  # what is added


def {name}(dataset: "tf.data.Dataset") -> "tf.data.Dataset":
    """Adds the suffix."""
    return dataset.map(
        lambda example: {{**example, "inputs": example["inputs"] + SUFFIX}},
    )
'''


@pytest.fixture
def start(tmp_path, gin_file, monkeypatch):
    """Starts a run whose task has a step of this code, up to so many steps; returns the newest checkpoint's."""
    monkeypatch.setenv("T5MIX_CACHE", str(tmp_path / "cache"))

    def run(text: str, steps: int, *params: str) -> int:
        path = tmp_path / "toy_steps.py"
        path.write_text(text.format(name="shout"))
        linecache.checkcache(str(path))
        scope: dict = {"__name__": "toy_steps"}
        exec(compile(path.read_text(), str(path), "exec"), scope)
        with registry.overlay():
            feature = t5mix.Feature(t5mix.ByteVocabulary(extra_ids=5))
            t5mix.TaskRegistry.add(
                "toy",
                source=t5mix.TextLineDataSource({"train": str(tmp_path / "lines.txt")}),
                preprocessors=[_columns, scope["shout"], preprocessors.tokenize, preprocessors.append_eos],
                output_features={"inputs": feature, "targets": feature},
            )
            bound = binding.bind([str(gin_file)], ["Run.finetune = None", f"Training.steps = {steps}", *params])
            checked = checks.check_training(bound.run)
            record.record_start(bound, checked, ["t5mix"])
            pretrain.pretrain(components.Components(bound.run, checked.provider), checked)
            return checked.folder.pretraining.steps()[-1]

    (tmp_path / "lines.txt").write_text("".join(f"line {number}\n" for number in range(40)))
    return run


def _columns(dataset):
    return dataset.map(lambda line: {"inputs": line, "targets": line})


@pytest.fixture
def no_engine(monkeypatch):
    """Lets nothing be compiled."""
    return lambda: monkeypatch.setattr(components, "Engine", lambda *args, **kwargs: pytest.fail("an engine was made"))


def test_the_same_behaviour_goes_on_and_another_is_refused_by_name(start, no_engine, tmp_path, monkeypatch):
    assert start(_STEP, 2) == 2
    recorded = json.loads((tmp_path / "run" / "data.json").read_text())
    known = source_code.version
    monkeypatch.setattr("t5mix.__version__", "99.0")
    monkeypatch.setattr(source_code, "version", lambda name: "99.0" if name == "sentencepiece" else known(name))
    assert start(_SAME, 4) == 4
    assert json.loads((tmp_path / "run" / "data.json").read_text()).keys() == recorded.keys()
    no_engine()
    monkeypatch.setattr(opening, "store", None)  # nor tokenized
    with pytest.raises(ValueError, match=r"task 'toy': its step 'shout' before the cache \(number 2\) has other code"):
        start(_STEP.replace('"!"', '"?"'), 6)
    with pytest.raises(ValueError, match=r"--run_folder; or .*Training.allow_changed_mixture = True"):
        start(_STEP.replace('"!"', '"?"'), 6)
    (tmp_path / "lines.txt").write_text("another line\n")
    with pytest.raises(ValueError, match=r"task 'toy': of its source's files 'lines.txt' has other content"):
        start(_STEP, 6)


def test_a_library_with_other_ids_ends_the_run_and_is_named(start, no_engine, monkeypatch):
    assert start(_STEP, 2) == 2
    known, tokenizer = source_code.version, t5mix.data.tokenization.tokenizers._ByteTokenizer
    encode = tokenizer.__call__
    monkeypatch.setattr(source_code, "version", lambda name: "99.0" if name == "sentencepiece" else known(name))

    def shifted(self, texts, threads=None):
        ids, lengths = encode(self, texts, threads)
        return ids + 1, lengths

    monkeypatch.setattr(tokenizer, "__call__", shifted)
    no_engine()
    message = rf"sentencepiece was {known('sentencepiece')} and is 99.0: example 0, 'inputs', was \[.*\] and is \["
    with pytest.warns(UserWarning, match="anew"), pytest.raises(ValueError, match=message):
        start(_STEP, 4)
    with pytest.raises(ValueError, match=message):  # when the cache is the new one, too
        start(_STEP, 4)


def test_what_is_allowed_to_change_goes_on_and_is_recorded(start, tmp_path):
    assert start(_STEP, 2) == 2
    record = (tmp_path / "run" / "data.json").read_text()
    assert start(_STEP.replace('"!"', '"?"'), 3, "Training.allow_changed_mixture = True") == 3
    assert (tmp_path / "run" / "data.json").read_text() != record

"""What changed in a task is told by name."""

import functools

import pytest

from t5mix.data.cache.identity import origins
from t5mix.declarations.task import Task
from t5mix.internal.code import revisions
from t5mix.preprocessors import append_eos, append_eos_after_trim, preprocess_tsv, tokenize
from t5mix.preprocessors.pipeline import CacheDatasetPlaceholder
from t5mix.sources import TextLineDataSource
from t5mix.vocabularies import ByteVocabulary
from t5mix.vocabularies.features import Feature


@pytest.fixture
def task(tmp_path):
    """A task of two text files."""
    for name in ("a.tsv", "b.tsv"):
        (tmp_path / name).write_text("x\ty\n")

    def make(pattern="*.tsv", template="{0}", vocabulary=100, after=append_eos_after_trim, **feature):
        features = {name: Feature(ByteVocabulary(vocabulary), **feature) for name in ("inputs", "targets")}
        rows = functools.partial(preprocess_tsv, inputs_format=template, targets_format="{1}")
        source = TextLineDataSource({"train": str(tmp_path / pattern)})
        steps = [rows, tokenize, CacheDatasetPlaceholder(), after]
        return Task("t", source=source, preprocessors=steps, output_features=features)

    return make


def _changes(before, task):
    return origins.changes(before, origins.of_tasks([task], "train"))


def test_each_part_is_named(task, tmp_path, monkeypatch):
    before = origins.of_tasks([task()], "train")
    assert _changes(before, task()) == []
    assert _changes(before, task(template="{1}")) == [
        "task 't': its step 'preprocess_tsv' before the cache (number 1) has other code or arguments"
    ]
    assert _changes(before, task(after=append_eos)) == [
        "task 't': its steps behind the cache were append_eos_after_trim and are append_eos"
    ]
    assert _changes(before, task(vocabulary=101)) == [
        "task 't': the vocabulary of 'inputs' is another",
        "task 't': the vocabulary of 'targets' is another",
    ]
    assert _changes(before, task(pattern="a.tsv")) == ["task 't': of its source's files 'b.tsv' is gone"]
    (tmp_path / "b.tsv").write_text("x\tz\n")
    assert _changes(before, task()) == ["task 't': of its source's files 'b.tsv' has other content"]
    (tmp_path / "b.tsv").write_text("x\ty\n")
    monkeypatch.setattr(revisions, "NUMBERS", {"TextLineDataSource": 2})
    assert _changes(before, task()) == ["task 't': t5mix's TextLineDataSource gives other results than before"]


def test_tasks_that_come_and_go_are_left_to_the_state(task):
    before = origins.of_tasks([task()], "train")
    assert origins.changes(before, {}) == origins.changes({}, before) == []


def test_versions_are_told_apart(task):
    (before,) = origins.of_tasks([task()], "train").values()
    now = {**before, "libraries": {**before["libraries"], "sentencepiece": "9.9"}}
    was = before["libraries"]["sentencepiece"]
    assert origins.library_changes(before, now) == [f"sentencepiece was {was} and is 9.9"]

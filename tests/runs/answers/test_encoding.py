import dataclasses
from pathlib import Path

import pytest

import t5mix
from t5mix.mesh.interop import OpenedCheckpoint
from t5mix.mesh.layouts import MeshConfig
from t5mix.runs.answers.encoding import encode, encode_choices, encode_questions, encode_targets, fitted
from t5mix.runs.answers.questions import Question
from t5mix.runs.config import binding
from t5mix.runs.preflight.checks import Checked
from t5mix.runs.preflight.foreign_checkpoints import ForeignCheckpoint
from t5mix.runs.preflight.tasks import find_provider
from t5mix.runs.records.run_folder import CheckpointPath, RunFolder


def test_inputs_end_in_eos_and_long_ones_are_cut_and_counted(capsys):
    feature = t5mix.Feature(t5mix.ByteVocabulary())
    ids = encode(["ab", "abcd", ""], feature, 4)
    assert ids == [[100, 101, 1], [100, 101, 102, 1], [1]]
    assert "1 of 3 inputs are longer than 4 tokens and were truncated, the first of them in line 2" in (
        capsys.readouterr().err
    )


def test_inputs_declared_without_eos_get_none():
    feature = t5mix.Feature(t5mix.ByteVocabulary(), add_eos=False)
    assert encode(["ab", "abcd"], feature, 3) == [[100, 101], [100, 101, 102]]


def test_choices_end_in_eos_and_those_that_no_answer_can_be_are_refused():
    feature = t5mix.Feature(t5mix.ByteVocabulary())
    assert encode_choices(["ab", ""], feature, 3) == [[100, 101, 1], [1]]
    with pytest.raises(ValueError, match="--choice 'abc' has 4 tokens, and answers have 3 at most"):
        encode_choices(["abc"], feature, 3)
    with pytest.raises(ValueError, match="--choice 'a' is given twice"):
        encode_choices(["a", "b", "a"], feature, 3)


def test_the_ids_of_a_task_s_example_are_read_as_they_are():
    feature = t5mix.Feature(t5mix.ByteVocabulary())
    assert encode_questions([Question("ab", ids=(7, 1))], "", feature, 4) == [[7, 1]]
    assert encode_questions([Question("b")], "a", feature, 4) == [[100, 101, 1]]


def test_targets_are_whole():
    feature = t5mix.Feature(t5mix.ByteVocabulary())
    asked = [Question("", "abc"), Question("", "abc", target_ids=(9, 1)), Question("")]
    assert encode_targets(asked, feature) == [[100, 101, 102, 1], [9, 1], [1]]


@pytest.mark.parametrize(("longest", "expected"), [(0, 64), (1, 64), (64, 64), (65, 128), (500, 500)])
def test_rows_of_a_checkpoint_without_a_run_are_as_long_as_the_inputs_need(toy, gin_file, longest, expected):
    run = binding.bind([str(gin_file)], ["Run.sequence_length = {'inputs': 500, 'targets': 8}"]).run
    opened = OpenedCheckpoint(source="a", kind="t5x", config=run.model, weights={})
    folder = RunFolder(Path("a"))
    foreign = ForeignCheckpoint(folder, folder.pretraining, 0, opened)
    ids = [[1] * longest] if longest else []
    found = fitted(Checked(run, find_provider("toy", ()), checkpoint=foreign), ids)
    assert found.run.sequence_length == {"inputs": expected, "targets": 8}
    split = dataclasses.replace(run, mesh=MeshConfig(shape="batch:1;long:5", layout="length:long"))
    fives = fitted(Checked(split, find_provider("toy", ()), checkpoint=foreign), ids).run.sequence_length["inputs"]
    assert fives >= expected and fives % 5 == 0  # whatever the mesh splits
    own = Checked(run, find_provider("toy", ()), checkpoint=CheckpointPath(folder, folder.pretraining, 0))
    assert fitted(own, ids) is own

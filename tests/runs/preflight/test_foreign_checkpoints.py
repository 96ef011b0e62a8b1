"""A model of another program is used as it is: its sizes, vocabulary and way to decode are its own."""

import argparse
import json

import numpy as np
import pytest

import t5mix
from t5mix.cli import arguments
from t5mix.cli.main import main
from t5mix.mesh.interop.architecture import Architecture
from t5mix.mesh.interop.hugging_face.writing import Export, write_folder
from t5mix.mesh.interop.names import hugging_face_weights
from t5mix.mesh.interop.weights import LazyArray
from t5mix.runs.answers.identity import weights_beside, weights_of
from t5mix.runs.preflight.checks import check_recorded
from t5mix.runs.preflight.foreign_checkpoints import LENGTHS, ForeignCheckpoint, with_settings

MODEL = Architecture(
    vocab_size=384, d_model=32, d_ff=48, num_heads=4, d_kv=8, num_encoder_layers=1, num_decoder_layers=1
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A Hugging Face folder of a small model of bytes, that decodes by beams."""
    folder, random = tmp_path_factory.mktemp("made") / "a-t5", np.random.default_rng(0)
    weights = {
        one.name: LazyArray.of(random.normal(size=one.shape[::-1] if one.transpose else one.shape).astype(np.float32))
        for one in hugging_face_weights(MODEL)
    }
    generation = {"num_beams": 3, "max_new_tokens": 9}
    given = {"model": MODEL, "weights": weights, "vocabulary": t5mix.ByteVocabulary(extra_ids=125)}
    write_folder(Export(**given, generation=generation), str(folder))
    return folder


def test_all_that_is_needed_is_in_its_folder(made):
    checked = check_recorded(str(made))
    run = checked.run
    assert isinstance(checked.checkpoint, ForeignCheckpoint) and run.model.d_model == 32
    assert (run.decoding.beams, run.decoding.rules, run.decoding.length_penalty) == (3, "transformers", 1.0)
    assert run.sequence_length == {"inputs": LENGTHS["inputs"], "targets": 9}
    assert checked.provider.output_features["inputs"].vocabulary == t5mix.ByteVocabulary(extra_ids=125)
    assert checked.provider.name == "a-t5"


def test_what_the_user_says_wins(toy, made, tmp_path):
    path = tmp_path / "mine.gin"
    path.write_text("Decoding.temperature = 0.5\nRun.batch_size = 2\n")
    params = ["Run.sequence_length = {'inputs': 16, 'targets': 8}"]
    checked = check_recorded(str(made), [str(path)], params, task="toy_a")
    assert checked.provider.name == "toy_a" and checked.run.batch_size == 2
    assert (checked.run.decoding.beams, checked.run.decoding.temperature) == (1, 0.5)
    assert checked.run.sequence_length == {"inputs": 16, "targets": 8}
    named = check_recorded(str(made), [], ["Run.mixture = 'toy'", *params], task="toy_a")
    assert named.provider.name == "toy"
    with pytest.raises(ValueError, match=r"T5Config.d_ff \(48 there, 64 here\)"):
        check_recorded(str(made), [], ["T5Config.d_ff = 64"])


def test_fine_tuning_takes_sizes_and_decoding_from_the_folder_wherever_it_is_named(made, tmp_path):
    named = f"Finetuning.checkpoint = {str(made)!r}"
    path = tmp_path / "mine.gin"
    path.write_text(f"{named}\n")
    for files, params in (([], ["Run.seed = 1", named]), ([str(path)], ["Run.seed = 1"])):
        found = with_settings(files, params)
        assert "T5Config.d_ff = 48" in found and "Decoding.beams = 3" in found
        assert found[-len(params) :] == params
    found = with_settings([str(path)], ["Decoding.beams = 1"])  # the user says how
    assert [one for one in found if "Decoding" in one] == ["Decoding.beams = 1"]
    assert with_settings([], ["Run.seed = 1"]) == ["Run.seed = 1"]


def test_one_that_answers_with_others_takes_their_tasks_and_lengths(toy, made):
    args = argparse.Namespace(ensemble=[str(made)], combine=None, gin_file=[], include=None)
    first = check_recorded(str(made), [], ["Run.sequence_length = {'inputs': 16, 'targets': 8}"], task="toy_a")
    [other] = arguments.ensemble(args, first, [])
    assert other.run.sequence_length == first.run.sequence_length and other.provider is first.provider
    [other] = arguments.ensemble(args, check_recorded(str(made)), [])
    assert other.provider.name == "a-t5"


@pytest.fixture
def copied(made, tmp_path):
    """A copy, to be changed."""
    folder = tmp_path / "copy"
    folder.mkdir()
    for file in made.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


def test_who_says_how_to_decode_is_not_kept_by_a_file_that_says_what_can_not_be(copied, capsys):
    said = {"num_beams": 4, "length_penalty": -1.0, "max_new_tokens": "9", "no_repeat_ngram_size": 3}
    (copied / "generation_config.json").write_text(json.dumps(said))
    lengths = "Run.sequence_length = {'inputs': 16, 'targets': 8}"
    for params, message in (([], "max_new_tokens is '9'.*bind Run.sequence_length"), ([lengths], "say yourself how")):
        with pytest.raises(ValueError, match=message):
            check_recorded(str(copied), [], params)
    own = [lengths, "Decoding.beams = 2"]
    assert check_recorded(str(copied), [], own).run.decoding.beams == 2
    assert "Decoding.beams = 2" in with_settings([], [f"Finetuning.checkpoint = {str(copied)!r}", *own])
    assert capsys.readouterr().err == ""  # what the file says is of no account


def test_without_a_tokenizer_a_task_has_to_be_named(toy, copied):
    (copied / "tokenizer_config.json").unlink()
    with pytest.raises(ValueError, match=r"does not say which vocabulary .*Run.mixture = 'NAME'"):
        check_recorded(str(copied))
    assert check_recorded(str(copied), [], ["Run.sequence_length = {'inputs': 9, 'targets': 9}"], task="toy_b")


def test_every_file_that_decides_answers_is_part_of_its_identity(made, copied):
    before = weights_of(check_recorded(str(copied)).checkpoint)
    assert before == weights_of(check_recorded(str(made)).checkpoint)  # wherever it lies
    (copied / "README.md").write_text("more")
    assert weights_beside(check_recorded(str(copied)).checkpoint) == before
    config = json.loads((copied / "generation_config.json").read_text())
    (copied / "generation_config.json").write_text(json.dumps({**config, "num_beams": 2}))
    assert weights_of(check_recorded(str(copied)).checkpoint) != before


def test_what_only_a_run_has_is_refused_in_one_line(made, tmp_path, capsys):
    commands = {
        "is no run of t5mix, so nothing was trained": ["export", "--checkpoint", str(made), "--format", "trained"],
        "it holds no folder checkpoints/STEP": ["average", str(made), "--last", "2"],
    }
    for message, command in commands.items():
        assert main([*command, "--output", str(tmp_path / "out")]) == 2
        error = capsys.readouterr().err
        assert message in error and error.count("\n") == 1
    assert main(["eval", "--run_folder", str(made)]) == 2
    assert "which is no run folder, belong to no run: say where they go" in capsys.readouterr().err
    assert main(["eval", "--run_folder", str(made), "--output_folder", str(tmp_path / "out")]) == 2
    assert "is no run, and says nothing of tasks: name them by --mixture_or_task" in capsys.readouterr().err

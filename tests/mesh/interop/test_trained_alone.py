"""Trained weights alone: a small folder that knows what it belongs to, and refuses the rest."""

import json

import numpy as np
import pytest

from t5mix.mesh.interop.trained_alone import check_whole, hash_of, read_trained, write_trained
from t5mix.mesh.t5.fine_tuning.settings import adapters, everything, gradual_unfreezing, lora, matching

BASE = {
    "shared/embedding": np.arange(12, dtype=np.float32).reshape(4, 3),
    "encoder/layer_000/SelfAttention/q": np.ones((3, 4), np.float32),
    "encoder/layer_000/rms_norm/scale": np.ones(3, np.float32),
}
LORA = {
    "encoder/layer_000/SelfAttention/q/lora_a": np.full((3, 2), 0.5, np.float32),
    "encoder/layer_000/SelfAttention/q/lora_b": np.full((2, 4), 2.0, np.float32),
}
ADAPTER = {"encoder/layer_001/DenseReluDense/adapter/wi/kernel": np.full((3, 2), 7.0, np.float32)}


def test_lora_is_added_up_onto_its_base(tmp_path):
    path = str(tmp_path / "lora")
    write_trained(BASE | LORA, lora(rank=2, alpha=4.0, projections=("q",)), path, "runs/base/checkpoints/7")
    alone = read_trained(path)
    assert set(alone.weights) == set(LORA) and alone.base == "runs/base/checkpoints/7"
    assert alone.trained == lora(rank=2, alpha=4.0, projections=("q",)) and alone.beside == everything()
    whole = alone.onto(BASE)
    assert set(whole) == set(BASE)
    np.testing.assert_array_equal(whole["encoder/layer_000/SelfAttention/q"], np.full((3, 4), 1 + 2.0 * 2.0))
    np.testing.assert_array_equal(whole["shared/embedding"], BASE["shared/embedding"])
    apart = alone.onto(BASE, added_up=False)
    assert set(apart) == {*BASE, *LORA} and (apart["encoder/layer_000/SelfAttention/q"] == 1).all()


def test_the_task_and_the_lengths_are_noted_and_earlier_folders_have_none(tmp_path):
    path, lengths = tmp_path / "lora", {"inputs": 16, "targets": 8}
    write_trained(BASE | LORA, lora(rank=2, projections=("q",)), str(path), "base", "toy_a", lengths)
    alone = read_trained(str(path))
    assert (alone.task, alone.lengths) == ("toy_a", lengths)
    description = json.loads((path / "trained.json").read_text())
    for run in ({"sequence_length": {"../x": 1}}, {"sequence_length": {"inputs": "9"}}, {"task": 3}, [1]):
        (path / "trained.json").write_text(json.dumps({**description, "run": run}))
        with pytest.raises(ValueError, match="no trained weights that this version"):
            read_trained(str(path))
    del description["run"]
    (path / "trained.json").write_text(json.dumps(description))
    assert (read_trained(str(path)).task, read_trained(str(path)).lengths) == (None, {})


def test_adapters_bring_their_norms(tmp_path):
    path, trained = str(tmp_path / "adapters"), adapters(inner_size=2)
    norm = "encoder/layer_000/rms_norm/scale"
    write_trained({**BASE, norm: np.full(3, 9.0, np.float32), **ADAPTER}, trained, path, "base")
    alone = read_trained(path)
    assert set(alone.weights) == {norm, *ADAPTER} and alone.beside == trained
    whole = alone.onto(BASE)  # the base's norm is another; it is not part of the hash
    np.testing.assert_array_equal(whole[norm], np.full(3, 9.0))
    assert set(whole) == {*BASE, *ADAPTER}


def test_other_weights_are_refused(tmp_path):
    path = str(tmp_path / "some")
    write_trained(BASE, matching(patterns=("rms_norm",)), path, "runs/base")
    other = {**BASE, "shared/embedding": BASE["shared/embedding"] + np.float32(1e-6)}
    with pytest.raises(ValueError, match="was trained on other weights than these: on those of runs/base"):
        read_trained(path).onto(other)
    with pytest.raises(ValueError, match="trained on other weights"):
        read_trained(path).onto({name: value for name, value in BASE.items() if name != "shared/embedding"})


def test_the_hash_says_names_shapes_and_values():
    a = np.arange(6, dtype=np.float32)
    hashes = [{"a": a}, {"b": a}, {"a": a.reshape(2, 3)}, {"a": -a}, {"a": a, "b": a}]
    assert len({hash_of(each) for each in hashes}) == len(hashes)
    assert hash_of({"a": a, "b": -a}) == hash_of({"b": -a, "a": a})


@pytest.mark.parametrize("trained", [everything(), gradual_unfreezing()])
def test_all_weights_are_no_part(tmp_path, trained):
    with pytest.raises(ValueError, match=r"all weights were trained .*: export the whole model"):
        write_trained(BASE, trained, str(tmp_path / "x"), "base")
    assert not list(tmp_path.iterdir())


def test_folders_of_something_else_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="export --format trained"):
        read_trained(str(tmp_path / "none"))
    path = tmp_path / "lora"
    write_trained(BASE | LORA, lora(rank=2, projections=("q",)), str(path), "base")
    description = json.loads((path / "trained.json").read_text())

    def changed(**values):
        (path / "trained.json").write_text(json.dumps(description | values))
        return str(path)

    for values in (
        {"format": 9},
        {"base": 3},
        {"trained": {"kind": "galore"}},
        {"trained": {"kind": "lora", "rank": -1}},
    ):
        with pytest.raises(ValueError, match=r"no trained weights that this version of t5mix reads|unknown to this"):
            read_trained(changed(**values))
    with pytest.raises(ValueError, match="is damaged"):
        read_trained(changed(weights={"other": [1]}))
    changed()
    (path / "trained.safetensors").write_bytes(b"not one")
    with pytest.raises(ValueError, match="no trained weights that this version"):
        read_trained(str(path))
    (path / "trained.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"has no file 'trained.safetensors'"):
        read_trained(str(path))


def test_adapters_have_no_place_in_other_formats():
    check_whole(BASE, everything(), "a Hugging Face folder")
    with pytest.raises(ValueError, match=r"a SavedModel has no place for .*adapter.*--format trained"):
        check_whole(BASE | ADAPTER, adapters(), "a SavedModel")

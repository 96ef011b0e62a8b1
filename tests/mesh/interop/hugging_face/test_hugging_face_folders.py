"""Hugging Face folders against transformers: what it computes, what it writes, and what it reads."""

import json

import numpy as np
import pytest

from t5mix.mesh.interop import open_checkpoint
from t5mix.mesh.interop.architecture import Architecture
from t5mix.mesh.interop.engine_state import initial_state, weights_of_state
from t5mix.mesh.interop.hugging_face.reading import read_architecture, read_weights
from t5mix.mesh.interop.hugging_face.writing import Export, write_folder
from t5mix.mesh.interop.weights import LazyArray
from t5mix.vocabularies.byte_level import ByteVocabulary
from tests.mesh.interop.small import (
    BATCH,
    LENGTHS,
    arrays_of,
    batch,
    engine_of,
    hugging_face_logits,
    hugging_face_model,
)

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")


def saved(tmp_path, kind="t5-1.1", name="theirs", **options):
    model = hugging_face_model(kind)
    model.save_pretrained(tmp_path / name, **options)
    return model, tmp_path / name


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["t5-1.0", "t5-1.1", "mt5", "silu", "umt5"])
def test_a_model_of_transformers_gives_equal_logits_loss_and_greedy_outputs(tmp_path, kind):
    model, folder = saved(tmp_path, kind)
    opened = open_checkpoint(str(folder))
    engine = engine_of(opened.config)
    state = initial_state(engine, opened.weights, opened.source)
    data = batch(opened.config.vocab_size)
    theirs = hugging_face_logits(model, data)
    ours = engine.logits(state, data)
    real = data["targets"] > 0
    np.testing.assert_allclose(ours[real], theirs[real], rtol=2e-5, atol=2e-5 * np.abs(theirs).max())
    shifted = np.concatenate([np.zeros((BATCH, 1), np.int32), data["targets"][:, :-1]], axis=1)
    with torch.no_grad():
        loss = model(
            input_ids=torch.tensor(data["inputs"]),
            attention_mask=torch.tensor(data["inputs_segment_ids"]),
            decoder_input_ids=torch.tensor(shifted),
            labels=torch.tensor(np.where(real, data["targets"], -100)).long(),
        ).loss.item()
        generated = model.generate(
            input_ids=torch.tensor(data["inputs"]),
            attention_mask=torch.tensor(data["inputs_segment_ids"]),
            max_new_tokens=LENGTHS["targets"],
            num_beams=1,
            do_sample=False,
        )[:, 1:].numpy()
    assert -engine.score(state, data).sum() / real.sum() == pytest.approx(loss, rel=1e-6)
    decoded = engine.greedy_decode(state, data["inputs"])
    np.testing.assert_array_equal(decoded[:, : generated.shape[1]], generated)
    # And back: what the engine holds is, bit for bit, what transformers had.
    export = Export(
        model=Architecture.of(opened.config), weights=weights_of_state(engine, state), vocabulary=ByteVocabulary(0)
    )
    write_folder(export, str(tmp_path / "ours"))
    kind_of_ours = (
        transformers.UMT5ForConditionalGeneration if kind == "umt5" else transformers.T5ForConditionalGeneration
    )
    again = kind_of_ours.from_pretrained(tmp_path / "ours")
    for name, value in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], value), name


@pytest.mark.parametrize("kind", ["t5-1.0", "t5-1.1", "mt5", "silu", "umt5"])
def test_a_folder_is_written_bit_for_bit_and_transformers_computes_the_same(tmp_path, kind):
    model, folder = saved(tmp_path, kind)
    architecture = read_architecture(folder)
    weights = read_weights(folder, architecture)
    write_folder(
        Export(model=architecture, weights=weights, vocabulary=ByteVocabulary(0), card="# A model\n"),
        str(tmp_path / "ours"),
        shard_bytes=20_000,
    )
    assert len(list((tmp_path / "ours").glob("*.safetensors"))) > 1
    again, info = type(model).from_pretrained(tmp_path / "ours", output_loading_info=True)
    assert not any(info[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    for name, value in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], value), name
    auto = transformers.AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "ours").eval()
    data = batch(architecture.vocab_size)
    np.testing.assert_array_equal(hugging_face_logits(auto, data), hugging_face_logits(model, data))
    assert auto.generation_config.eos_token_id == 1
    ours = read_weights(tmp_path / "ours", read_architecture(tmp_path / "ours"))
    assert list(ours) == list(weights)
    for name, array in weights.items():
        np.testing.assert_array_equal(ours[name].read(), array.read())


def test_another_distance_of_the_last_bucket_is_kept(tmp_path):
    model = hugging_face_model("t5-1.1", relative_attention_max_distance=10, relative_attention_num_buckets=8)
    model.save_pretrained(tmp_path / "near")
    opened = open_checkpoint(str(tmp_path / "near"))
    assert opened.config.relative_attention_max_distance == 10
    engine = engine_of(opened.config)
    data = batch(opened.config.vocab_size)
    ours = engine.logits(initial_state(engine, opened.weights, opened.source), data)
    theirs, real = hugging_face_logits(model, data), data["targets"] > 0
    np.testing.assert_allclose(ours[real], theirs[real], rtol=2e-5, atol=2e-5 * np.abs(theirs).max())


def test_bfloat16_weights_are_read_as_they_are(tmp_path):
    model = hugging_face_model("t5-1.1").to(torch.bfloat16)
    model.save_pretrained(tmp_path / "half")
    opened = open_checkpoint(str(tmp_path / "half"))
    q = opened.weights["encoder/layer_000/SelfAttention/q"]
    assert q.dtype == "bfloat16"
    expected = model.encoder.block[0].layer[0].SelfAttention.q.weight.detach().float().numpy().T
    np.testing.assert_array_equal(q.float32(), expected)
    write_folder(
        Export(
            model=Architecture.of(opened.config),
            weights=opened.weights,
            vocabulary=ByteVocabulary(0),
            dtype="bfloat16",
        ),
        str(tmp_path / "again"),
    )
    again = transformers.AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "again", dtype="auto")
    assert again.dtype == torch.bfloat16
    assert all(torch.equal(again.state_dict()[name], value) for name, value in model.state_dict().items())


def test_sharded_folders_are_read(tmp_path):
    _, whole = saved(tmp_path, name="whole")
    _, sharded = saved(tmp_path, name="sharded", max_shard_size="20KB")
    assert (sharded / "model.safetensors.index.json").exists()
    one, many = (arrays_of(open_checkpoint(str(folder)).weights) for folder in (whole, sharded))
    assert one.keys() == many.keys()
    assert all(np.array_equal(one[name], many[name]) for name in one)


def test_version_5_says_tied_and_means_unscaled(tmp_path):
    """transformers 5 writes tie_word_embeddings true for every T5, and scale_decoder_outputs false for T5 1.1."""
    _, folder = saved(tmp_path, "t5-1.1")
    config = json.loads((folder / "config.json").read_text())
    config |= {"tie_word_embeddings": True, "scale_decoder_outputs": False, "transformers_version": "5.24.0"}
    config.pop("decoder_start_token_id")
    (folder / "config.json").write_text(json.dumps(config))
    assert not open_checkpoint(str(folder)).config.tied_embeddings


@pytest.mark.parametrize("said", [{"scale_decoder_outputs": False}, {"model_type": "mt5"}])
def test_an_output_layer_that_is_the_embedding_and_not_scaled_is_read_as_one_of_its_own(tmp_path, said):
    """transformers 5 writes such folders; to version 4 the output layer is a weight that is missing."""
    _, folder = saved(tmp_path, "t5-1.1")
    edit(folder, lambda tensors: tensors.pop("lm_head.weight"))
    config = json.loads((folder / "config.json").read_text())
    if config["transformers_version"].startswith("4"):
        with pytest.raises(ValueError, match=r"lacks lm_head.weight: it is incomplete"):
            open_checkpoint(str(folder))
    config |= {"tie_word_embeddings": True, "transformers_version": "5.24.0", **said}
    (folder / "config.json").write_text(json.dumps(config))
    opened = open_checkpoint(str(folder))
    assert not opened.config.tied_embeddings
    np.testing.assert_array_equal(
        opened.weights["decoder/logits/kernel"].read(), opened.weights["shared/embedding"].read().T
    )


def edit(folder, change):
    from safetensors.numpy import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def test_wrong_weights_are_one_line_that_names_them(tmp_path):
    name = "encoder.block.1.layer.0.SelfAttention.q.weight"
    _, folder = saved(tmp_path)
    edit(folder, lambda tensors: tensors.update({name: tensors[name][:-1].copy()}))
    with pytest.raises(ValueError, match=rf"{name} has shape \[31, 32\], and by its config it must have \[32, 32\]"):
        open_checkpoint(str(folder))
    edit(folder, lambda tensors: tensors.pop(name))
    with pytest.raises(ValueError, match=f"lacks {name}"):
        open_checkpoint(str(folder))
    _, folder = saved(tmp_path, name="other")
    edit(folder, lambda tensors: tensors.update({"encoder.adapter.weight": np.zeros(3, np.float32)}))
    with pytest.raises(ValueError, match=r"has encoder.adapter.weight, which the model has no place for"):
        open_checkpoint(str(folder))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model_type": "bart"}, "model_type is 'bart'"),
        ({"feed_forward_proj": "gelu"}, "feed_forward_proj is 'gelu'"),
        ({"relative_attention_max_distance": 8}, "T5Config.relative_attention_max_distance"),
        ({"layer_norm_epsilon": 1e-5}, "layer_norm_epsilon is 1e-05"),
        ({"decoder_start_token_id": 5}, "decoder_start_token_id is 5"),
        ({"num_layers": "2"}, "num_layers is '2'"),
        ({"d_model": -1}, "d_model is -1"),
        ({"vocab_size": 300}, "no multiple of 128"),
        ({"quantization_config": {}}, "quantized"),
    ],
)
def test_configs_of_other_models_are_refused_by_name(tmp_path, change, said):
    _, folder = saved(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **change}))
    with pytest.raises(ValueError, match=said):
        open_checkpoint(str(folder))


def test_pickles_are_never_read(tmp_path):
    model, folder = saved(tmp_path)
    (folder / "model.safetensors").unlink()
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    with pytest.raises(ValueError, match=r"pytorch_model.bin, a pickle.*safetensors alone"):
        open_checkpoint(str(folder))


def test_an_index_that_leaves_its_folder_is_refused(tmp_path):
    _, folder = saved(tmp_path, max_shard_size="20KB")
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    outside = tmp_path / "outside.safetensors"
    outside.write_bytes((folder / index["weight_map"]["shared.weight"]).read_bytes())
    for name in ("../outside.safetensors", str(outside), ".."):
        changed = {**index, "weight_map": {**index["weight_map"], "shared.weight": name}}
        (folder / "model.safetensors.index.json").write_text(json.dumps(changed))
        with pytest.raises(ValueError, match="no plain name"):
            open_checkpoint(str(folder))
    (folder / "linked.safetensors").symlink_to(outside)
    changed = {**index, "weight_map": {**index["weight_map"], "shared.weight": "linked.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(changed))
    with pytest.raises(ValueError, match="is a link"):
        open_checkpoint(str(folder))


def test_a_cut_file_is_refused(tmp_path):
    _, folder = saved(tmp_path)
    data = (folder / "model.safetensors").read_bytes()
    for size in (0, 7, 100, len(data) // 2, len(data) - 1):
        (folder / "model.safetensors").write_bytes(data[:size])
        with pytest.raises(ValueError, match="not a whole safetensors file"):
            open_checkpoint(str(folder))


def test_an_export_that_fails_leaves_nothing(tmp_path):
    _, folder = saved(tmp_path)
    opened = open_checkpoint(str(folder))

    def fail():
        raise OSError("the disk is full")

    weights = {**opened.weights}
    first = weights["shared/embedding"]
    weights["shared/embedding"] = LazyArray(first.shape, "float32", fail)
    export = Export(model=Architecture.of(opened.config), weights=weights, vocabulary=ByteVocabulary(0))
    with pytest.raises(OSError, match="the disk is full"):
        write_folder(export, str(tmp_path / "out"))
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["theirs"]
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("precious")
    with pytest.raises(ValueError, match="holds something already"):
        write_folder(export, str(tmp_path / "out"))
    assert (tmp_path / "out" / "mine.txt").read_text() == "precious"

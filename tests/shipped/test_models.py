"""The files of gin/models: each is the published model, counted by fixed numbers, by transformers and by the engine."""

import dataclasses

import pytest

from t5mix.mesh.interop.sizes import ModelSize
from t5mix.mesh.layouts import MeshConfig
from t5mix.mesh.t5.config import ARCHITECTURES
from t5mix.runs.config import binding
from t5mix.runs.config.shipped_models import shipped_models

MODELS = {model.gin_file.removeprefix("models/").removesuffix(".gin"): model for model in shipped_models()}

# Parameters of the checkpoints as they are published.
PUBLISHED = {
    "t5_1_0/small": 60_506_624,
    "t5_1_0/base": 222_903_552,
    "t5_1_0/large": 737_668_096,
    "t5_1_0/3b": 2_851_598_336,
    "t5_1_0/11b": 11_307_321_344,
    "t5_1_1/small": 76_961_152,
    "t5_1_1/base": 247_577_856,
    "t5_1_1/large": 783_150_080,
    "t5_1_1/xl": 2_849_757_184,
    "t5_1_1/xxl": 11_135_332_352,
    "mt5/small": 300_176_768,
    "mt5/base": 582_401_280,
    "mt5/large": 1_229_581_312,
    "mt5/xl": 3_742_619_648,
    "mt5/xxl": 12_921_057_280,
    "byt5/small": 299_637_760,
    "byt5/base": 581_653_248,
    "byt5/large": 1_228_183_552,
    "byt5/xl": 3_737_801_728,
    "byt5/xxl": 12_906_899_328,
    "umt5/small": 306_601_984,
    "umt5/base": 592_043_520,
    "umt5/xl": 3_768_356_864,
    "umt5/xxl": 12_972_531_712,
}


def test_all_sizes_of_each_family_are_there():
    assert set(MODELS) == {*PUBLISHED, "tiny", "mini", "small"}
    assert [name for name in MODELS if name.startswith("t5_1_0/")] == [n for n in PUBLISHED if n.startswith("t5_1_0/")]


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_are_those_published(name):
    assert ModelSize.of(MODELS[name].config).parameters == PUBLISHED[name]


@pytest.mark.parametrize("name", PUBLISHED)
def test_transformers_counts_the_same(name):
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    config, kind = MODELS[name].config, {"umt5": "UMT5", "mt5": "MT5"}.get(name.split("/")[0], "T5")
    settings = getattr(transformers, f"{kind}Config")(
        vocab_size=config.vocab_size,
        d_model=config.d_model,
        d_ff=config.d_ff,
        d_kv=config.d_kv,
        num_heads=config.num_heads,
        num_layers=config.num_encoder_layers,
        num_decoder_layers=config.num_decoder_layers,
        feed_forward_proj="relu" if len(config.activations) == 1 else "gated-gelu",
        tie_word_embeddings=config.tied_embeddings,
    )
    with torch.device("meta"):
        model = getattr(transformers, f"{kind}ForConditionalGeneration")(settings)
    names = {"encoder.embed_tokens.weight", "decoder.embed_tokens.weight"}  # copies
    if config.tied_embeddings:
        names.add("lm_head.weight")
    count = sum(p.numel() for name, p in model.named_parameters(remove_duplicate=False) if name not in names)
    assert count == PUBLISHED[name]


@pytest.mark.slow
def test_the_engine_counts_the_same():
    """By shapes alone: no array is made, so the largest takes no more memory than the smallest."""
    from t5mix.mesh.engine import Engine

    for name in ("t5_1_0/11b", "t5_1_1/small", "byt5/base", "umt5/xxl"):
        engine = Engine(MODELS[name].config, MeshConfig(), batch_size=1, lengths={"inputs": 8, "targets": 8})
        assert engine.num_parameters == PUBLISHED[name]


@pytest.mark.parametrize("architecture", [name for name in ARCHITECTURES if name != "encoder_decoder"])
def test_every_architecture_has_a_file_that_changes_any_model(architecture):
    for model in ("models/tiny.gin", "models/t5_1_1/base.gin"):
        files = ["runs/offline.gin", model, f"architectures/{architecture}.gin"]
        bound = binding.bind(files, ["T5Config.vocab_size = 300"]).run.model
        assert bound.architecture == architecture
        alone = dataclasses.replace(bound, architecture="encoder_decoder", num_encoder_layers=bound.num_decoder_layers)
        assert ModelSize.of(bound).parameters < ModelSize.of(alone).parameters

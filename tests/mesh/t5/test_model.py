"""The model against Hugging Face's T5, with the same random weights: an independent implementation."""

import numpy as np
import pytest

from t5mix.mesh.engine import Engine
from t5mix.mesh.layouts import MeshConfig
from tests.mesh.small import BATCH, LENGTHS, batch, config

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

_PARTS = {
    "encoder": [("SelfAttention", ("SelfAttention",)), ("DenseReluDense", ())],
    "decoder": [
        ("SelfAttention", ("SelfAttention",)),
        ("EncDecAttention", ("EncDecAttention",)),
        ("DenseReluDense", ()),
    ],
}


def hugging_face(model, state):
    """A T5ForConditionalGeneration with the weights of `state`."""
    gated = len(model.activations) > 1
    settings = transformers.T5Config(
        vocab_size=model.padded_vocab_size,
        d_model=model.d_model,
        d_kv=model.d_kv,
        d_ff=model.d_ff,
        num_layers=model.num_encoder_layers,
        num_decoder_layers=model.num_decoder_layers,
        num_heads=model.num_heads,
        feed_forward_proj="gated-gelu" if gated else "relu",
        tie_word_embeddings=model.tied_embeddings,
        dropout_rate=0.0,
        decoder_start_token_id=0,
        pad_token_id=0,
        eos_token_id=1,
    )
    theirs = transformers.T5ForConditionalGeneration(settings).eval()
    if not model.tied_embeddings:  # transformers 5 makes every output layer the embedding
        theirs.lm_head.weight = torch.nn.Parameter(torch.zeros_like(theirs.lm_head.weight))
    weights = {"shared.weight": state["shared/embedding"]}
    weights["lm_head.weight"] = state["shared/embedding"] if model.tied_embeddings else state["decoder/logits/kernel"].T
    for stack, parts in _PARTS.items():
        weights[f"{stack}.embed_tokens.weight"] = state["shared/embedding"]
        weights[f"{stack}.final_layer_norm.weight"] = state[f"{stack}/rms_norm/scale"]
        for block in range(model.num_encoder_layers if stack == "encoder" else model.num_decoder_layers):
            for number, (part, _) in enumerate(parts):
                ours = f"{stack}/layer_{block * len(parts) + number:03d}"
                there = f"{stack}.block.{block}.layer.{number}"
                weights[f"{there}.layer_norm.weight"] = state[f"{ours}/rms_norm/scale"]
                if part == "DenseReluDense":
                    names = {"wi_0": "wi_0", "wi_1": "wi_1", "wo": "wo"} if gated else {"wi": "wi", "wo": "wo"}
                    for mine, its in names.items():
                        weights[f"{there}.DenseReluDense.{its}.weight"] = state[f"{ours}/{part}/{mine}/kernel"].T
                else:
                    for name in "qkvo":
                        weights[f"{there}.{part}.{name}.weight"] = state[f"{ours}/{part}/{name}"].T
                if block == 0 and part == "SelfAttention":
                    bias = state[f"{ours}/{part}/relative_attention_bias"].T
                    weights[f"{there}.{part}.relative_attention_bias.weight"] = bias
    theirs.load_state_dict({name: torch.tensor(np.array(value)) for name, value in weights.items()})
    return theirs


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="t5-1.0"),
        pytest.param({"activations": ("gelu", "linear"), "tied_embeddings": False}, id="t5-1.1"),
        pytest.param({"num_decoder_layers": 2, "block_loop": "kept"}, id="t5-1.0-looped"),
    ],
)
def test_logits_and_greedy_decoding_equal_hugging_face(changes):
    model = config(**{"num_encoder_layers": 2, "num_decoder_layers": 1, **changes})
    engine = Engine(model, MeshConfig(), batch_size=BATCH, lengths=LENGTHS)
    state = engine.initialize(seed=7)
    if not model.tied_embeddings:  # so that some rows come to an end; a tied model repeats its first input
        state["decoder/logits/kernel"] = state["decoder/logits/kernel"].at[:, 1].multiply(4.0)
    theirs = hugging_face(model, state)
    data = batch(1)
    inputs = data["inputs"] * (data["inputs_segment_ids"] == 1)
    one = {
        "inputs": inputs,
        "targets": data["targets"],
        "inputs_segment_ids": np.minimum(inputs, 1),
        "targets_segment_ids": np.ones_like(data["targets"]),
    }
    mask = torch.tensor(one["inputs_segment_ids"])
    shifted = np.concatenate([np.zeros((BATCH, 1), np.int32), data["targets"][:, :-1]], axis=1)
    with torch.no_grad():
        expected = theirs(
            input_ids=torch.tensor(inputs), attention_mask=mask, decoder_input_ids=torch.tensor(shifted)
        ).logits.numpy()
        generated = theirs.generate(
            input_ids=torch.tensor(inputs), attention_mask=mask, max_new_tokens=LENGTHS["targets"], num_beams=1
        )[:, 1:].numpy()
    np.testing.assert_allclose(engine.logits(state, one), expected, rtol=2e-4, atol=2e-4)
    decoded = engine.greedy_decode(state, inputs)
    np.testing.assert_array_equal(decoded[:, : generated.shape[1]], generated)
    assert not decoded[:, generated.shape[1] :].any()
    if not model.tied_embeddings:
        ended = (decoded == 1).any(axis=1)
        assert ended.any() and not ended.all() and len(np.unique(decoded)) > 5

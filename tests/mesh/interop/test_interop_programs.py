"""Programs for others: a SavedModel that TensorFlow runs, and StableHLO that JAX alone runs."""

import shutil
import subprocess
import sys

import numpy as np
import pytest
import sentencepiece
import tensorflow as tf

from t5mix.mesh.decoding.settings import Decoding
from t5mix.mesh.engine import Engine, jax
from t5mix.mesh.interop.engine_state import weights_of_state
from t5mix.mesh.interop.saved_model import write_saved_model
from t5mix.mesh.interop.stablehlo import write_stablehlo
from t5mix.mesh.layouts import MeshConfig
from t5mix.mesh.optimizers.step_config import StepConfig
from t5mix.mesh.t5.config import T5Config
from t5mix.mesh.t5.fine_tuning.settings import adapters
from t5mix.vocabularies.byte_level import ByteVocabulary
from t5mix.vocabularies.sentence_piece import SentencePieceVocabulary
from t5mix.vocabularies.unigram import UnigramVocabulary

LENGTHS = {"inputs": 12, "targets": 8}
BATCH = 2
CONFIG = T5Config(
    vocab_size=384,
    d_model=16,
    d_ff=24,
    num_heads=2,
    d_kv=8,
    num_encoder_layers=1,
    num_decoder_layers=1,
    tied_embeddings=False,
)
VOCABULARY = ByteVocabulary(125)


@pytest.fixture(scope="module")
def engine():
    return Engine(CONFIG, MeshConfig(), batch_size=BATCH, lengths=LENGTHS)


@pytest.fixture(scope="module")
def state(engine):
    state = engine.initialize(seed=1)
    state["decoder/logits/kernel"] = state["decoder/logits/kernel"] * 3  # so that outputs vary
    return state


@pytest.fixture(scope="module")
def pieces(tmp_path_factory):
    """A vocabulary of SentencePiece's, with two extra ids."""
    folder = tmp_path_factory.mktemp("pieces")
    (folder / "text.txt").write_text("hello there, a text that is too long by far\n" * 50)
    special = {"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1}
    sentencepiece.SentencePieceTrainer.train(
        input=str(folder / "text.txt"),
        model_prefix=str(folder / "m"),
        vocab_size=40,
        hard_vocab_limit=False,
        minloglevel=2,
        num_threads=1,
        **special,
    )
    return SentencePieceVocabulary(folder / "m.model", 2)


def encoded(texts, vocabulary=VOCABULARY):
    rows = [[*vocabulary.encode(text)[: LENGTHS["inputs"] - 1], 1] for text in texts]
    return np.array([row + [0] * (LENGTHS["inputs"] - len(row)) for row in rows], np.int32)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["bytes", "pieces"])
def test_a_saved_model_answers_texts_as_the_engine_does(tmp_path, engine, state, kind, pieces):
    vocabulary = VOCABULARY if kind == "bytes" else pieces
    both = {"inputs": vocabulary, "targets": vocabulary}
    weights = weights_of_state(engine, state)
    write_saved_model(str(tmp_path / "model"), CONFIG, weights, both, lengths=LENGTHS, batch_size=BATCH)
    texts = ["hello", "a text that is too long by far", "é", "", "x"]
    ids = encoded([*texts, "to fill up"], vocabulary)
    rows = [row for at in range(0, len(ids), BATCH) for row in engine.greedy_decode(state, ids[at : at + BATCH])]
    expected = [vocabulary.decode(row.tolist()) for row in rows][: len(texts)]
    assert len(set(expected)) > 1 or kind == "pieces"  # most ids are of no piece
    shutil.move(tmp_path / "model", tmp_path / "moved")  # nothing outside of it is needed
    answer = tf.saved_model.load(str(tmp_path / "moved")).signatures["serving_default"]
    assert [text.decode() for text in answer(tf.constant(texts))["outputs"].numpy()] == expected
    assert answer(tf.constant([], tf.string))["outputs"].shape == (0,)
    with pytest.raises(ValueError, match="holds something already"):
        write_saved_model(str(tmp_path / "moved"), CONFIG, weights, both, lengths=LENGTHS)


@pytest.mark.slow
def test_a_saved_model_decodes_by_beams_and_has_what_came_to_the_weights(tmp_path):
    trained, decoding = adapters(inner_size=4), Decoding(beams=3)
    engine = Engine(CONFIG, MeshConfig(), batch_size=BATCH, lengths=LENGTHS, step=StepConfig(trained=trained))
    state = engine.initialize(seed=1)
    for name in state:  # those of adapters are 0 at first
        if name.endswith("adapter/wo/kernel") or name == "decoder/logits/kernel":
            state[name] = jax.random.normal(jax.random.key(2), state[name].shape)
    weights, both = weights_of_state(engine, state), {"inputs": VOCABULARY, "targets": VOCABULARY}
    given = {"lengths": LENGTHS, "batch_size": BATCH, "decoding": decoding, "trained": trained}
    write_saved_model(str(tmp_path / "model"), CONFIG, weights, both, **given)
    texts = ["hello", "é", "x"]
    ids = encoded([*texts, ""])
    rows = [row[0] for at in (0, BATCH) for row in engine.decode(state, ids[at : at + BATCH], decoding).ids]
    answer = tf.saved_model.load(str(tmp_path / "model")).signatures["serving_default"]
    expected = [VOCABULARY.decode(row.tolist()) for row in rows][: len(texts)]
    assert [text.decode() for text in answer(tf.constant(texts))["outputs"].numpy()] == expected


def test_other_vocabularies_do_not_go_into_a_saved_model(tmp_path, engine, state):
    words = {"inputs": UnigramVocabulary(["a"]), "targets": VOCABULARY}
    with pytest.raises(ValueError, match="does not go into a SavedModel"):
        write_saved_model(str(tmp_path / "m"), CONFIG, weights_of_state(engine, state), words, lengths=LENGTHS)
    assert not list(tmp_path.iterdir())


# Around what the README says: nothing but JAX and NumPy may be imported, and the results are kept.
BEFORE = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("t5mix", "tensorflow", "torch", "mesh_tensorflow", "transformers"):
            raise ImportError(name)
sys.meta_path.insert(0, Refuse())
"""
BEHIND = """
for result, said in zip(results, signature["results"].values(), strict=True):
    assert list(result.shape) == said["shape"] and str(result.dtype) == said["dtype"]
np.savez("results.npz", *results)
"""


def alone(readme: str) -> str:
    """The README's program, with the inputs of the test."""
    block = readme.partition("```python\n")[2].partition("```")[0]
    lines = block.splitlines()
    (given,) = (number for number, line in enumerate(lines) if line.startswith("given = "))
    lines[given] = 'given = dict(np.load("given.npz", allow_pickle=False))'
    return "\n".join([BEFORE, *lines, BEHIND])


SAMPLES = Decoding(temperature=0.7, top_k=20, best=2, seed=5)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["greedy_decode", "decode", "score", "train_step"])
def test_jax_alone_runs_a_program(tmp_path, engine, state, name):
    folder = tmp_path / "program"
    settings = {"lengths": LENGTHS, "batch_size": BATCH, "decoding": SAMPLES}
    write_stablehlo(str(folder), CONFIG, weights_of_state(engine, state), name, **settings)
    inputs = encoded(["hello", "there"])
    targets = np.array([[5, 6, 1, 0, 0, 0, 0, 0], [9, 8, 7, 6, 5, 4, 3, 1]], np.int32)
    batch = {
        "inputs": inputs,
        "targets": targets,
        "inputs_segment_ids": np.minimum(inputs, 1),
        "targets_segment_ids": np.minimum(targets, 1),
        "targets_task": np.zeros_like(targets),
    }
    given = {
        **batch,
        "learning_rate_and_decay_rate": np.array([0.01, 0.9], np.float32),
        "seed_and_step": np.array([4, 1], np.uint32),
        "numbers": np.arange(BATCH, dtype=np.int32),
        "seed_and_0": np.array([SAMPLES.seed, 0], np.uint32),
    }
    np.savez(folder / "given.npz", **given)
    program = alone((folder / "README.md").read_text(encoding="utf-8"))
    subprocess.run([sys.executable, "-c", program], cwd=folder, check=True, timeout=300)
    results = np.load(folder / "results.npz")
    if name == "greedy_decode":
        ids = np.array(results["arr_0"])
        ids[np.cumsum(ids == 1, axis=1) - (ids == 1) > 0] = 0  # what follows EOS means nothing
        np.testing.assert_array_equal(ids, engine.greedy_decode(state, inputs))
    elif name == "decode":
        answers = engine.decode(state, inputs, SAMPLES)
        np.testing.assert_array_equal(results["arr_0"], answers.ids)
        np.testing.assert_allclose(results["arr_1"], answers.scores, rtol=1e-5)
    elif name == "score":
        np.testing.assert_allclose(results["arr_0"], engine.score(state, batch), rtol=1e-6)
    else:
        copy = {variable.name: np.zeros(variable.shape, np.float32) for variable in engine.variables}
        copy |= {name: np.array(value) for name, value in state.items() if "_slot_" not in name}
        placed = engine_state(engine, copy)
        new, metrics = engine.train_step(placed, batch, learning_rate=0.01, decay_rate=0.9, step=0, seed=4)
        assert float(results["arr_0"]) == pytest.approx(float(metrics.loss), rel=1e-6)
        for number, variable in enumerate(engine.variables, 4):
            np.testing.assert_allclose(results[f"arr_{number}"], new[variable.name], rtol=1e-5, atol=1e-6)


def engine_state(engine, arrays):
    import jax

    shardings = engine.shardings()
    return {name: jax.device_put(value, shardings[name]) for name, value in arrays.items()}


def test_there_are_no_other_programs(tmp_path, engine, state):
    with pytest.raises(ValueError, match="no program 'beam': choose from"):
        write_stablehlo(str(tmp_path / "p"), CONFIG, weights_of_state(engine, state), "beam", lengths=LENGTHS)

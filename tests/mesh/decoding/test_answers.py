"""Answers of the engine: scores that the model's own pass gives again, and nothing that depends on batch or mesh."""

import functools
import math
from collections.abc import Iterator

import numpy as np
import pytest

from t5mix.mesh.compiling.costs.hlo_text import Instruction, parse_module
from t5mix.mesh.compiling.costs.program_costs import COLLECTIVES
from t5mix.mesh.compiling.costs.replica_groups import first_group, pairs
from t5mix.mesh.decoding.settings import Decoding
from t5mix.mesh.engine import Engine
from t5mix.mesh.layouts import MeshConfig
from t5mix.mesh.mesh_tensorflow import tf
from t5mix.mesh.programs import Programs
from tests.mesh.small import LENGTHS, config

MODEL = config(activations=("gelu", "linear"), tied_embeddings=False, vocab_size=256)
ROWS = 8
KINDS = {
    "greedy": Decoding(),
    "beams": Decoding(beams=3, best=3),
    "beams of transformers": Decoding(beams=3, best=2, rules="transformers", length_penalty=1.0),
    "samples": Decoding(temperature=1.3, top_k=30, top_p=0.9, best=2, seed=5),
}


def engine(shape: str = "batch:1", rows: int = ROWS) -> Engine:
    return Engine(MODEL, MeshConfig(shape=shape), batch_size=rows, lengths=LENGTHS)


def with_ends(on: Engine):
    """Weights whose answers are of many lengths."""
    state = on.initialize(seed=7)
    state["decoder/logits/kernel"] = state["decoder/logits/kernel"].at[:, 1].multiply(4.0)
    return state


@pytest.fixture(scope="module")
def single() -> Engine:
    return engine()


@pytest.fixture(scope="module")
def state(single):
    return with_ends(single)


def inputs(rows: int = ROWS) -> np.ndarray:
    rng = np.random.default_rng(1)
    ids = rng.integers(2, 256, (rows, LENGTHS["inputs"])).astype(np.int32)
    for row, size in enumerate(rng.integers(1, LENGTHS["inputs"] + 1, rows)):
        ids[row, size - 1 :] = 0
        ids[row, size - 1] = 1
    return ids


@pytest.mark.parametrize(("shape", "loops"), [("batch:1", 3), ("batch:1;model:2", 3), ("model:2", 3), ("batch:2", 1)])
def test_rows_that_ended_are_left_out_unless_a_mesh_splits_the_rows(shape, loops):
    programs = Programs(MODEL, MeshConfig(shape=shape), 32, LENGTHS, 1)
    shapes = [((32, LENGTHS["inputs"]), tf.int32), ((32,), tf.int32), ((2,), tf.uint32)]
    shapes += [(variable.shape, tf.float32) for variable in programs.arrays.weights]
    traced = tf.function(functools.partial(programs.decode, Decoding()), autograph=False)
    operations = traced.get_concrete_function(*(tf.TensorSpec(*each) for each in shapes)).graph.get_operations()
    assert sum("While" in operation.type for operation in operations) == loops


def likelihood(on: Engine, state, ids: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """What the model's pass over whole targets says."""
    ended = np.cumsum(answers == 1, axis=1) - (answers == 1) > 0
    row = {"inputs": ids, "targets": answers, "inputs_segment_ids": np.minimum(ids, 1)}
    return on.score(state, row | {"targets_segment_ids": (~ended).astype(np.int32)})


@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_the_log_likelihood_of_the_answers(single, state, kind):
    decoding = KINDS[kind]
    answers = single.decode(state, inputs(), decoding)
    assert answers.ids.shape == (ROWS, decoding.best, LENGTHS["targets"])
    assert (np.diff(answers.scores, axis=1) <= 0).all()
    assert len({tuple(row) for row in answers.ids.reshape(-1, LENGTHS["targets"]).tolist()}) > ROWS // 2
    for number in range(decoding.best):
        ids = answers.ids[:, number]
        ended = (ids == 1).any(axis=1)
        length = np.where(ended, (ids == 1).argmax(axis=1) + 1, LENGTHS["targets"])
        divisor = np.ones(ROWS)
        if decoding.beams > 1:
            divisor = ((5 + length) / 6 if decoding.rules == "t5" else length) ** decoding.length_penalty
        expected = likelihood(single, state, inputs(), ids) / divisor
        np.testing.assert_allclose(answers.scores[:, number], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_does_not_depend_on_order_and_size_of_the_batch(single, state, kind):
    """Samples belong to an input by its number."""
    whole = single.decode(state, inputs(), KINDS[kind])
    order = np.random.default_rng(0).permutation(ROWS)
    mixed = single.decode(state, inputs()[order], KINDS[kind], order)
    np.testing.assert_array_equal(mixed.ids, whole.ids[order])
    few = engine(rows=2)
    part = few.decode(state, inputs()[4:6], KINDS[kind], np.array([4, 5]))
    np.testing.assert_array_equal(part.ids, whole.ids[4:6])
    filled = single.decode(state, inputs(), KINDS[kind], np.array([0, 1, 2, *[-1] * 5]))
    np.testing.assert_array_equal(filled.ids[:3], whole.ids[:3])


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", ["batch:2", "model:2", "batch:2;model:2"])
def test_answers_are_the_same_on_every_mesh(single, state, shape, kind):
    expected = single.decode(state, inputs(), KINDS[kind])
    other = engine(shape)
    found = other.decode(with_ends(other), inputs(), KINDS[kind])
    np.testing.assert_array_equal(found.ids, expected.ids)
    np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-4)


def test_a_state_whose_weights_are_set_decodes_by_the_new_ones(single):
    changed = with_ends(single)
    before = single.greedy_decode(changed, inputs())
    changed["decoder/logits/kernel"] = changed["decoder/logits/kernel"].at[:, 1].multiply(100.0)
    after = single.greedy_decode(changed, inputs())
    np.testing.assert_array_equal(after, single.greedy_decode(dict(changed), inputs()))
    assert (after != before).any()


def test_other_seeds_and_numbers_draw_other_samples(single, state):
    kinds = [Decoding(temperature=1.5, seed=seed) for seed in (0, 1)]
    same = np.repeat(inputs()[:1], ROWS, axis=0)
    one, other = (single.decode(state, same, kind).ids for kind in kinds)
    assert len({tuple(row) for row in one[:, 0].tolist()}) > ROWS // 2
    assert (one != other).any(axis=2).mean() > 0.5
    np.testing.assert_array_equal(single.decode(state, same, kinds[0]).ids, one)


def test_sampling_at_a_temperature_near_0_and_top_k_1_are_greedy_decoding(single, state):
    expected = single.greedy_decode(state, inputs())
    for settings in ({"temperature": 1e-5}, {"temperature": 1.0, "top_k": 1}):
        np.testing.assert_array_equal(single.decode(state, inputs(), Decoding(**settings)).ids[:, 0], expected)


def test_more_beams_than_tokens_are_refused_before_anything_is_compiled(single, state):
    with pytest.raises(ValueError, match=r"Decoding.beams is 129: with 256 tokens it can be 128 at most"):
        single.decode(state, inputs(), Decoding(beams=129))


@pytest.mark.parametrize(
    ("kind", "changes"),
    [("greedy", {}), ("beams", {"architecture": "prefix_lm", "num_encoder_layers": 0})],
    ids=["encoder-decoder", "decoder alone"],
)
def test_a_position_s_step_sends_a_token_s_activations_and_nothing_larger(kind, changes):
    """No caches, nothing of the inputs, no logits of a vocabulary; and nothing between parts of a batch."""
    model, mesh = config(**changes, vocab_size=512), MeshConfig(shape="batch:2;model:2")
    compiled = Engine(model, mesh, batch_size=ROWS, lengths=LENGTHS).compile_decode(KINDS[kind])
    sent = list(collectives_of_loops(compiled.as_text()))
    numbers = ROWS // 2 * KINDS[kind].width * model.d_model
    assert sent and not [one for one in sent if size_of(one) > numbers]
    assert not [one for one in sent if "all-gather" in one.opcode and size_of(one) > numbers // 2]
    assert {tuple(cores) for one in sent for cores in groups(one)} <= {(0, 1), (1, 0), (2, 3), (3, 2)}


def collectives_of_loops(text: str) -> Iterator[Instruction]:
    """What the devices tell each other in the bodies of a program's loops; conditions are left out."""
    module = parse_module(text)

    def within(name: str) -> Iterator[Instruction]:
        for one in module.computations[name].instructions.values():
            if one.opcode.removesuffix("-start") in COLLECTIVES:
                yield one
            elif one.opcode in ("while", "fusion", "call", "conditional"):
                yield from (inner for each in one.called for inner in within(each))

    for computation in module.computations.values():
        for one in computation.instructions.values():
            if one.opcode == "while":
                yield from (inner for each in one.called for inner in within(each))


def size_of(one: Instruction) -> int:
    return sum(math.prod(shape.dims) for shape in one.shapes)


def groups(one: Instruction) -> list[list[int]]:
    """The first group of devices, or all pairs of a permutation."""
    return pairs(one.rest) if "permute" in one.opcode else [first_group(one.rest, 4)]

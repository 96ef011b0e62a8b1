"""Greedy decoding and sampling: every answer by itself, the samples of an input side by side."""

from t5mix.mesh.decoding.likeliest import likeliest, log_likelihood
from t5mix.mesh.decoding.loop import decode_rows
from t5mix.mesh.decoding.random_choice import choose
from t5mix.mesh.decoding.settings import Decoding
from t5mix.mesh.decoding.steps import EOS_ID, PAD_ID, Steps, Tensors, own_slots, written
from t5mix.mesh.mesh_tensorflow import tf


def decode_one_by_one(
    steps: Steps, inputs: tf.Tensor, numbers: tf.Tensor, key: tf.Tensor, decoding: Decoding, loops: list[int]
) -> tuple[tf.Tensor, tf.Tensor]:
    """Takes the likeliest token, or draws one, again and again.

    Args:
        steps: of the model.
        inputs: int32 [rows, inputs length], padded with 0.
        numbers: int32 [rows], of the inputs; samples depend on them. A row with a negative one is not decoded.
        key: uint32 [2], of the seed.
        decoding: the settings.
        loops: rows of each loop.

    Returns:
        (ids, int32 [rows, width, length], EOS kept and 0 behind it; log-likelihood of each, float32 [rows, width]).
        Samples come with the likeliest first.
    """
    memory, caches = steps.start(inputs)
    shape = [inputs.shape[0], steps.width]
    nothing = numbers < 0
    state = {
        "done": nothing,
        "ended": tf.broadcast_to(nothing[:, None], shape),
        "numbers": numbers,
        "last": tf.zeros(shape, tf.int32),
        "ids": tf.zeros([*shape, steps.length], tf.int32),
        "scores": tf.zeros(shape, tf.float32),
        "caches": dict(caches),
    }

    def body(position: tf.Tensor, state: Tensors, memory: Tensors) -> Tensors:
        own = own_slots(position, steps.width, steps.length)
        own = tf.broadcast_to(own, [state["last"].shape[0], *own.shape])
        logits, caches = steps.step(state["last"], position, own, memory, state["caches"])
        if decoding.temperature:
            chosen = choose(logits, decoding, key, state["numbers"], position, steps.split)
        else:
            chosen = likeliest(logits)
        ended = state["ended"]
        gained = tf.where(ended, 0.0, log_likelihood(logits, chosen))
        chosen = tf.where(ended, PAD_ID, chosen)
        ended = tf.logical_or(ended, tf.equal(chosen, EOS_ID))
        return {
            "done": tf.reduce_all(ended, axis=1),
            "ended": ended,
            "numbers": state["numbers"],
            "last": chosen,
            "ids": written(state["ids"], chosen[..., None], position, axis=2),
            "scores": state["scores"] + gained,
            "caches": dict(caches),
        }

    found = decode_rows(body, state, memory, ["ids", "scores"], length=steps.length, rows_of_loops=loops)
    if steps.width == 1:
        return found["ids"], found["scores"]
    order = tf.argsort(-found["scores"], axis=1, stable=True)
    return tf.gather(found["ids"], order, batch_dims=1), tf.gather(found["scores"], order, batch_dims=1)

"""How likely given targets are, several to an input: what rank classification asks (Brown et al. 2020, section 2.4).

The targets of an input are its sequences, side by side: the input is read once for all of them, as for beams.
"""

from t5mix.mesh.decoding.likeliest import log_likelihood
from t5mix.mesh.decoding.loop import decode_rows, sizes
from t5mix.mesh.decoding.steps import PAD_ID, Steps, Tensors, own_slots
from t5mix.mesh.mesh_tensorflow import tf


def target_scores(
    steps: Steps, inputs: tf.Tensor, numbers: tf.Tensor, targets: tf.Tensor, *, split: bool = False
) -> tuple[tf.Tensor]:
    """Returns the log-likelihood of each target given its input, in nats: (float32 [rows, width],).

    Args:
        steps: of the model: of `width` sequences, and as long as the targets.
        inputs: int32 [rows, inputs length], ending in EOS and padded with 0.
        numbers: int32 [rows]; a row with a negative one is left out, and its scores are 0.
        targets: int32 [rows, width, length], padded with 0; one of nothing else scores 0.
        split: whether a mesh splits the rows.
    """
    memory, caches = steps.start(inputs)
    last_real = tf.where(tf.equal(targets, PAD_ID), 0, tf.range(steps.length) + 1)
    lengths = tf.where(numbers[:, None] < 0, 0, tf.reduce_max(last_real, axis=2))
    state = {
        "done": tf.reduce_all(tf.equal(lengths, 0), axis=1),
        "last": tf.zeros_like(lengths),
        "scores": tf.zeros(lengths.shape, tf.float32),
        "caches": dict(caches),
    }

    def body(position: tf.Tensor, state: Tensors, memory: Tensors) -> Tensors:
        own = own_slots(position, steps.width, steps.length)
        own = tf.broadcast_to(own, [state["last"].shape[0], *own.shape])
        logits, caches = steps.step(state["last"], position, own, memory, state["caches"])
        here = tf.gather(memory["targets"], position, axis=2)
        gained = tf.where(position < memory["lengths"], log_likelihood(logits, here), 0.0)
        return {
            "done": tf.reduce_all(position + 1 >= memory["lengths"], axis=1),
            "last": here,
            "scores": state["scores"] + gained,
            "caches": dict(caches),
        }

    given = {**memory, "targets": targets, "lengths": lengths}
    loops = sizes(inputs.shape[0], steps.width, split=split)
    return (decode_rows(body, state, given, ["scores"], length=steps.length, rows_of_loops=loops)["scores"],)

"""Decoding as one function of inputs and weights."""

from t5mix.mesh.decoding import beams
from t5mix.mesh.decoding.loop import sizes
from t5mix.mesh.decoding.one_by_one import decode_one_by_one
from t5mix.mesh.decoding.settings import Decoding
from t5mix.mesh.decoding.steps import Steps
from t5mix.mesh.mesh_tensorflow import tf


def decode(
    steps: Steps, inputs: tf.Tensor, numbers: tf.Tensor, key: tf.Tensor, decoding: Decoding, *, split: bool = False
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the answers to each input, the best first: (int32 [rows, best, length], scores float32 [rows, best]).

    EOS is kept, and 0 follows it. The score of an answer is its log-likelihood; of one that beam search found, divided
    as `Decoding.rules` says.

    Args:
        steps: of the model, of `decoding.width` sequences.
        inputs: int32 [rows, inputs length], ending in EOS and padded with 0.
        numbers: int32 [rows], of the inputs: samples depend on them; a row with a negative one is not decoded.
        key: uint32 [2]: of the seed.
        decoding: the settings.
        split: whether a mesh splits the rows.
    """
    loops = sizes(inputs.shape[0], steps.width, split=split)
    if steps.width > 1 and not decoding.temperature:
        return beams.search(steps, inputs, numbers, decoding, loops)
    return decode_one_by_one(steps, inputs, numbers, key, decoding, loops)

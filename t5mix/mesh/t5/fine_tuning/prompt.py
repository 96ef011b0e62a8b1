"""A soft prompt (Lester et al. 2021, https://arxiv.org/abs/2104.08691): trained vectors before the encoder's inputs."""

from typing import TYPE_CHECKING, Any

import numpy as np

from t5mix.mesh.mesh_tensorflow import mtf, tf
from t5mix.mesh.t5.fine_tuning.selection import PROMPT
from t5mix.mesh.t5.fine_tuning.settings import Trained, prompt_tuning
from t5mix.mesh.t5.parameters import GetWeight, Initializer

if TYPE_CHECKING:
    from typing_extensions import TypeIs

# Lester et al. draw from the 5,000 commonest pieces; SentencePiece numbers pieces from the commonest on, after
# padding, EOS and the unknown piece.
_SPECIAL, _COMMON = 3, 5000


def with_prompt(vectors: Any, segments: Any, get: GetWeight, options: prompt_tuning) -> tuple[Any, Any]:
    """Puts the prompt before embedded inputs of one example a row.

    Args:
        vectors: [batch, length, d_model].
        segments: int32 [batch, length], 0 at padding.
        get: where the prompt's weight comes from.
        options: of the prompt.

    Returns:
        (vectors, segments) with length longer by the prompt's; a row that is padding alone stays padding.
    """
    batch, length, d_model = vectors.shape.dims
    count = mtf.Dimension("prompt", options.length)
    prompt = get(PROMPT, [count, d_model], Initializer("uniform", 0.5))
    longer = mtf.Dimension(length.name, options.length + length.size)

    def joined(prompt: tf.Tensor, vectors: tf.Tensor) -> tf.Tensor:
        return tf.concat([tf.broadcast_to(prompt, [batch.size, *prompt.shape]), vectors], 1)

    def gradient(operation: Any, dy: Any) -> list[Any]:
        def of_prompt(dy: tf.Tensor) -> tf.Tensor:
            return tf.cast(tf.reduce_sum(tf.cast(dy[:, : options.length], tf.float32), 0), dy.dtype)

        common: dict[str, Any] = {"output_dtype": dy.dtype, "splittable_dims": [], "grad_function": 0}
        return [
            mtf.slicewise(of_prompt, [dy], output_shape=prompt.shape, name="prompt_dw", **common),
            mtf.slicewise(lambda dy: dy[:, options.length :], [dy], output_shape=vectors.shape, **common),
        ]

    def real(segments: tf.Tensor) -> tf.Tensor:
        first = tf.broadcast_to(segments[:, :1], [batch.size, options.length])
        return tf.concat([first, segments], 1)

    return (
        mtf.slicewise(
            joined,
            [prompt, vectors],
            output_shape=mtf.Shape([batch, longer, d_model]),
            output_dtype=vectors.dtype,
            splittable_dims=[],
            grad_function=gradient,
            name="with_prompt",
        ),
        mtf.slicewise(
            real,
            [segments],
            output_shape=mtf.Shape([batch, longer]),
            output_dtype=tf.int32,
            splittable_dims=[],
            grad_function=0,
        ),
    )


def wants_words(trained: Trained) -> "TypeIs[prompt_tuning]":
    """Tells whether there is a prompt whose first values are embeddings of words."""
    return isinstance(trained, prompt_tuning) and trained.start == "vocabulary"


def prompt_from_vocabulary(embedding: np.ndarray, options: prompt_tuning, vocab_size: int, seed: int) -> np.ndarray:
    """Returns a prompt of word embeddings, [length, d_model] float32, drawn from the commonest pieces.

    Args:
        embedding: [padded vocabulary, d_model].
        options: of the prompt.
        vocab_size: ids that mean something.
        seed: which draw; pieces repeat only where there are fewer than the prompt is long.
    """
    common = np.arange(_SPECIAL, max(min(vocab_size, _COMMON + _SPECIAL), _SPECIAL + 1))
    random = np.random.default_rng([seed, options.length])
    ids = random.choice(common, options.length, replace=options.length > len(common))
    return np.ascontiguousarray(embedding[ids], np.float32)

"""A soft prompt (Lester et al. 2021, https://arxiv.org/abs/2104.08691): trained vectors before the encoder's inputs."""

from typing import Any

from t5mix.mesh.compiling.sums import SumOverBatch
from t5mix.mesh.mesh_tensorflow import mtf, tf
from t5mix.mesh.state import Initializer
from t5mix.mesh.t5.fine_tuning.selection import PROMPT
from t5mix.mesh.t5.fine_tuning.settings import prompt_tuning
from t5mix.mesh.t5.parameters import GetWeight


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
        def part(of: slice, shape: Any) -> Any:
            return mtf.slicewise(
                lambda dy: dy[:, of],
                [dy],
                output_shape=shape,
                output_dtype=dy.dtype,
                splittable_dims=[],
                grad_function=0,
            )

        of_prompt = mtf.to_float(part(slice(options.length), mtf.Shape([batch, *prompt.shape.dims])))
        return [
            mtf.cast(SumOverBatch(of_prompt).outputs[0], dy.dtype),
            part(slice(options.length, None), vectors.shape),
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

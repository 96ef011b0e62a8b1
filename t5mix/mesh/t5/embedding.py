"""Token ids to vectors by a gather, and vectors to logits when the output layer is tied."""

from typing import Any

from t5mix.mesh.mesh_tensorflow import mtf, tf
from t5mix.mesh.state import Initializer
from t5mix.mesh.t5.parameters import Scope


class Embedding:
    """The embedding that encoder and decoder share.

    Upstream multiplies by a one-hot matrix: 2 * tokens * vocab * d_model FLOPs in each direction that a gather and
    its scatter do not spend.
    """

    def __init__(self, scope: Scope, vocab: Any, d_model: Any):
        """Makes (or finds) the weight `embedding` [vocab, d_model]."""
        self._vocab, self._d_model = vocab, d_model
        self._weights = scope.weight("embedding", [vocab, d_model], Initializer("normal", 1.0))

    def vectors(self, ids: Any) -> Any:
        """Looks up the vectors of ids: int32 [..., length] to [..., length, d_model]."""
        return mtf.slicewise(
            tf.gather,
            [self._weights, ids],
            output_shape=mtf.Shape([*ids.shape.dims, self._d_model]),
            output_dtype=self._weights.dtype,
            splittable_dims=[],
            grad_function=self._gradient,
            name="embedding",
        )

    def logits(self, hidden: Any) -> Any:
        """Projects [..., length, d_model] to [..., length, vocab], scaled by d_model^-0.5.

        The scale is that of Raffel et al. 2020, section 2.1.
        """
        return mtf.einsum([hidden * self._d_model.size**-0.5, self._weights], reduced_dims=[self._d_model])

    def _gradient(self, operation: Any, gradient: Any) -> list[Any]:
        def scatter(ids: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
            rows = tf.reshape(rows, [-1, self._d_model.size])
            return tf.math.unsorted_segment_sum(rows, tf.reshape(ids, [-1]), self._vocab.size)

        weights, ids = operation.inputs
        settings: dict[str, Any] = {"output_shape": weights.shape, "output_dtype": gradient.dtype, "grad_function": 0}
        return [mtf.slicewise(scatter, [ids, gradient], splittable_dims=[], name="embedding_dw", **settings), None]

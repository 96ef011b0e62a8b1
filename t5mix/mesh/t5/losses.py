"""Cross-entropy from logits, with label smoothing and z-loss; its gradient makes one array of the logits' size."""

from typing import Any

from t5mix.mesh.compiling import operations
from t5mix.mesh.mesh_tensorflow import mtf, mtf_ops, tf


class TokenLosses(mtf_ops.Operation):
    """An mtf operation: logits and targets to (cross-entropy, loss to minimize), float32 of the targets' shape.

        cross-entropy = log Z - logit of the target
        loss          = cross-entropy + z_loss * (log Z)^2 + label_smoothing * (mean logit's part)

    Upstream's one-hot targets are an array of the logits' size, and so is each term of their gradient.
    """

    def __init__(self, logits: Any, targets: Any, label_smoothing: float, z_loss: float):
        """Adds the operation to the graph.

        Args:
            logits: float32 [..., vocab].
            targets: int32 [...].
            label_smoothing: probability mass spread over the vocabulary.
            z_loss: weight of (log Z)^2.
        """
        super().__init__([logits, targets], name="token_losses")
        self._smoothing, self._z_loss = label_smoothing, z_loss
        self._outputs = [mtf_ops.Tensor(self, targets.shape, tf.float32) for _ in range(2)]
        # log Z is an output too, so that the gradient need not compute it again.
        self._outputs.append(mtf_ops.Tensor(self, targets.shape, tf.float32))
        self._splittable_dims, self._unsplittable_dims = self._initialize_all_dimensions_as_splittable()

    def gradient(self, grad_ys: list[Any]) -> list[Any]:
        """Returns the gradient of the logits from those of cross-entropy and loss; either may be missing."""
        logits, targets = self.inputs
        given = [gradient for gradient in grad_ys[:2] if gradient is not None]
        of_cross_entropy, of_loss = (gradient is not None for gradient in grad_ys[:2])
        smoothing, z_loss, size = self._smoothing, self._z_loss, logits.shape.dims[-1].size

        def of_logits(logits: tf.Tensor, targets: tf.Tensor, log_z: tf.Tensor, *given: tf.Tensor) -> tf.Tensor:
            hit = all_ = mean = tf.zeros([])  # of the target's logit, of log Z, of the mean logit
            if of_cross_entropy:
                hit, all_ = hit + given[0], all_ + given[0]
            if of_loss:
                hit = hit + (1.0 - smoothing) * given[-1]
                all_ = all_ + given[-1] * (1.0 + 2.0 * z_loss * log_z)
                mean = smoothing * given[-1]
            probabilities = operations.exp(logits - log_z[..., None])
            result = probabilities * tf.expand_dims(all_, -1)
            if smoothing and of_loss:
                result -= mean[..., None] / size
            return result - tf.where(_is_target(logits, targets), tf.expand_dims(hit, -1), 0.0)

        inputs = [logits, targets, self.outputs[2], *given]
        return [mtf.slicewise(of_logits, inputs, splittable_dims=[], grad_function=0, name="token_losses_dx"), None]

    def lower(self, lowering: Any) -> None:
        """Lowers the three outputs."""
        impl = lowering.mesh_impl(self)
        logits, targets = (lowering.tensors[x].to_laid_out_tensor().one_slice for x in self.inputs)
        log_z = operations.log_sum_exp(logits)
        chosen = tf.reduce_sum(tf.where(_is_target(logits, targets), logits, 0.0), -1)
        cross_entropy = log_z - chosen
        loss = cross_entropy + self._z_loss * tf.square(log_z)
        if self._smoothing:
            loss += self._smoothing * (chosen - tf.reduce_mean(logits, -1))
        for tensor, value in zip(self.outputs, (cross_entropy, loss, log_z), strict=True):
            lowering.set_tensor_lowering(tensor, impl.LaidOutTensor([value]))


def _is_target(logits: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """Tells which logits are the targets', in the logits' shape; XLA makes this where it is used and stores none."""
    return tf.equal(tf.range(logits.shape[-1]), targets[..., None])

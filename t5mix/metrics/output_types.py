"""What metrics need of a model: apart from the metrics, so that declaring a task loads no NumPy."""

import enum


class ModelOutputType(enum.IntEnum):
    """What a metric needs of a model."""

    PREDICTION = 1
    SCORE = 2
    PREDICTION_WITH_AUX = 3
    SCORE_WITH_INTERMEDIATES = 4

    @classmethod
    def to_str(cls, enm: "ModelOutputType") -> str:
        """Returns "prediction", "score", "prediction_with_aux" or "score_with_intermediates"."""
        return cls(enm).name.lower()


# By the arguments of a metric function.
OUTPUT_TYPES = {
    ("targets", "predictions"): ModelOutputType.PREDICTION,
    ("targets", "scores"): ModelOutputType.SCORE,
    ("targets", "predictions", "aux_values"): ModelOutputType.PREDICTION_WITH_AUX,
}

"""Loss over a window of steps, task by task, as it is logged."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np


class LossWindow:
    """Sums nats and target tokens per task, and norms of gradients, since the last line in the log.

    Its sums are part of every checkpoint, so a run that was killed within a window logs the same line as one that was
    not.

    Args:
        task_names: the tasks, in the order of `task_nats`.
        state: from `state()` of an earlier window.
    """

    def __init__(self, task_names: Sequence[str], state: dict[str, Any] | None = None):
        self._names = tuple(task_names)
        zeros = [0.0] * len(self._names)
        self._nats = np.array(state["nats"] if state else zeros, np.float64)
        self._tokens = np.array(state["tokens"] if state else zeros, np.float64)
        # Checkpoints of before have no norms.
        self._norms, self._steps = (state or {}).get("norms", 0.0), (state or {}).get("steps", 0)

    def add(self, task_nats: np.ndarray, task_tokens: np.ndarray, norm: float) -> None:
        """Adds what one step reports: two float32 [at least the number of tasks], and the norm of its gradient."""
        self._norms += norm
        self._steps += 1
        self._nats += np.asarray(task_nats, np.float64)[: len(self._names)]
        self._tokens += np.asarray(task_tokens, np.float64)[: len(self._names)]

    def loss(self) -> float:
        """Returns the mean cross-entropy of a target token, in nats; NaN before the first step."""
        tokens = float(self._tokens.sum())
        return float(self._nats.sum()) / tokens if tokens else math.nan

    def gradient_norm(self) -> float:
        """Returns the mean norm of a step's gradient; NaN before the first step."""
        return self._norms / self._steps if self._steps else math.nan

    def task_losses(self) -> dict[str, float]:
        """Returns the same for each task seen in the window."""
        return {
            name: float(nats / tokens)
            for name, nats, tokens in zip(self._names, self._nats, self._tokens, strict=True)
            if tokens
        }

    def state(self) -> dict[str, Any]:
        """Returns the sums, as JSON."""
        return {
            "nats": self._nats.tolist(),
            "tokens": self._tokens.tolist(),
            "norms": self._norms,
            "steps": self._steps,
        }

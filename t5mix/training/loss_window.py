"""Loss and examples over a window of steps, task by task, as they are logged."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


class LossWindow:
    """Sums nats, target tokens and examples per task, and norms of gradients, since the last line in the log.

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
        # Checkpoints of before have no norms and no examples.
        self._examples = np.array((state or {}).get("examples", zeros), np.int64)
        self._norms, self._steps = (state or {}).get("norms", 0.0), (state or {}).get("steps", 0)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was added yet."""
        return not self._steps and not self._examples.any()

    def add(self, task_nats: np.ndarray, task_tokens: np.ndarray, norm: float) -> None:
        """Adds what one step reports: two float32 [at least the number of tasks], and the norm of its gradient."""
        self._norms += norm
        self._steps += 1
        self._nats += np.asarray(task_nats, np.float64)[: len(self._names)]
        self._tokens += np.asarray(task_tokens, np.float64)[: len(self._names)]

    def add_examples(self, examples: np.ndarray) -> None:
        """Adds the number of examples that one step was fed of each task, int64 [tasks]."""
        self._examples += examples

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

    def task_examples(self) -> dict[str, int]:
        """Returns the number of examples of each task seen in the window."""
        return {name: int(count) for name, count in zip(self._names, self._examples, strict=True) if count}

    def state(self) -> dict[str, Any]:
        """Returns the sums, as JSON."""
        return {
            "nats": self._nats.tolist(),
            "tokens": self._tokens.tolist(),
            "examples": self._examples.tolist(),
            "norms": self._norms,
            "steps": self._steps,
        }


def examples_of(batch: Mapping[str, np.ndarray], tasks: int) -> np.ndarray:
    """Counts the examples of a batch that have targets, task by task, int64 [tasks].

    Args:
        batch: as a stream gives it, int32 [rows, positions].
        tasks: how many tasks the stream has.
    """
    task = batch["targets_task"]
    segments = batch["targets_segment_ids" if "targets_segment_ids" in batch else "decoder_segment_ids"]
    is_target = task >= 0
    begins = is_target.copy()
    begins[:, 1:] &= ~is_target[:, :-1] | (segments[:, 1:] != segments[:, :-1])
    return np.bincount(task[begins], minlength=tasks)

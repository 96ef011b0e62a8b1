"""Whether the tasks of a batch agree on where to go: the norms of their gradients, and the cosines between them.

A task's gradient is that of its own tokens' losses, divided by what the whole batch's loss is divided by, with the
dropout of the step. So the gradients of all tasks add up to the gradient of the batch, which the step follows; those of
masked tasks are measured, and are no part of it. Weights that are not trained yet have none.

A measurement computes the gradient once for each task of the batch, by one program, and holds all of them: so many
times the time of a step, and so many times the memory of the trained weights.
"""

import dataclasses
import functools
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from t5mix.mesh.engine import COUNTED, Engine, State, jax


@dataclasses.dataclass(frozen=True)
class TaskGradients:
    """What is known of the gradients of one batch's tasks.

    Attributes:
        tasks: numbers of the tasks that the batch has tokens of, ascending.
        products: float64 [tasks, tasks], the inner products of their gradients.
        masked: numbers of tasks whose loss is 0. They have a norm and cosines, as of what is not learned from; the step
            does not follow them, so sums are without them.
    """

    tasks: tuple[int, ...]
    products: np.ndarray
    masked: tuple[int, ...] = ()

    @property
    def norms(self) -> np.ndarray:
        """The norm of each task's gradient."""
        return np.sqrt(np.diagonal(self.products))

    @property
    def norm(self) -> float:
        """The norm of the sum of those that are not masked: the gradient of the batch, which the step follows."""
        counts = self._counts
        return float(np.sqrt(max(counts @ self.products @ counts, 0.0)))

    @property
    def _counts(self) -> np.ndarray:
        return 1.0 - np.isin(self.tasks, self.masked)

    @property
    def cosines(self) -> np.ndarray:
        """Cosines between the gradients, [tasks, tasks]; NaN where a gradient is 0."""
        return _cosine(self.products, self.norms[:, None] * self.norms[None, :])

    @property
    def cosines_with_others(self) -> np.ndarray:
        """For each task the cosine between its gradient and the sum of the others', masked ones left out.

        NaN where one of them is 0.
        """
        others = self._counts[None, :] * (1.0 - np.eye(len(self.tasks)))  # a row for each task
        product = (others * self.products).sum(axis=1)
        of_others = np.einsum("ij,jk,ik->i", others, self.products, others)
        return _cosine(product, self.norms * np.sqrt(np.maximum(of_others, 0.0)))

    def by_name(self, names: Sequence[str]) -> dict[str, float]:
        """Returns numbers for a log: `norm` of the batch, `norm/TASK`, and `cosine/TASK/TASK` of each pair.

        Args:
            names: of all tasks.
        """
        here = [names[task] for task in self.tasks]
        found = {"norm": self.norm, **{f"norm/{name}": float(n) for name, n in zip(here, self.norms, strict=True)}}
        for first, second in itertools.combinations(range(len(here)), 2):
            found[f"cosine/{here[first]}/{here[second]}"] = float(self.cosines[first, second])
        return found

    def in_short(self, names: Sequence[str]) -> dict[str, float]:
        """Returns one norm and one cosine a task, for TensorBoard: the cosine with the sum of the others."""
        here = [names[task] for task in self.tasks]
        norms = {f"conflict/norm/{name}": float(n) for name, n in zip(here, self.norms, strict=True)}
        cosines = zip(here, self.cosines_with_others, strict=True)
        return norms | {f"conflict/cosine_with_others/{name}": float(value) for name, value in cosines}


def task_gradients(
    engine: Engine,
    state: State,
    batch: Mapping[str, np.ndarray],
    *,
    step: int,
    seed: int,
    masked: Sequence[int] = (),
) -> TaskGradients:
    """Measures the gradients of the tasks of a batch.

    Args:
        engine: the model on its mesh.
        state: values of all variables; they stay.
        batch: of the step, with the losses of masked tasks: all of its rows, on every process, for each must find the
            same tasks.
        step: counted from 0.
        seed: of the run.
        masked: numbers of tasks whose loss is 0 in the step.

    Raises:
        ValueError: rows are missing.
    """
    rows = len(batch["targets_task"])
    if rows != engine.batch_size:
        raise ValueError(f"the batch has {rows} of {engine.batch_size} rows: give all of them, on every process")
    of_tokens = task_of_each_loss(batch)
    tasks = tuple(int(task) for task in np.unique(of_tokens[of_tokens >= 0]))
    gradients = [engine.gradients(state, {**batch, COUNTED: of_tokens == task}, step=step, seed=seed) for task in tasks]
    products = np.zeros((len(tasks), len(tasks)))
    for first, second in itertools.combinations_with_replacement(range(len(tasks)), 2):
        multiplied = _products(gradients[first][0].sharding.mesh)(gradients[first], gradients[second])
        product = np.asarray(multiplied, np.float64).sum()
        products[first, second] = products[second, first] = product
    return TaskGradients(tasks, products, tuple(masked))


def without_losses(batch: Mapping[str, np.ndarray], tasks: Sequence[int]) -> dict[str, np.ndarray]:
    """Returns a batch in which the loss of these tasks is 0, and all else is as it was.

    Args:
        batch: as `Stream.batch` gives it.
        tasks: their numbers.
    """
    return {**batch, COUNTED: ~np.isin(task_of_each_loss(batch), list(tasks))}


def task_of_each_loss(batch: Mapping[str, np.ndarray]) -> np.ndarray:
    """Returns the number of the task of each token that may have a loss, -1 elsewhere: int32 [rows, length].

    In a batch of a decoder alone, inputs may have a loss, too: they are of the task of their example.
    """
    tasks, segments = batch["targets_task"], batch.get("decoder_segment_ids")
    if segments is None:
        return tasks
    of_segment = np.full((len(segments), int(segments.max(initial=0)) + 1), -1, np.int32)
    rows = np.broadcast_to(np.arange(len(segments))[:, None], segments.shape)
    np.maximum.at(of_segment, (rows, segments), tasks)
    of_segment[:, 0] = -1
    return of_segment[rows, segments]


@functools.lru_cache(maxsize=1)
def _products(mesh: Any) -> Any:
    """Returns a program from the arrays of two gradients to the inner product of each pair of arrays.

    Args:
        mesh: that they lie on; every process gets the products.
    """

    def products(first: list[Any], second: list[Any]) -> Any:
        pairs = zip(first, second, strict=True)
        return jax.numpy.stack([jax.numpy.sum(one * other) for one, other in pairs])

    return jax.jit(products, out_shardings=jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec()))


def _cosine(product: np.ndarray, norms: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.clip(np.where(norms > 0, product / norms, np.nan), -1.0, 1.0)

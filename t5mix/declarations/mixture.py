"""Mixtures: tasks, or other mixtures, and how much of each.

The names, arguments, defaults and the arithmetic of rates are seqio's.
"""

import functools
import logging
import math
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn, Union

from t5mix.declarations import validation
from t5mix.declarations.declaration import Declared, SourceInfo
from t5mix.declarations.namespace import namespace
from t5mix.declarations.rates import Rate
from t5mix.declarations.rates import part_rates as rates_of_parts
from t5mix.declarations.rates.part_rates import PartRates
from t5mix.declarations.task import Task
from t5mix.internal.lazy import tensorflow as tf
from t5mix.internal.suggestions import suggestion
from t5mix.sources import ShardInfo
from t5mix.vocabularies.features import Feature

_log = logging.getLogger(__name__)

Part = Union[Task, "Mixture", str]
SampleFn = Callable[[Sequence[Any], Sequence[float], int | None], Any]

# The seed of the sampler when nothing is shuffled and no seed is given; seqio's number.
_SAMPLE_SEED = 42


def sample_from_datasets(
    datasets: Sequence["tf.data.Dataset"], weights: Sequence[float], seed: int | None
) -> "tf.data.Dataset":
    """Returns a dataset that draws from `datasets` by their weights until one has ended."""
    return tf.data.Dataset.sample_from_datasets(datasets, weights=weights, seed=seed, stop_on_empty_dataset=True)


class Mixture(Declared):
    """Several tasks, drawn from by their rates.

    A rate is relative: a finite number, 0 or more, a function of the task, or one of these by the step of training:
    `{0: 1.0, 10_000: 0.5}`, or see `rates.linear` and `rates.by_step`. A mixture inside a mixture has a number, which
    its tasks share by their rates there.

    Args:
        name: letters, digits and . : # _ -; no task may have it too.
        tasks: tasks and mixtures, or their names; each alone or as a pair with its rate.
        default_rate: the rate of those without one.
        sample_fn: `fn(datasets, rates, seed)` draws from datasets, for `get_dataset`.
        source_info: where the mixture was declared, if a tool knows better than the stack.
        rates: all rates together, in place of those of each: a dict of names and rates; by steps, as in
            `{0: {"a": 1.0}, 10_000: {"b": 1.0}}`, where a part that is not named has 0; or `rates.UniMax`.
        unit: what rates are shares of: "examples", "target_tokens" or "tokens", those of all features. That of the
            mixture that is trained on counts, not that of mixtures in it.
        max_epochs: the most passes over each task, or a dict of such; then the others share what it had. When all
            tasks that have a rate have had theirs, the stream ends.

    Raises:
        ValueError: naming the mixture, the part and the fix, when the declaration cannot work.
    """

    def __init__(
        self,
        name: str,
        tasks: Iterable[Part | tuple[Part, Rate]],
        default_rate: Rate | None = None,
        sample_fn: SampleFn = sample_from_datasets,
        source_info: SourceInfo | None = None,
        *,
        rates: Any = None,
        unit: str = "examples",
        max_epochs: float | Mapping[str, float] | None = None,
    ) -> None:
        super().__init__("mixture", name, source_info)
        self._sample_fn = sample_fn
        self._parts: dict[str, Task | Mixture] = {}
        given = {self._add_part(part): rate for part, rate in self._pairs(tasks, default_rate, rates is not None)}
        self._leaves = self._flattened()
        self._holders = self._submixtures_by_task()
        validation.check_same_features(name, [(task.name, task.output_features) for task in self._leaves.values()])
        given = given if rates is None else rates_of_parts.of_parts(name, rates, self._parts)
        self._rates = PartRates(name, self._parts, given)
        self._unit = rates_of_parts.check_unit(name, unit)
        self._max_epochs = rates_of_parts.check_max_epochs(name, max_epochs, tuple(self._leaves))

    # Checks of the declaration.

    def _refuse(self, what: str, fix: str) -> NoReturn:
        validation.refuse_mixture(self._name, what, fix)

    def _pairs(self, tasks: Any, default_rate: Rate | None, together: bool) -> list[tuple[Part, Rate]]:
        if isinstance(tasks, str) or not isinstance(tasks, Iterable):
            self._refuse(f"has tasks={tasks!r}", "give a list of tasks or names")
        if isinstance(tasks, set | frozenset):
            self._refuse("has a set of tasks, which has no order", "give a list")
        pairs: list[tuple[Part, Rate]] = []
        for item in tasks:
            part, rate = (item, default_rate) if _is_part(item) else self._pair(item)
            if together:
                if rate is not None:
                    self._refuse(f"has rates= and {item!r} with another rate", "give one of them")
                rate = 0.0  # until the names of all parts are known
            if rate is None:
                label = part if isinstance(part, str) else part.name
                self._refuse(
                    f"has no rate for {label!r} (need a rate for each task)",
                    f"give ({label!r}, rate), or default_rate=",
                )
            pairs.append((part, rate))
        if not pairs:
            self._refuse("has no tasks: it does not contain any Tasks", "name one at least")
        return pairs

    def _pair(self, item: Any) -> tuple[Part, Rate]:
        if not isinstance(item, tuple | list) or len(item) != 2 or not _is_part(item[0]):
            self._refuse(f"has {item!r} among its tasks", "give a name, or a pair (name, rate)")
        return item[0], item[1]

    def _add_part(self, part: Part) -> str:
        provider = self._resolved(part)
        if provider.name in self._parts:
            self._refuse(f"has {provider.name!r} twice", "name it once, with the sum of the rates")
        self._parts[provider.name] = provider
        return provider.name

    def _resolved(self, part: Part) -> Union[Task, "Mixture"]:
        if not isinstance(part, str):
            return part
        try:
            return namespace.get(None, part).provider
        except ValueError as error:
            raise type(error)(f"mixture {self._name!r}: {error}") from error

    def _flattened(self) -> dict[str, Task]:
        leaves: dict[str, Task] = {}
        for part in self._parts.values():
            for task in part.tasks if isinstance(part, Mixture) else (part,):
                if leaves.setdefault(task.name, task) is not task:
                    self._refuse(
                        f"holds two different tasks named {task.name!r}, declared at "
                        f"{leaves[task.name].declared_at} and {task.declared_at}",
                        "rename one",
                    )
        return dict(sorted(leaves.items()))

    def _submixtures_by_task(self) -> dict[str, list["Mixture"]]:
        holders: dict[str, list[Mixture]] = {}
        for part in self._parts.values():
            if isinstance(part, Mixture):
                for name in part._leaves:
                    holders.setdefault(name, []).append(part)
        return holders

    def with_tasks(self, tasks: Mapping[str, Task]) -> "Mixture":
        """Returns this mixture, not registered, with other tasks of the same names; rates stay.

        Args:
            tasks: by name; a task whose name is missing stays.
        """
        changed = [
            part.with_tasks(tasks) if isinstance(part, Mixture) else tasks.get(name, part)
            for name, part in self._parts.items()
        ]
        pairs = list(zip(changed, self._rates.declared.values(), strict=True))
        return self._again(pairs, **self.mixing)

    def with_mixing(self, **changed: Any) -> "Mixture":
        """Returns this mixture, not registered, with other `rates`, `unit` or `max_epochs`; those not given stay."""
        parts: list[Any] = self.parts
        if "max_epochs" in changed:  # in place of all limits, also of those that mixtures in it have
            parts = [part.with_mixing(max_epochs=None) if isinstance(part, Mixture) else part for part in parts]
        if "rates" not in changed:
            parts = list(zip(parts, self._rates.declared.values(), strict=True))
        return self._again(parts, **(self.mixing | changed))

    def _again(self, parts: list[Any], **mixing: Any) -> "Mixture":
        made = type(self)(self._name, parts, None, self._sample_fn, self._source_info, **mixing)
        made._take_line_of(self)
        return made

    # What was declared.

    @property
    def parts(self) -> list[Union[Task, "Mixture"]]:
        """The tasks and mixtures that were named, in declared order."""
        return list(self._parts.values())

    @property
    def sample_fn(self) -> SampleFn:
        """What draws from datasets, for `get_dataset`."""
        return self._sample_fn

    @property
    def tasks(self) -> list[Task]:
        """Every task, those of nested mixtures too, each once, sorted by name."""
        return list(self._leaves.values())

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits of any task, in the order in which the tasks name them."""
        return tuple(dict.fromkeys(split for task in self.tasks for split in task.splits))

    @property
    def output_features(self) -> dict[str, Feature]:
        """The features that all tasks share, sorted by name."""
        return next(iter(self._leaves.values())).output_features

    def num_input_examples(self, split: str) -> int | None:
        """Returns the number of raw examples in `split` of every task that has it, or None."""
        counts = [task.num_input_examples(split) for task in self.tasks if split in task.splits]
        return None if None in counts else sum(count for count in counts if count is not None)

    # Rates.

    @property
    def rate_per_task_name(self) -> dict[str, Rate]:
        """The declared rates of the parts, by name; a nested mixture is one part."""
        return dict(self._rates.declared)

    @property
    def unit(self) -> str:
        """What rates are shares of: "examples", "target_tokens" or "tokens"."""
        return self._unit

    @property
    def mixing(self) -> dict[str, Any]:
        """The arguments `unit` and `max_epochs` where they were given."""
        given = {"unit": self._unit} if self._unit != "examples" else {}
        return given | ({"max_epochs": dict(self._max_epochs)} if self._max_epochs else {})

    @functools.cached_property
    def max_epochs(self) -> dict[str, float]:
        """The most passes over each task that has a limit, those of nested mixtures too, by name."""
        limits = [part.max_epochs for part in self._parts.values() if isinstance(part, Mixture)]
        limits.append(self._max_epochs)
        return {
            name: min(one[name] for one in limits if name in one)
            for name in self._leaves
            if any(name in one for one in limits)
        }

    @functools.cached_property
    def rate_steps(self) -> tuple[int, ...]:
        """The steps of training from which rates are others, also those of nested mixtures, ascending from 0."""
        nested = [part.rate_steps for part in self._parts.values() if isinstance(part, Mixture)]
        return tuple(sorted(set(self._rates.starts).union(*nested)))

    @functools.cached_property
    def total_rate(self) -> float:
        """The sum of the rates of the parts, at step 0.

        Raises:
            ValueError: when a rate is no finite number, or all are 0.
        """
        return self._rates.total()

    def get_rate(self, task: Task | str, step: int = 0) -> float:
        """Returns the rate of one task, its own and what nested mixtures give it.

        A nested mixture of rate r gives its task r * (its rate there) / (that mixture's total
        rate).

        Args:
            task: the task, or its name.
            step: of training; rates may change with it.

        Raises:
            ValueError: when the task is not in the mixture, or a rate is no finite number.
        """
        name = task if isinstance(task, str) else task.name
        if name not in self._leaves:
            hint = suggestion(name, self._leaves)
            self._refuse(f"has no task {name!r}{hint}", f"it has {len(self._leaves)} tasks")
        value = 0.0
        for mixture in self._holders.get(name, ()):
            total = mixture._rates.total(step) if step else mixture.total_rate
            value += self._rates.number(mixture.name, step) * mixture.get_rate(name, step) / total
        if isinstance(self._parts.get(name), Task):
            value += self._rates.number(name, step)
        return value

    def rates(self, step: int = 0) -> dict[str, float]:
        """Returns the share of each task at a step, which sum to 1, in the order of `tasks`."""
        by_name = {name: self.get_rate(name, step) for name in self._leaves}
        total = self._rates.sum(by_name.values(), step)
        return {name: rate / total for name, rate in by_name.items()}

    # Examples.

    def get_dataset(
        self,
        sequence_length: Mapping[str, int] | None = None,
        split: str = "train",
        use_cached: bool = False,
        shuffle: bool = True,
        seed: int | None = None,
        shard_info: ShardInfo | None = None,
        num_epochs: int | None = None,
        copy_pretokenized: bool = False,
        compute_stats_empirically: bool = False,
        log_mixing_proportions: bool = True,
        passthrough_features: Sequence[str] | None = None,
        trim_output_features: bool = True,
        try_in_mem_cache: bool = True,
    ) -> "tf.data.Dataset":
        """Returns examples drawn from the tasks by their rates.

        Args:
            sequence_length: for each feature its greatest length in tokens; None trims nothing.
            split: name of the split; tasks without it are left out, with a warning.
            use_cached: read caches that seqio made; see `Task.get_dataset`.
            shuffle: whether each task is shuffled.
            seed: makes shuffling, random steps and drawing repeatable.
            shard_info: which part of each task to read.
            num_epochs: passes over each task; the mixture ends with the first task that does. None is without end.
            copy_pretokenized: whether to keep the texts that were tokenized.
            compute_stats_empirically: accepted for seqio's sake; `t5mix show` counts.
            log_mixing_proportions: whether to log the share of each task, at level INFO.
            passthrough_features: further features to keep.
            trim_output_features: whether to trim features to sequence_length.
            try_in_mem_cache: whether to keep the raw examples of small splits in memory.

        Raises:
            ValueError: when no task has the split, or a task that is drawn from has no example.
        """
        tasks = self._tasks_with(split)
        rates = [self.get_rate(task) for task in tasks]
        if not math.fsum(rates) > 0:
            self._refuse(f"has only rates of 0 in split {split!r}", "choose another split")
        arguments: dict[str, Any] = {
            "sequence_length": sequence_length,
            "split": split,
            "use_cached": use_cached,
            "seed": seed,
            "shard_info": shard_info,
            "trim_output_features": trim_output_features,
        }
        for task, rate in zip(tasks, rates, strict=True):
            if rate > 0:
                once = task.get_dataset(**arguments, shuffle=False, try_in_mem_cache=False)
                self._refuse_empty(task, once, split)
        arguments |= {"shuffle": shuffle, "num_epochs": num_epochs, "try_in_mem_cache": try_in_mem_cache}
        names = self._feature_names(copy_pretokenized, passthrough_features)
        select = functools.partial(_select, names)
        datasets = [task.get_dataset(**arguments).map(select, num_parallel_calls=tf.data.AUTOTUNE) for task in tasks]
        self._tell(tasks, rates if log_mixing_proportions else ())
        sample_seed = seed if seed is not None else None if shuffle else _SAMPLE_SEED
        return self._sample_fn(datasets, rates, sample_seed)

    def _tell(self, tasks: Sequence[Task], rates: Sequence[float]) -> None:
        """Logs the shares of tasks, where rates are given, and warns of what `get_dataset` does not know."""
        if len(self.rate_steps) > 1 or self.mixing:
            what = "get_dataset draws by the rates of step 0, counts examples and knows no max_epochs; t5mix train does"
            warnings.warn(f"mixture {self._name!r}: {what}", stacklevel=3)
        for task, rate in zip(tasks, rates, strict=False):
            _log.info("mixture %s: %.6f of task %s", self._name, rate / math.fsum(rates), task.name)

    def _tasks_with(self, split: str) -> list[Task]:
        tasks = [task for task in self.tasks if split in task.splits]
        if not tasks:
            self._refuse(
                f"has no task with split {split!r} (No datasets have a {split!r} split)",
                f"its splits are {', '.join(self.splits)}",
            )
        for task in self.tasks:
            if task not in tasks and self.get_rate(task) > 0:
                warnings.warn(
                    f"mixture {self._name!r}: task {task.name!r} has no split {split!r} and is left out of it",
                    stacklevel=3,
                )
        return tasks

    def _feature_names(self, pretokenized: bool, passthrough: Sequence[str] | None) -> tuple[str, ...]:
        names = list(self.output_features)
        if pretokenized:
            names += [f"{key}_pretokenized" for key in names]
        return (*names, *(passthrough or ()))

    def _refuse_empty(self, task: Task, dataset: "tf.data.Dataset", split: str) -> None:
        """Refuses a task that the drawing would end at, or wait for, without a word."""
        if not any(True for _ in dataset.take(1)):
            self._refuse(
                f"draws from task {task.name!r}, which has no example in {split!r} after preprocessing",
                "give it rate 0, or take it out",
            )

    def __repr__(self) -> str:
        return f"Mixture({self._name!r}, {len(self._leaves)} tasks)"


def _is_part(item: object) -> bool:
    return isinstance(item, str | Task | Mixture)


def _select(names: Sequence[str], example: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in example.items() if key in names}

"""The registries: where declared tasks and mixtures are found by name.

The names and arguments are seqio's. Looking a name up loads declarations files first; see `discovery.py`.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from t5mix.declarations import mixture as mixture_lib
from t5mix.declarations.declaration import SourceInfo, declaring_line
from t5mix.declarations.mixture import Mixture
from t5mix.declarations.namespace import Namespace, namespace
from t5mix.declarations.rates import Rate
from t5mix.declarations.task import MetricFn, Task
from t5mix.preprocessors.pipeline import Step
from t5mix.sources import DataSource
from t5mix.vocabularies.features import Feature

if TYPE_CHECKING:
    import tensorflow as tf

T = TypeVar("T", Task, Mixture)


class Registry(Generic[T]):
    """Tasks, or mixtures, by name.

    Args:
        kind: "task" or "mixture".
        namespace: the names of both.
    """

    def __init__(self, kind: str, namespace: Namespace) -> None:
        self._kind = kind
        self._namespace = namespace

    def add_provider(self, name: str, provider: T) -> None:
        """Registers a task or mixture that exists already.

        Raises:
            ValueError: when the name is taken, naming both places, or is not the provider's.
        """
        if provider.name != name:
            raise ValueError(f"{self._kind} {provider.name!r} cannot be registered as {name!r}; use its own name")
        self._namespace.add(self._kind, name, provider, provider.declared_at)

    def _add(self, name: str, make: Callable[[], T], source_info: SourceInfo | None) -> T:
        """Makes and registers one, or leaves it out where a file is loaded that keeps going."""
        try:
            made = make()
            self.add_provider(name, made)
        except Exception as error:
            faulty = self._namespace.put_aside(self._kind, name, error, declaring_line(source_info))
            if faulty is None:
                raise
            return faulty  # type: ignore[return-value]  # whatever is asked of it raises the error
        return made

    def get(self, name: str) -> T:
        """Returns the one of that name.

        Raises:
            ValueError: when there is none, with the names that come near.
        """
        return self._namespace.get(self._kind, name).provider

    def names(self) -> list[str]:
        """Returns every name, sorted."""
        return self._namespace.names(self._kind)

    def remove(self, name: str) -> None:
        """Unregisters a name.

        Raises:
            ValueError: when there is none.
        """
        self._namespace.remove(self._kind, name)

    def reset(self) -> None:
        """Unregisters every name of this kind."""
        self._namespace.clear(self._kind)

    def get_dataset(
        self,
        name: str,
        sequence_length: Mapping[str, int] | None = None,
        split: str = "train",
        **kwargs: Any,
    ) -> "tf.data.Dataset":
        """Returns `get(name).get_dataset(...)`."""
        return self.get(name).get_dataset(sequence_length=sequence_length, split=split, **kwargs)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._namespace.find(name, self._kind) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __len__(self) -> int:
        return len(self.names())


class TaskRegistryType(Registry[Task]):
    """The registry of tasks; there is one, `TaskRegistry`."""

    def add(
        self,
        name: str,
        source: DataSource | None = None,
        output_features: Mapping[str, Feature] | None = None,
        preprocessors: Sequence[Step] | None = None,
        postprocess_fn: Callable[..., Any] | None = None,
        metric_fns: Sequence[MetricFn] | None = None,
        metric_objs: Sequence[Any] | None = None,
        task_cls: type[Task] = Task,
        source_info: SourceInfo | None = None,
        **kwargs: Any,
    ) -> Task:
        """Makes a task, see `Task`, registers it and returns it.

        Raises:
            ValueError: when the declaration cannot work or the name is taken.
        """

        def make() -> Task:
            _refuse_legacy(name, source, task_cls, kwargs)
            return task_cls(
                name=name,
                source=source,  # type: ignore[arg-type]  # None is refused there, by name
                output_features=output_features,  # type: ignore[arg-type]
                preprocessors=preprocessors,
                postprocess_fn=postprocess_fn,
                metric_fns=metric_fns,
                metric_objs=metric_objs,
                source_info=source_info,
                **kwargs,
            )

        return self._add(name, make, source_info)


def _refuse_legacy(name: str, source: Any, task_cls: Any, arguments: Mapping[str, Any]) -> None:
    """Refuses a declaration of t5's own, before seqio: `add(name, TfdsTask, text_preprocessor=...)`."""
    found = sorted(_LEGACY.intersection(arguments))
    classes = [cls.__name__ for cls in (source, task_cls) if isinstance(cls, type) and not issubclass(cls, Task)]
    if not found and not classes:
        return
    raise ValueError(
        f"task {name!r} is declared as t5's old TaskRegistry wanted it ({', '.join(classes + found)}); give "
        "source=TfdsDataSource(...), FunctionDataSource(...) or TextLineDataSource(...), output_features={'inputs': "
        "Feature(...), 'targets': Feature(...)}, and preprocessors=[<text_preprocessor>, preprocessors.tokenize, "
        "CacheDatasetPlaceholder(), <token_preprocessor>, preprocessors.append_eos_after_trim]"
    )


_LEGACY = frozenset(
    {
        "dataset_fn",
        "feature_description",
        "sentencepiece_model_path",
        "split_to_filepattern",
        "text_preprocessor",
        "tfds_name",
        "token_preprocessor",
    }
)


class MixtureRegistryType(Registry[Mixture]):
    """The registry of mixtures; there is one, `MixtureRegistry`."""

    def add(
        self,
        name: str,
        tasks: Iterable[mixture_lib.Part | tuple[mixture_lib.Part, Rate]],
        default_rate: Rate | None = None,
        mixture_cls: type[Mixture] = Mixture,
        source_info: SourceInfo | None = None,
        **kwargs: Any,
    ) -> Mixture:
        """Makes a mixture, see `Mixture`, registers it and returns it.

        Raises:
            ValueError: when the declaration cannot work or the name is taken.
        """

        def make() -> Mixture:
            return mixture_cls(name=name, tasks=tasks, default_rate=default_rate, source_info=source_info, **kwargs)

        return self._add(name, make, source_info)


TaskRegistry = TaskRegistryType("task", namespace)
MixtureRegistry = MixtureRegistryType("mixture", namespace)


def get_mixture_or_task(task_or_mixture_name: str) -> Task | Mixture:
    """Returns the task or mixture of that name; no name is both.

    Raises:
        ValueError: when there is none, with the names that come near.
    """
    return namespace.get(None, task_or_mixture_name).provider


def maybe_get_mixture_or_task(task: str | Task | Mixture) -> Task | Mixture:
    """Returns a task or mixture as it is, or the one of that name."""
    return get_mixture_or_task(task) if isinstance(task, str) else task


def get_subtasks(task_or_mixture: Task | Mixture) -> list[Task]:
    """Returns the tasks of a mixture, sorted by name, or a task alone."""
    return task_or_mixture.tasks if isinstance(task_or_mixture, Mixture) else [task_or_mixture]


@contextlib.contextmanager
def overlay() -> Iterator[None]:
    """Undoes, on leaving, every registration, removal and `include` made inside, also after an error.

    For tests and notebooks:

        with t5mix.overlay():
            t5mix.TaskRegistry.add("trial", ...)

    Declarations files are loaded on entering, so that leaving does not take theirs away.
    """
    namespace.load(lambda: False)
    with namespace.undone():
        yield

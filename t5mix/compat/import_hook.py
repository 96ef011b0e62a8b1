"""`import seqio` and `import t5` mean t5mix, in a process that asked for it: files of others load unchanged.

    import t5mix

    t5mix.as_seqio()
    import somebodys_package.tasks

The modules are t5mix's own, under a second name: `seqio.utils` is `t5mix.utils`, `t5.data` is `t5mix.t5.data`. On the
command line `--as_seqio`, T5MIX_AS_SEQIO=1 and `t5mix run-as-seqio` ask for it. Nothing else does.
"""

import importlib
import importlib.machinery
import sys
from collections.abc import Sequence
from types import ModuleType, TracebackType
from typing import Any, Self

# Modules of seqio that have one of the same name here.
SEQIO_MODULES = (
    *("dataset_providers", "evaluation", "experimental", "feature_converters", "helpers", "loggers", "metrics"),
    *("preprocessors", "test_utils", "utils", "vocabularies"),
)
# Modules of T5 that have one of the same name in t5mix.t5.
T5_MODULES = (
    *("data", "data.dataset_providers", "data.glue_utils", "data.mixtures", "data.postprocessors"),
    *("data.preprocessors", "data.tasks", "data.utils", "evaluation", "evaluation.eval_utils"),
    *("evaluation.metrics", "evaluation.qa_utils", "evaluation.test_utils"),
)
# What has none, and what is there instead.
_INSTEAD = {
    "seqio.beam_utils": "`t5mix cache --runner` runs on Beam",
    "seqio.scripts": "`t5mix cache` and `t5mix show` take their place",
    "seqio.task_registry_provenance_tracking": "`task.declared_at` tells the line of each task and mixture",
    "seqio.version": "`t5mix.__version__` is t5mix's own",
    "t5.models": "`t5mix train`, `finetune`, `eval` and `predict` take its place",
    "t5.scripts": "`t5mix show` and `t5mix eval` take their place",
    "t5.version": "`t5mix.__version__` is t5mix's own",
}


def _modules() -> dict[str, str]:
    """Returns for each module name of the originals that of t5mix's module."""
    names = {"seqio": "t5mix", "t5": "t5mix.t5", "t5.seqio": "t5mix"}
    for prefix in ("seqio", "t5.seqio"):
        names |= {f"{prefix}.{name}": f"t5mix.{name}" for name in SEQIO_MODULES}
    return names | {f"t5.{name}": f"t5mix.t5.{name}" for name in T5_MODULES}


MODULES = _modules()


class _SameModule:
    """A loader that hands out a module which exists already, and leaves it as it is."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._spec: importlib.machinery.ModuleSpec | None = None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        module = importlib.import_module(self._name)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec  # importing wrote the second name's there


class _Finder:
    """Finds the originals' modules, all of them, so that a mixture of both never arises."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name.partition(".")[0] not in ("seqio", "t5"):
            return None
        if name not in MODULES:
            raise ModuleNotFoundError(f"t5mix has no counterpart of {name}{_instead(name)}", name=name)
        loader: Any = _SameModule(MODULES[name])
        return importlib.machinery.ModuleSpec(name, loader, is_package=True)


def _instead(name: str) -> str:
    told = [words for module, words in _INSTEAD.items() if f"{name}.".startswith(f"{module}.")]
    return f"; {told[0]}" if told else "; its modules are " + ", ".join(sorted(MODULES))


class AsSeqio:
    """What `as_seqio` began; as a context manager it ends that on leaving."""

    def __init__(self, finder: _Finder | None) -> None:
        self._finder = finder

    def end(self) -> None:
        """Makes the two names mean what is installed again; modules that are imported already keep t5mix's."""
        if self._finder is None:
            return
        sys.meta_path.remove(self._finder)
        self._finder = None
        for name in [name for name in sys.modules if name.partition(".")[0] in ("seqio", "t5")]:
            del sys.modules[name]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()


def as_seqio() -> AsSeqio:
    """Makes `import seqio` and `import t5` mean t5mix from now on, also where the real ones are installed.

        t5mix.as_seqio()                # for the rest of the process
        with t5mix.as_seqio(): ...      # for a block

    Returns:
        A context manager that ends it.

    Raises:
        ValueError: when the real seqio or T5 is imported already.
    """
    if any(isinstance(finder, _Finder) for finder in sys.meta_path):
        return AsSeqio(None)
    for name in ("seqio", "t5"):
        if name in sys.modules:
            place = getattr(sys.modules[name], "__file__", None)
            raise ValueError(
                f"as_seqio: the real {name} is imported already, from {place}; ask for t5mix before the first import"
            )
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    return AsSeqio(finder)

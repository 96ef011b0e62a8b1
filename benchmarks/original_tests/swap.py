"""Stands t5mix in for `seqio` and `t5`, in memory, so that their own test files import it.

Of the originals only these are run, from their sources and on top of the stand-ins: `seqio.test_utils` (its fixtures
and comparisons) and `t5.evaluation.test_utils`.  Everything else is looked up in t5mix.
"""

import importlib
import sys
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

# Where a name of an original's module is looked up, in order: modules of t5mix, "" is t5mix itself.
HOMES = {
    "seqio": [""],
    "seqio.dataset_providers": ["dataset_providers", "", "declarations.mixture", "sources", "sources.seqio_caches"],
    "seqio.utils": ["utils", "", "sources.data_dirs", "preprocessors.trim_and_pack"],
    "seqio.vocabularies": ["vocabularies"],
    "seqio.preprocessors": ["preprocessors"],
    "seqio.feature_converters": ["feature_converters", "data.feature_converters.checks", "preprocessors.trim_and_pack"],
    "seqio.evaluation": ["evaluation"],
    "seqio.metrics": ["metrics"],
    "t5": [],
    "t5.data": [],
    "t5.data.preprocessors": ["preprocessors"],
    "t5.data.postprocessors": ["metrics.postprocessors"],
    "t5.evaluation": [],
    "t5.evaluation.metrics": ["metrics"],
    "t5.evaluation.qa_utils": ["metrics.question_answering"],
}
# Private functions that tests call, and what ours are called.
PRIVATE = {
    ("t5.evaluation.metrics", "_coqa_tokenize"): ("metrics.question_answering", "coqa_tokens"),
    ("t5.evaluation.metrics", "_sequence_f1"): ("metrics.question_answering", "sequence_f1"),
}
FAKE_TFDS = "fake:0.0.0"  # the data set of seqio's fixtures


class StandIn(types.ModuleType):
    """A module whose names are t5mix's."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        homes = HOMES[self.__name__]
        if (self.__name__, name) in PRIVATE:
            home_name, name = PRIVATE[self.__name__, name]
            homes = [home_name]
        for home_name in homes:
            home = importlib.import_module(f"t5mix.{home_name}" if home_name else "t5mix")
            if hasattr(home, name):
                return getattr(home, name)
        raise AttributeError(f"t5mix has no counterpart of {self.__name__}.{name}")


def stand_in(seqio: Path, t5: Path) -> None:
    """Makes `import seqio` and `import t5` import t5mix.

    Args:
      seqio: the folder of seqio's package, for its fixtures.
      t5: the folder of T5's.
    """
    for name in HOMES:
        sys.modules[name] = StandIn(name)
        sys.modules[name].__path__ = []
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, sys.modules[name])
    _private_names(seqio)
    fixtures = run_file(seqio / "test_utils.py", "seqio.test_utils")
    fixtures.clear_tasks = fixtures.TaskRegistry.reset
    fixtures.clear_mixtures = fixtures.MixtureRegistry.reset
    run_file(t5 / "evaluation" / "test_utils.py", "t5.evaluation.test_utils")


def run_file(path: Path, name: str) -> Any:
    """Runs a source file as the module of this name."""
    module = types.ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, module)
    exec(compile(path.read_text("utf-8"), path, "exec"), module.__dict__)
    return module


def _private_names(seqio: Path) -> None:
    """Gives ours the private names of seqio that its fixtures and tests reach for."""
    from t5mix.declarations.mixture import Mixture
    from t5mix.declarations.task import Task
    from t5mix.preprocessors import pipeline
    from t5mix.sources import files, tfds
    from t5mix.sources import files as addresses

    utils = sys.modules["seqio.utils"]
    members: list[tuple[type, str, Any]] = [
        (Mixture, "_task_to_rate", property(lambda self: self._part_rates)),
        (Mixture, "_sub_mixtures", property(lambda self: list(_parts(self, Mixture)))),
        (Mixture, "_tasks", property(lambda self: list(_parts(self, Task)))),
        (Task, "_postprocess_fn", property(lambda self: self.postprocessor)),
        (Task, "_validate_preprocessors", lambda self: None),  # ours checks when a task is made
        # The fixtures change a placeholder that is made already; ours is frozen.
        (pipeline.CacheDatasetPlaceholder, "__setattr__", lambda self, _, value: vars(self).update(required=value)),
        (tfds.TfdsDataSource, "_prepared", _fake_or(tfds.TfdsDataSource._prepared)),
        (files.FileDataSource, "_refuse_empty_files", _but_made_up_files(files.FileDataSource._refuse_empty_files)),
    ]
    for owner, name, value in members:
        setattr(owner, name, value)
    # Names that tests patch: in ours they are elsewhere, or there are none.
    vars(utils).update(LazyTfdsLoader=None, _list_files_for_glob=addresses.matching)
    addresses.matching = lambda pattern: utils._list_files_for_glob(pattern)
    # Types of annotations, and what the fixtures write their files with.
    vars(utils).update(NestedTFDict=typing.Any, TFDict=typing.Any)
    utils.dict_to_tfexample = run_file(seqio / "utils.py", "seqio_own_utils").dict_to_tfexample


def _parts(mixture: Any, kind: type) -> Iterator[Any]:
    return (part for part in mixture._parts.values() if isinstance(part, kind))


def _but_made_up_files(check: Any) -> Any:
    """Two tests name files 0, 1, 2, ... that do not exist."""
    return lambda self, split, paths: check(self, split, [path for path in paths if not str(path).isdigit()])


def _fake_or(prepared: Any) -> Any:
    """The fixtures replace seqio's loader of TFDS by a fake; ours asks TFDS for a builder."""

    def builder(self: Any, name: str, data_dir: str | None) -> Any:
        loader = sys.modules["seqio.utils"].LazyTfdsLoader
        return _builder(loader()) if loader is not None and name == FAKE_TFDS else prepared(self, name, data_dir)

    return builder


def _builder(fake: Any) -> Any:
    from t5mix.sources import ShardInfo

    def as_dataset(split: str, shuffle_files: bool, read_config: Any, decoders: Any) -> Any:
        context = read_config.input_context
        shard = context and ShardInfo(context.input_pipeline_id, context.num_input_pipelines)
        return fake.load(split, shuffle_files, seed=read_config.shuffle_seed, shard_info=shard)

    def info(split: str) -> Any:
        names = [types.SimpleNamespace(filename=file["filename"]) for file in fake.files(split)]
        return types.SimpleNamespace(num_examples=fake.size(split), file_instructions=names)

    splits = mock.MagicMock(wraps=dict(fake.info.splits))
    splits.__getitem__.side_effect = info
    splits.__iter__.side_effect = lambda: iter(fake.info.splits)
    splits.__contains__.side_effect = lambda name: name in fake.info.splits
    return types.SimpleNamespace(as_dataset=as_dataset, info=types.SimpleNamespace(splits=splits))

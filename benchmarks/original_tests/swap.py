"""Stands t5mix in for `seqio` and `t5`, in memory, so that their own test files import it.

The import hook that users have does it: `t5mix.as_seqio()`.  Of the originals only these are run, from their sources
and on top of it: `seqio.test_utils` (its fixtures and comparisons), and seqio's program that caches tasks, with its
steps on Beam, where that program is tested.
"""

import importlib
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

FAKE_TFDS = "fake:0.0.0"  # the data set of seqio's fixtures
# The originals' programs, and what they are made of, in the order of imports.
PROGRAMS = ("task_registry_provenance_tracking", "beam_utils", "scripts", "scripts.cache_tasks_main")


def stand_in(seqio: Path, programs: bool) -> None:
    """Makes `import seqio` and `import t5` import t5mix.

    Args:
      seqio: the folder of seqio's package, for its fixtures.
      programs: whether seqio's program that caches tasks is wanted, too.
    """
    import t5mix

    t5mix.as_seqio()
    _private_names()
    fixtures = run_file(seqio / "test_utils.py", "seqio.test_utils")
    fixtures.clear_tasks = fixtures.TaskRegistry.reset
    fixtures.clear_mixtures = fixtures.MixtureRegistry.reset
    for name in PROGRAMS if programs else ():
        path = seqio.joinpath(*name.split("."))
        run_file(path / "__init__.py" if path.is_dir() else path.with_suffix(".py"), f"seqio.{name}")


def run_file(path: Path, name: str) -> Any:
    """Runs a source file as the module of this name."""
    module = types.ModuleType(name)
    module.__file__ = str(path)
    module.__path__ = []
    sys.modules[name] = module
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(importlib.import_module(parent), child, module)
    exec(compile(path.read_text("utf-8"), path, "exec"), module.__dict__)
    return module


def _private_names() -> None:
    """Gives ours the private members of seqio that its fixtures and tests reach for."""
    from t5mix.compat.additions import cached_paths
    from t5mix.declarations.mixture import Mixture
    from t5mix.declarations.task import Task
    from t5mix.preprocessors import pipeline, trim_and_pack
    from t5mix.sources import files, tfds

    utils = importlib.import_module("seqio.utils")
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
    # A test patches `glob` in the module of TensorFlow's second name.
    importlib.import_module("tensorflow.compat.v2").io.gfile = importlib.import_module("tensorflow").io.gfile
    # Names that tests patch in `utils`: ours are elsewhere.
    utils._shift_right_by_one = lambda tensor, bos_id=0: trim_and_pack._shifted_right(tensor, bos_id)
    utils._list_files_for_glob = cached_paths._list_files_for_glob
    matching = files.matching
    cached_paths._list_files_for_glob = lambda pattern: utils._list_files_for_glob(pattern)
    patched = utils._list_files_for_glob
    files.matching = lambda pattern: (
        matching(pattern) if utils._list_files_for_glob is patched else utils._list_files_for_glob(pattern)
    )


def _parts(mixture: Any, kind: type) -> Iterator[Any]:
    return (part for part in mixture._parts.values() if isinstance(part, kind))


def _but_made_up_files(check: Any) -> Any:
    """Two tests name files 0, 1, 2, ... that do not exist."""
    return lambda self, split, paths: check(self, split, [path for path in paths if not str(path).isdigit()])


def _fake_or(prepared: Any) -> Any:
    """The fixtures replace seqio's loader of TFDS by a fake; ours asks TFDS for a builder."""

    def builder(self: Any, name: str, data_dir: str | None) -> Any:
        loader = sys.modules["seqio.utils"].LazyTfdsLoader
        is_fake = isinstance(loader, mock.Mock) and name == FAKE_TFDS
        return _builder(loader()) if is_fake else prepared(self, name, data_dir)

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

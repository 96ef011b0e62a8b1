"""Names of seqio's module of this name, for code that says `seqio.utils.map_over_dataset`.

Private settings that files of others read and set are here, too: `_TFDS_DATA_DIR_OVERRIDE` and its like.
"""

import sys
from types import ModuleType
from typing import Any

from t5mix.compat.additions.cached_paths import (
    get_cached_info_path,
    get_cached_stats_path,
    get_cached_tfrecord_prefix,
    get_task_dir_from_name,
    list_files,
)
from t5mix.compat.additions.tf_examples import (
    NestedTFDict,
    TFDict,
    dict_to_tfexample,
    flatten_dict,
    tfexample_ragged_length_key,
    tfexample_sparse_indices_key,
    tfexample_to_dict,
    unflatten_dict,
)
from t5mix.compat.additions.transforms import (
    add_kwargs_to_transform,
    fully_qualified_class_name,
    function_name,
    set_preprocessor_seed,
)
from t5mix.data.feature_converters import make_autoregressive_inputs, trim_and_pack_dataset, trim_and_pad_dataset
from t5mix.declarations.rates import mixing_rate_num_characters, mixing_rate_num_examples
from t5mix.preprocessors import mapping
from t5mix.preprocessors.mapping import map_over_dataset, map_seed_manager, stateless_shuffle
from t5mix.preprocessors.trim_and_pack import trim_dataset
from t5mix.sources.data_dirs import (
    add_global_cache_dirs,
    data_dirs,
    get_global_cache_dirs,
    set_global_cache_dirs,
    set_tfds_data_dir_override,
    set_tfds_read_config_override,
)
from t5mix.sources.tfds import LazyTfdsLoader, TfdsSplit
from t5mix.vocabularies.features import Feature

__all__ = [
    "Feature",
    "LazyTfdsLoader",
    "NestedTFDict",
    "TFDict",
    "TfdsSplit",
    "add_global_cache_dirs",
    "add_kwargs_to_transform",
    "dict_to_tfexample",
    "flatten_dict",
    "fully_qualified_class_name",
    "function_name",
    "get_cached_info_path",
    "get_cached_stats_path",
    "get_cached_tfrecord_prefix",
    "get_global_cache_dirs",
    "get_task_dir_from_name",
    "list_files",
    "make_autoregressive_inputs",
    "map_over_dataset",
    "map_seed_manager",
    "mixing_rate_num_characters",
    "mixing_rate_num_examples",
    "set_global_cache_dirs",
    "set_preprocessor_seed",
    "set_tfds_data_dir_override",
    "set_tfds_read_config_override",
    "stateless_shuffle",
    "tfexample_ragged_length_key",
    "tfexample_sparse_indices_key",
    "tfexample_to_dict",
    "trim_and_pack_dataset",
    "trim_and_pad_dataset",
    "trim_dataset",
    "unflatten_dict",
]


def _setting(attribute: str) -> property:
    """Returns a name of the module that stands for a setting of `data_dirs`; deleted, it is what it was before.

    `unittest.mock` deletes what it patched where it is no plain attribute.
    """
    before: list[Any] = [None]

    def write(_: Any, value: Any) -> None:
        before.append(getattr(data_dirs, attribute))
        setattr(data_dirs, attribute, value)

    return property(
        lambda _: getattr(data_dirs, attribute), write, lambda _: setattr(data_dirs, attribute, before.pop())
    )


class _Utils(ModuleType):
    """This module; a setting that is written to it is one that sources read."""

    _TFDS_DATA_DIR_OVERRIDE = _setting("tfds_data_dir")
    _TFDS_DATA_READ_CONFIG_OVERRIDE = _setting("tfds_read_config")
    _NEXT_MAP_SEED = property(lambda _: mapping.next_map_seed(), lambda _, seed: mapping.set_next_map_seed(seed))
    _GLOBAL_CACHE_DIRECTORIES = property(
        lambda _: list(data_dirs.cache_dirs), lambda _, folders: set_global_cache_dirs(folders)
    )


sys.modules[__name__].__class__ = _Utils

"""Names of seqio's module of this name, for code that says `seqio.utils.map_over_dataset`."""

from t5mix.data.feature_converters import make_autoregressive_inputs, trim_and_pack_dataset, trim_and_pad_dataset
from t5mix.declarations.rates import mixing_rate_num_characters, mixing_rate_num_examples
from t5mix.preprocessors.mapping import map_over_dataset, map_seed_manager, stateless_shuffle
from t5mix.sources import TfdsSplit
from t5mix.sources.data_dirs import (
    add_global_cache_dirs,
    get_global_cache_dirs,
    set_global_cache_dirs,
    set_tfds_data_dir_override,
    set_tfds_read_config_override,
)
from t5mix.vocabularies.features import Feature

__all__ = [
    "Feature",
    "TfdsSplit",
    "add_global_cache_dirs",
    "get_global_cache_dirs",
    "make_autoregressive_inputs",
    "map_over_dataset",
    "map_seed_manager",
    "mixing_rate_num_characters",
    "mixing_rate_num_examples",
    "set_global_cache_dirs",
    "set_tfds_data_dir_override",
    "set_tfds_read_config_override",
    "stateless_shuffle",
    "trim_and_pack_dataset",
    "trim_and_pad_dataset",
]

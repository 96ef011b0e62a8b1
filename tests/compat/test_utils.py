"""Private settings of seqio's module of this name are settings here."""

from unittest import mock

import t5mix
from t5mix.sources.data_dirs import data_dirs


def test_settings_that_files_of_others_read_and_set() -> None:
    with data_dirs.undone():
        t5mix.set_tfds_data_dir_override("/a")
        assert t5mix.utils._TFDS_DATA_DIR_OVERRIDE == "/a"
        with mock.patch.object(t5mix.utils, "_TFDS_DATA_DIR_OVERRIDE", "/b"):
            assert data_dirs.tfds_data_dir == "/b" and t5mix.LazyTfdsLoader("a/b:1.0.0").data_dir == "/b"
        assert data_dirs.tfds_data_dir == "/a"
        t5mix.utils._GLOBAL_CACHE_DIRECTORIES = ["/c"]
        assert list(t5mix.get_global_cache_dirs()) == t5mix.utils._GLOBAL_CACHE_DIRECTORIES == ["/c"]
    with t5mix.map_seed_manager(7):
        assert t5mix.utils._NEXT_MAP_SEED == 7
        t5mix.utils._NEXT_MAP_SEED = 9
        assert t5mix.utils._NEXT_MAP_SEED == 9
    assert t5mix.utils._NEXT_MAP_SEED is None

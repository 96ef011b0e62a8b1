"""Paths are seqio's, and patterns give files in order."""

from pathlib import Path

import t5mix


def test_paths_of_a_cache() -> None:
    assert t5mix.get_cached_info_path("/c", "train") == "/c/info.train.json"
    assert t5mix.get_cached_stats_path("/c", "train") == "/c/stats.train.json"
    assert t5mix.get_cached_tfrecord_prefix("/c", "train") == "/c/train.tfrecord"
    assert t5mix.get_task_dir_from_name("a:b:c") == "a/b/c"


def test_patterns_are_expanded_in_their_order_and_paths_are_left_alone(tmp_path: Path) -> None:
    for name in ("b2", "b1", "a1"):
        (tmp_path / name).touch()
    found = t5mix.list_files([f"{tmp_path}/b*", "/not/there@2", f"{tmp_path}/a?"])
    assert found == [f"{tmp_path}/b1", f"{tmp_path}/b2", "/not/there@2", f"{tmp_path}/a1"]
    assert t5mix.list_files(f"{tmp_path}/b*") == found[:2]

"""A cache is complete and what its key says, or it is not used."""

import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from t5mix.data.cache import store
from t5mix.data.cache.cached_tokens import FileTokens
from t5mix.data.cache.identity.key import CacheJob
from t5mix.data.cache.shard_record import DamagedError
from t5mix.internal import paths
from t5mix.preprocessors import append_eos, objectives
from t5mix.vocabularies import ByteVocabulary, PassThroughVocabulary


def _tokens(task, folder, progress=None, **job):
    steps = task.steps_before_cache
    return store.find_or_make(CacheJob(task, "train", steps, **job), folder, progress)


def _rows(found, name="inputs"):
    column = found.column(name)
    return [column.row(i).tolist() for i in range(found.examples)]


def _place(folder):
    (place,) = (folder / "tokens").glob("*/*")
    return place


def test_tokens_are_those_of_the_vocabulary_and_made_once(make_task, tmp_path):
    task = make_task("a")
    told = []
    found = _tokens(task, tmp_path, progress=lambda *numbers: told.append(numbers))
    texts = task.texts.columns
    for name in ("inputs", "targets"):
        expected = [[byte + 3 for byte in text.encode()] for text in texts[name]]
        assert _rows(found, name) == expected
        assert _rows(_tokens(task, tmp_path), name) == expected
    assert task.texts.read == 1
    assert told == [("a", 40, None)]
    assert not list((tmp_path / "tokens" / "a").glob(".*"))


def test_the_manifest_counts_what_is_in_the_file(make_task, tmp_path):
    task = make_task("a")
    found = _tokens(task, tmp_path)
    manifest = json.loads((_place(tmp_path) / "manifest.json").read_text())
    sizes = {name: sum(map(len, _rows(found, name))) for name in ("inputs", "targets")}
    assert manifest["examples"] == 40 and manifest["tokens"] == sizes
    assert manifest["shards"][0]["bytes"] == os.path.getsize(_place(tmp_path) / "00000-of-00001.arrow")


def _shorten(dataset, length):
    import tensorflow as tf

    def cut(example):
        return {key: tf.strings.substr(text, 0, length) for key, text in example.items()}

    return dataset.map(cut)


def _make_step(length):
    return lambda dataset: _shorten(dataset, length)


@pytest.mark.parametrize(
    "change",
    [
        {"before": [functools.partial(_shorten, length=3)]},
        {"before": [_make_step(2)]},
        {"before": [_make_step(3)]},
        {"vocabulary": ByteVocabulary(extra_ids=101)},
        {"columns": {"inputs": ["x"] * 40, "targets": ["y"] * 40}},
    ],
)
def test_whatever_decides_the_tokens_makes_another_cache(make_task, tmp_path, change):
    variants = [make_task("a"), make_task("a", before=[functools.partial(_shorten, length=2)])]
    changed = make_task("a", **change)
    keys = {_tokens(task, tmp_path).key for task in [*variants, changed]}
    assert len(keys) == 3
    assert _rows(_tokens(changed, tmp_path)) == _rows(_tokens(changed, tmp_path / "fresh"))


class _Shifted(ByteVocabulary):
    def encode_tf(self, s):
        return super().encode_tf(s) + 1


class _Own(ByteVocabulary):
    fingerprint = ByteVocabulary.fingerprint


def test_a_vocabulary_that_encodes_in_its_own_way_makes_another_cache(make_task, tmp_path):
    plain, shifted, own = (
        _tokens(make_task("a", vocabulary=kind(extra_ids=100)), tmp_path) for kind in (ByteVocabulary, _Shifted, _Own)
    )
    assert [[number + 1 for number in row] for row in _rows(plain)] == _rows(shifted)
    assert own.key == plain.key  # it says that it is the same


def test_what_comes_behind_the_cache_does_not_remake_it(make_task, tmp_path):
    first, second = make_task("a"), make_task("a", after=[append_eos])
    assert _tokens(first, tmp_path).key == _tokens(second, tmp_path).key
    assert second.texts.read == 0


def test_a_step_that_cannot_be_identified_is_refused_by_name(make_task, tmp_path):
    step = functools.partial(_shorten, length=threading.Lock())
    with pytest.raises(ValueError, match=r"task 'a', preprocessor.*fingerprint"):
        _tokens(make_task("a", before=[step]), tmp_path)


def test_every_flipped_byte_and_every_cut_is_found_and_repaired(make_task, tmp_path):
    task = make_task("a", count=7)
    expected = _rows(_tokens(task, tmp_path))
    file = _place(tmp_path) / "00000-of-00001.arrow"
    whole = file.read_bytes()
    rng = np.random.default_rng(0)
    damaged = [whole[:length] for length in range(0, len(whole), 64)]
    for position in rng.choice(len(whole), 40, replace=False).tolist():
        flipped = bytearray(whole)
        flipped[position] ^= 1 << int(rng.integers(8))
        damaged.append(bytes(flipped))
    for content in damaged:
        file.write_bytes(content)
        with pytest.raises(DamagedError):
            FileTokens.open(file.parent, _tokens_key(file))
    with pytest.warns(UserWarning, match="damaged"):
        assert _rows(_tokens(task, tmp_path)) == expected
    assert file.read_bytes() == whole


def _tokens_key(file):
    return json.loads((file.parent / "manifest.json").read_text())["key"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda place: (place / "manifest.json").write_text("{"),
        lambda place: (place / "manifest.json").write_text('{"files": 3}'),
        lambda place: (place / "manifest.json").unlink(),
        lambda place: (place / "00000-of-00001.arrow").unlink(),
    ],
)
def test_a_broken_folder_is_made_anew(make_task, tmp_path, spoil):
    task = make_task("a", count=3)
    expected = _rows(_tokens(task, tmp_path))
    spoil(_place(tmp_path))
    with pytest.warns(UserWarning, match="damaged"):
        assert _rows(_tokens(task, tmp_path)) == expected
    assert _rows(_tokens(task, tmp_path)) == expected


def test_another_caches_files_are_not_taken(make_task, tmp_path):
    task, other = make_task("a", count=3), make_task("b", count=3)
    expected = _rows(_tokens(task, tmp_path))
    place = _place(tmp_path)
    _tokens(other, tmp_path / "other")
    shutil.rmtree(place)
    shutil.copytree(_place(tmp_path / "other"), place)
    with pytest.warns(UserWarning, match="holds other tokens"):
        assert _rows(_tokens(task, tmp_path)) == expected


def _drop_all(dataset):
    return dataset.filter(lambda example: False)


def test_a_task_without_examples_is_refused_by_name(make_task, tmp_path):
    with pytest.raises(ValueError, match="task 'a' has no example in split 'train'"):
        _tokens(make_task("a", before=[_drop_all]), tmp_path)
    assert not list(tmp_path.rglob("00000-of-00001.arrow"))


def _only_inputs(dataset):
    return dataset.map(lambda example: {"inputs": example["inputs"]})


def test_a_missing_feature_is_refused_by_name(make_task, tmp_path):
    with pytest.raises(ValueError, match="task 'a' has no feature 'targets'"):
        _tokens(make_task("a", before=[_only_inputs]), tmp_path)


def test_ids_outside_the_vocabulary_are_refused(make_task, tmp_path):
    class Small(PassThroughVocabulary):
        def _encode_tf(self, s):
            return ByteVocabulary().encode_tf(s)

    task = make_task("a", vocabulary=Small(50, eos_id=1))
    with pytest.raises(ValueError, match=r"task 'a', feature '.*puts': token id .* of 50 ids"):
        _tokens(task, tmp_path)


def test_text_that_was_not_tokenized_is_refused(make_task, tmp_path):
    task = make_task("a")
    with pytest.raises(ValueError, match=r"task 'a'.*tokenize"):
        store.find_or_make(CacheJob(task, "train", ()), tmp_path)


def test_a_folder_that_cannot_be_written_is_named(make_task, tmp_path):
    (tmp_path / "tokens").write_text("a file in the way")
    with pytest.raises(ValueError, match=r"cannot write the token cache .*tokens.*\$T5MIX_CACHE"):
        _tokens(make_task("a"), tmp_path)


def test_what_killed_writers_left_is_swept_after_a_day(make_task, tmp_path):
    folder = tmp_path / "tokens" / "a"
    kinds = {"old": (2 * 86400, 2 * 86400), "at work": (2 * 86400, 60), "new": (60, 60)}
    places = {}
    for name, (folder_age, file_age) in kinds.items():
        places[name] = folder / f".train-{name}.{'0' * 32}"
        places[name].mkdir(parents=True)
        file = places[name] / "00000-of-00001.arrow"
        file.write_text("half")
        os.utime(file, (time.time() - file_age,) * 2)
        os.utime(places[name], (time.time() - folder_age,) * 2)
    other = folder / ".somebody's"
    other.mkdir()
    os.utime(other, (0, 0))
    _tokens(make_task("a"), tmp_path)
    assert {name for name, place in places.items() if place.exists()} == {"at work", "new"}
    assert other.exists()


def _shuffled(dataset):
    return dataset.shuffle(40)


def test_steps_that_make_other_tokens_each_time_are_refused(make_task, tmp_path):
    with pytest.raises(ValueError, match=r"task 'a'.*before the cache make other examples each time"):
        _tokens(make_task("a", before=[_shuffled]), tmp_path)


def _in_any_order(dataset):
    import tensorflow as tf

    options = tf.data.Options()
    options.deterministic = False
    return dataset.with_options(options)


def test_tokens_stand_in_the_order_of_the_source(make_task, tmp_path):
    found = _tokens(make_task("a", before=[_in_any_order]), tmp_path)
    assert _rows(found) == _rows(_tokens(make_task("a"), tmp_path))


@pytest.mark.parametrize("name", ["a..b#c:d", "中" * 200, "x" * 300])
def test_names_stay_inside_the_folder(make_task, tmp_path, name):
    place = Path(CacheJob(make_task(name), "train", ()).relative_path)
    assert len(place.parts) == 3 and ".." not in place.parts and max(map(len, place.parts)) < 200


def test_threads_that_write_at_once_agree(make_task, tmp_path):
    tasks = [make_task("a") for _ in range(4)]
    found = [None] * 4

    def make(number):
        found[number] = _rows(_tokens(tasks[number], tmp_path))

    threads = [threading.Thread(target=make, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] is not None and all(rows == found[0] for rows in found)
    assert _place(tmp_path) and not list((tmp_path / "tokens" / "a").glob(".*"))


def test_a_cache_in_several_batches_reads_like_one(make_task, tmp_path, monkeypatch):
    from t5mix.data.tokenization import record_batches, with_tensorflow

    whole = _tokens(make_task("a"), tmp_path / "whole")
    monkeypatch.setattr(with_tensorflow, "_EXAMPLES_AT_ONCE", 3)
    monkeypatch.setattr(record_batches, "_TOKENS_IN_BATCH", 100)
    parts = _tokens(make_task("a"), tmp_path / "parts")
    one, many = (found.column("inputs") for found in (whole, parts))
    assert len(one.first_rows) == 2 and len(many.first_rows) > 6
    assert _rows(whole) == _rows(parts)
    assert np.array_equal(one.lengths, many.lengths)
    rng = np.random.default_rng(0)
    for start, stop in np.sort(rng.integers(0, one.tokens, (50, 2)), axis=1).tolist():
        assert np.array_equal(one.span(start, stop), many.span(start, stop))


_WRITER = textwrap.dedent(
    """
    import sys
    sys.path.insert(0, {tests!r})
    from pathlib import Path
    from conftest import text_task
    from t5mix.data.cache import store
    from t5mix.data.cache.identity.key import cache_job
    task = text_task("a", count=20000, longest=60)
    print("ready", flush=True)
    found = store.find_or_make(cache_job(task, "train"), Path({folder!r}))
    print(found.examples, flush=True)
    """
)


@pytest.mark.slow
def test_processes_that_are_killed_while_they_write_leave_no_wrong_cache(make_task, tmp_path):
    script = _WRITER.format(tests=os.path.dirname(os.path.dirname(__file__)), folder=str(tmp_path))
    root = str(Path(__file__).resolve().parents[3])
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": root},
        )
        for _ in range(4)
    ]
    for process, wait in zip(processes[:2], (0.5, 1.5), strict=True):
        process.stdout.readline()
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
    finished = [process.communicate(timeout=300)[0] for process in processes]
    assert all("20000" in text for text in finished[2:])
    task = make_task("a", count=20000, longest=60)
    assert _tokens(task, tmp_path).examples == 20000
    assert task.texts.read == 0


def test_objectives_need_nothing_but_tokens(make_task, tmp_path):
    task = make_task("a", after=[objectives.prefix_lm])
    assert _tokens(task, tmp_path).table.column_names == ["inputs", "targets"]
    everything = _tokens(task, tmp_path, keep_all=True).table.column_names
    assert "inputs_pretokenized" in everything


def test_all_that_is_kept_lies_in_one_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for chosen in ("~/caches", str(tmp_path / "caches")):
        monkeypatch.setenv("T5MIX_CACHE", chosen)
        assert store.folder_of() == paths.cache_folder() == store.folder_of("~/caches") == tmp_path / "caches"
    monkeypatch.setenv("T5MIX_CACHE", "gs://bucket/caches")
    with pytest.raises(ValueError, match=r"the folder of caches is gs://bucket/caches, but"):
        store.folder_of()

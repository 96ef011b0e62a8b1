"""A cache of several shards, read block by block: the source's order, and never a wrong token."""

import functools
import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t5mix import preprocessors
from t5mix.data.cache import manifest, shard_record, store, writer
from t5mix.data.cache.cached_tokens import FileTokens, MemoryTokens
from t5mix.data.cache.identity.key import CacheJob
from t5mix.data.cache.shard_record import DamagedError, ShardRecord
from t5mix.data.tokenization import without_tensorflow
from t5mix.data.tokenization.record_batches import record_batches
from t5mix.declarations.task import Task
from t5mix.preprocessors.mapping import map_over_dataset
from t5mix.preprocessors.pipeline import CacheDatasetPlaceholder
from t5mix.sources import TextLineDataSource
from t5mix.vocabularies import ByteVocabulary
from t5mix.vocabularies.features import Feature

_WITH_ID = ("inputs", "targets", "id")
_PARSE = functools.partial(preprocessors.parse_tsv, field_names=["inputs", "targets"])


def _files(folder, counts):
    rng = np.random.default_rng(0)
    lines = []
    for number, count in enumerate(counts):
        made = [f"{'ab' * int(rng.integers(0, 9))} {number}\t{'c' * int(rng.integers(0, 5))}" for _ in range(count)]
        (folder / f"part{number}.tsv").write_text("".join(f"{line}\n" for line in made))
        lines += made
    return lines


def _task(folder, steps=(_PARSE,), tokenize=preprocessors.tokenize, header=0):
    feature = Feature(ByteVocabulary())
    return Task(
        "a",
        source=TextLineDataSource({"train": f"{folder}/part*.tsv"}, header, num_input_examples={"train": 0}),
        preprocessors=[*steps, tokenize, CacheDatasetPlaceholder()],
        output_features={"inputs": feature, "targets": feature},
    )


def _open(task, folder, **options):
    return store.find_or_make(CacheJob(task, "train", task.steps_before_cache, **options), folder)


def _texts(found, name):
    values, lengths = found.column(name).gather(np.arange(found.examples))
    pieces = np.split(values - 3, np.cumsum(lengths)[:-1])
    return [bytes(piece.astype(np.uint8)).decode() for piece in pieces]


def test_batches_hold_the_columns_that_are_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr("t5mix.data.tokenization.record_batches._TOKENS_IN_BATCH", 1)
    monkeypatch.setattr(without_tensorflow, "_AT_ONCE", 20)
    lines = _files(tmp_path, [5, 0, 7])
    found = _open(_task(tmp_path), tmp_path, keep_all=True)
    held = MemoryTokens("", found.table)
    for names in (["targets_pretokenized", "absent"], ["inputs", "targets"], []):
        some, others = list(found.batches(names)), list(held.batches(names))
        assert len(some) > 2
        assert [batch.schema.names for batch in some] == [[n for n in names if n != "absent"]] * len(some)
        assert pa.Table.from_batches(some).equals(pa.Table.from_batches(others))
        assert sum(batch.num_rows for batch in some) == sum(batch.num_rows for batch in others) == len(lines)
    targets = [line.split("\t")[1].encode() for line in lines]
    assert [v for b in found.batches(["targets_pretokenized"]) for v in b.column(0).to_pylist()] == targets


def test_batches_of_a_damaged_file_are_refused(tmp_path):
    _files(tmp_path, [20_000])
    found = _open(_task(tmp_path), tmp_path, keep_all=True)
    (path,) = _files_of(tmp_path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    tokens = _open(_task(tmp_path), tmp_path, keep_all=True)  # only its ends are looked at
    assert tokens.examples == found.examples
    with pytest.raises(DamagedError, match=r"does not match its checksum .* is deleted: start again"):
        next(tokens.batches(["inputs"]))
    assert not path.exists()


def _files_of(folder):
    return sorted((folder / "tokens").glob("*/*/*.arrow"))


def test_shards_stand_one_behind_the_other_in_the_order_of_the_files(tmp_path):
    lines = _files(tmp_path, [5, 0, 7, 1])
    found = _open(_task(tmp_path), tmp_path)
    assert found.examples == 13
    for place, name in enumerate(("inputs", "targets")):
        assert _texts(found, name) == [line.split("\t")[place] for line in lines]
    assert [pa.ipc.open_file(file).read_all().num_rows for file in _files_of(tmp_path)] == [5, 0, 7, 1]
    assert found.table.num_rows == 13


@pytest.mark.parametrize("options", [{}, {"keep_all": True}])
@pytest.mark.parametrize(
    ("steps", "header"),
    [
        ((_PARSE,), 0),
        ((_PARSE,), 2),
        ((functools.partial(preprocessors.parse_tsv, field_columns=[1, 0]),), 0),
        ((functools.partial(preprocessors.parse_tsv, field_names=list(_WITH_ID), field_columns=[1, 0, 1]),), 0),
        ((functools.partial(preprocessors.preprocess_tsv, inputs_format="q: {1} é {0}"),), 0),
        ((_PARSE, functools.partial(preprocessors.rekey, key_map={"inputs": "targets", "targets": None})), 0),
    ],
)
def test_steps_without_tensorflow_give_what_it_gives(tmp_path, monkeypatch, steps, header, options):
    _files(tmp_path, [4, 3])
    (tmp_path / "part2.tsv").write_bytes(b'"a"\r\t \xc3\xbf\r\n\t\x00\nx y \t"\nlast\tline')
    plain = _open(_task(tmp_path, steps, header=header), tmp_path / "plain", **options)
    monkeypatch.setattr("t5mix.data.tokenization.without_tensorflow.batches", lambda *arguments: None)
    slow = _open(_task(tmp_path, steps, header=header), tmp_path / "slow", **options)
    assert plain.key == slow.key
    assert ("inputs_pretokenized" in plain.table.column_names) == bool(options)
    for one, other in zip(_files_of(tmp_path / "plain"), _files_of(tmp_path / "slow"), strict=True):
        assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("at_once", [1, 60, 1000])
def test_lines_are_made_some_at_a_time_however_long_they_are(tmp_path, monkeypatch, at_once):
    monkeypatch.setattr(without_tensorflow, "_AT_ONCE", at_once)
    lines = ["a header\n", *(f"{number}{'x' * (number % 7 * 30)}\t{number}\n" for number in range(40))]
    path = tmp_path / "lines.tsv"
    path.write_text("".join(lines))
    source = TextLineDataSource({"train": str(path)}, skip_header_lines=1)
    made = list(without_tensorflow.batches(source, str(path), (_PARSE,)))
    assert [one for some in made for one in some["targets"]] == [b"%d" % number for number in range(40)]
    assert max(sum(map(len, some["inputs"])) for some in made) < at_once + max(map(len, lines))
    path.write_text("".join([*lines[:30], "lonely\n", *lines[30:]]))
    with pytest.raises(ValueError, match=r"lines\.tsv:31: the line has 1 fields"):
        list(without_tensorflow.batches(source, str(path), (_PARSE,)))


def test_a_line_with_too_few_fields_is_named(tmp_path):
    _files(tmp_path, [3])
    with open(tmp_path / "part0.tsv", "a") as file:
        file.write("lonely\n")
    with pytest.raises(ValueError, match=r"part0\.tsv:4: the line has 1 fields instead of 2"):
        _open(_task(tmp_path), tmp_path)
    assert not list((tmp_path / "tokens" / "a").iterdir())


@pytest.mark.parametrize("columns", [None, [0]])
def test_an_empty_line_is_refused_with_and_without_tensorflow(tmp_path, columns):
    import tensorflow as tf

    (tmp_path / "part0.txt").write_text("It rains.\n\nWe wait.\n")
    feature = Feature(ByteVocabulary())
    parse = functools.partial(preprocessors.parse_tsv, field_names=["targets"], field_columns=columns)
    task = Task(
        "lines",
        source=TextLineDataSource({"train": f"{tmp_path}/part*.txt"}),
        preprocessors=[parse, preprocessors.tokenize, CacheDatasetPlaceholder()],
        output_features={"targets": feature},
    )
    with pytest.raises(ValueError, match=r"part0\.txt:2: the line is empty instead of having"):
        _open(task, tmp_path)
    with pytest.raises(tf.errors.InvalidArgumentError, match="parse_tsv: not 1 fields in"):
        list(task.get_dataset(shuffle=False))


@pytest.mark.parametrize("with_eos", [False, True])
@pytest.mark.parametrize("copies", [False, True])
def test_tokens_made_in_batches_are_those_made_one_by_one(tmp_path, monkeypatch, with_eos, copies):
    _files(tmp_path, [4, 3])
    step = functools.partial(preprocessors.tokenize, with_eos=with_eos, copy_pretokenized=copies)
    fast = _open(_task(tmp_path, tokenize=step), tmp_path / "fast", keep_all=True).table
    monkeypatch.setattr("t5mix.data.tokenization.tokenizers.TokenizeStep.of", lambda *arguments: None)
    slow = _open(_task(tmp_path, tokenize=step), tmp_path / "slow", keep_all=True).table
    assert ("inputs_pretokenized" in fast.column_names) == copies
    assert fast.equals(slow)


@map_over_dataset(num_seeds=1)
def _noisy(example, seed):
    import tensorflow as tf

    number = tf.random.stateless_uniform([], seed, 0, 1000, tf.int32)
    return {**example, "inputs": tf.strings.as_string(number)}


@pytest.mark.filterwarnings("ignore:task 'a'. preprocessor '_noisy' is random")
def test_noise_before_the_cache_depends_on_the_shard_alone(tmp_path):
    _files(tmp_path, [5, 5])
    (tmp_path / "part1.tsv").write_text((tmp_path / "part0.tsv").read_text())
    task = _task(tmp_path, (_PARSE, _noisy))
    texts = _texts(_open(task, tmp_path / "one"), "inputs")
    assert texts == _texts(_open(task, tmp_path / "two"), "inputs")
    assert texts[:5] != texts[5:] and len(set(texts)) > 5


def test_workers_that_write_shards_in_any_order_make_the_same_bytes(tmp_path):
    _files(tmp_path, [4, 2, 6])
    task = _task(tmp_path)
    whole = _open(task, tmp_path / "whole")
    job = CacheJob(task, "train", task.steps_before_cache)
    place = store.path_of(job, tmp_path / "parts")
    folder = store.staging(place)
    records = {
        number: writer.write_shard(job, number, record_batches(job.shard(number)), folder)
        for number in (2, 0, 1, 2)  # one twice
    }
    sent = [json.loads(json.dumps(records[number].as_json())) for number in range(3)]
    writer.finish(job, folder, [ShardRecord.from_json(record) for record in sent])
    store.publish(folder, place)
    first = whole.files[0].path.parent
    assert len(list(place.iterdir())) == 4
    for file in place.iterdir():
        assert file.read_bytes() == (first / file.name).read_bytes()


@pytest.fixture
def several_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(shard_record, "BLOCK", 256)
    monkeypatch.setattr(writer, "_AT_ONCE", 512)
    _files(tmp_path, [60, 50])
    task = _task(tmp_path)
    found = _open(task, tmp_path)
    return task, found, _files_of(tmp_path)


def test_a_flipped_bit_is_found_before_a_wrong_example_is_read(tmp_path, several_blocks):
    _, found, files = several_blocks
    column = found.column("inputs")
    everything = np.arange(column.count)
    expected = [column.row(index).tolist() for index in everything.tolist()]
    rng = np.random.default_rng(1)
    met = 0
    for number in range(300):
        file = files[number % 2]
        whole = file.read_bytes()
        flipped = bytearray(whole)
        flipped[rng.integers(len(whole))] ^= 1 << int(rng.integers(8))
        file.write_bytes(flipped)
        try:
            fresh = FileTokens.open(file.parent, found.key)
            damaged = fresh.column("inputs")
            for index in rng.permutation(everything)[:20].tolist():
                assert damaged.row(index).tolist() == expected[index]
            with pytest.raises(DamagedError, match="does not match its checksum"):
                _ = fresh.table
        except DamagedError as damage:
            assert file.name in str(damage)
            met += 1
        file.write_bytes(whole)
    assert 30 < met < 300


def test_only_the_damaged_shard_is_made_anew(tmp_path, several_blocks):
    task, _, files = several_blocks
    whole = [file.read_bytes() for file in files]
    unchanged = files[0].stat().st_mtime_ns
    # Inside, where it is found as it is read.
    files[1].write_bytes(whole[1][:400] + b"?" + whole[1][401:])
    read = _open(task, tmp_path)
    with pytest.raises(DamagedError, match="is deleted: start again, and it is made anew"):
        _ = read.table
    # Missing now, which is found at opening.
    for _ in range(2):
        with pytest.warns(UserWarning, match="damaged"):
            _open(task, tmp_path)
        assert [file.read_bytes() for file in files] == whole
        files[1].write_bytes(whole[1][:500])
    assert files[0].stat().st_mtime_ns == unchanged


def test_every_cut_is_found_when_the_cache_is_opened(several_blocks):
    _, found, files = several_blocks
    whole = files[0].read_bytes()
    for length in range(0, len(whole), 64):
        files[0].write_bytes(whole[:length])
        with pytest.raises(DamagedError):
            FileTokens.open(files[0].parent, found.key)


def test_little_is_read_for_one_example_of_a_large_shard(several_blocks):
    _, found, _ = several_blocks
    fresh = FileTokens.open(found.files[0].path.parent, found.key)
    fresh.column("inputs").row(30)
    blocks = fresh.files[0]._unverified
    assert len(blocks) > 8 and np.count_nonzero(~blocks) <= 6


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(data=st.data())
def test_a_record_of_nonsense_is_refused_and_never_followed(data):
    column = {"tokens": [3], "values": [64], "offsets": [128]}
    record = {
        "name": "a.arrow",
        "bytes": 200,
        "rows": [2],
        "columns": {"x": column},
        "content": "",
        "crc32": "00000000",
        "skipped": [],
    }
    ShardRecord.from_json(record)
    target = data.draw(st.sampled_from([record, column]))
    target[data.draw(st.sampled_from(sorted(target)))] = data.draw(_JSON)
    try:
        found = ShardRecord.from_json(record)
    except DamagedError:
        return
    for one in found.columns.values():
        assert (one.values + 4 * one.tokens <= found.size).all()
        assert (one.offsets + 8 * (found.rows + 1) <= found.size).all()


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.binary(max_size=200), st.integers(0, 200))
def test_a_manifest_of_other_bytes_is_refused(tmp_path_factory, noise, place):
    folder = tmp_path_factory.mktemp("manifest", numbered=True)
    manifest.write(folder, {"a": 1, "b": "two"})
    assert manifest.read(folder) == {"a": 1, "b": "two"}
    whole = (folder / manifest.NAME).read_bytes()
    changed = whole[:place] + noise + whole[place + len(noise) :]
    (folder / manifest.NAME).write_bytes(changed)
    if changed != whole:
        with pytest.raises(DamagedError):
            manifest.read(folder)

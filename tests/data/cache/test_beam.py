"""Beam makes the bytes that one machine makes, however often it runs a bundle."""

import dataclasses
import hashlib
import json
from pathlib import Path

import pytest

from t5mix.data.cache import object_store, store, writer
from t5mix.data.cache.identity.key import cache_job
from t5mix.data.cache.shard_record import ShardRecord
from t5mix.data.tokenization.record_batches import record_batches
from t5mix.declarations import discovery, registry
from t5mix.declarations.registry import TaskRegistry

pytest.importorskip("apache_beam", reason="needs Apache Beam: pip install 't5mix[beam]'")

from t5mix.data.cache import beam

DECLARATIONS = """
import functools
from pathlib import Path

import t5mix
from t5mix import preprocessors

FOLDER = Path(__file__).parent
FEATURES = {name: t5mix.Feature(t5mix.ByteVocabulary()) for name in ("inputs", "targets")}


@t5mix.map_over_dataset(num_seeds=1)
def noisy(example, seed):
    import tensorflow as tf

    noise = tf.strings.as_string(tf.random.stateless_uniform([], seed, maxval=1000, dtype=tf.int32))
    return {**example, "inputs": example["inputs"] + noise}


def failing(split, shuffle_files):
    import tensorflow as tf

    if not (FOLDER / "failed").exists():
        (FOLDER / "failed").touch()
        raise OSError("the network is down")
    return tf.data.Dataset.from_tensor_slices({"inputs": ["a", "b"], "targets": ["c", "d"]})


failing.fingerprint = lambda split: "failing"


def add(name, source, *steps):
    t5mix.TaskRegistry.add(
        name,
        source=source,
        preprocessors=[*steps, preprocessors.tokenize, t5mix.CacheDatasetPlaceholder(), preprocessors.append_eos],
        output_features=FEATURES,
    )


def changing(dataset):
    (FOLDER / "part-0.tsv").write_text("other\\tlines\\n")
    return preprocessors.parse_tsv(dataset)


files = t5mix.TextLineDataSource({"train": str(FOLDER / "part-*.tsv")})
add("beam_tsv", files, preprocessors.parse_tsv)
add("beam_noise", files, preprocessors.parse_tsv, noisy)
add("beam_changing", files, changing)
add("beam_failing", t5mix.FunctionDataSource(failing, ["train"]))
"""


@pytest.fixture
def declarations(tmp_path: Path):
    for number in range(3):
        lines = [f"question {number}.{line}\t{'answer ' * line}" for line in range(5)]
        (tmp_path / f"part-{number}.tsv").write_text("\n".join(lines) + "\n")
    path = tmp_path / "declarations.py"
    path.write_text(DECLARATIONS)
    with registry.overlay():
        discovery.include(path)
        yield path


def job_of(name, split="train"):
    return cache_job(TaskRegistry.get(name), split)


def bytes_of(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def made_here(jobs, folder):
    for job in jobs:
        store.find_or_make(job, folder)
    return bytes_of(folder)


def test_tasks_and_files_come_out_as_on_one_machine_though_every_bundle_runs_twice(declarations, tmp_path) -> None:
    jobs = [job_of("beam_tsv"), job_of("beam_noise"), job_of("offline_sentiment", "validation")]
    expected = made_here(jobs, tmp_path / "here")
    # A file for each of the source's, but one where a step before the cache is random.
    assert sum(name.endswith(".arrow") for name in expected) == 3 + 1 + 1
    told = []
    options = ["--direct_runner_bundle_repeat=1"]
    beam.make(jobs, tmp_path / "beam", options, [declarations], lambda *numbers: told.append(numbers))
    assert bytes_of(tmp_path / "beam") == expected
    assert all(0 <= done <= total == 5 for done, total in told)
    found = beam.find(jobs[0], tmp_path / "beam", verify=True)
    assert found is not None and found.examples == 15


def test_a_task_of_tfds(shared_data, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("TFDS_DATA_DIR", str(shared_data / "tfds"))
    monkeypatch.setenv("T5MIX_T5_VOCAB", str(shared_data / "t5_vocab" / "spiece.model"))
    job = job_of("glue_rte_v002", "validation")
    expected = made_here([job], tmp_path / "here")
    beam.make([job], tmp_path / "beam")
    assert bytes_of(tmp_path / "beam") == expected


def test_a_store_holds_the_same_bytes(declarations, tmp_path) -> None:
    job = job_of("beam_tsv")
    expected = made_here([job], tmp_path / "here")
    address = f"file://{tmp_path}/store"
    assert beam.find(job, address) is None
    beam.make([job], address, ["--direct_runner_bundle_repeat=1"], [declarations])
    assert bytes_of(tmp_path / "store") == expected
    found = beam.find(job, address)
    assert found is not None and (found.examples, found.place.startswith(address)) == (15, True)


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_a_source_that_changes_meanwhile_leaves_no_cache(declarations, tmp_path, scheme) -> None:
    job = job_of("beam_changing")
    assert job.key
    with pytest.raises(ValueError, match=r"task 'beam_changing', split 'train': its source changed while"):
        beam.make([job], f"{scheme}{tmp_path}/there", [], [declarations])
    assert beam.find(job, f"{scheme}{tmp_path}/there") is None


def test_what_a_store_gives_back_is_compared(declarations, tmp_path, monkeypatch) -> None:
    def damaging(file, store, address):
        content = bytearray(file.read_bytes())
        content[-20] ^= 1
        file.write_bytes(content)
        copy(file, store, address)

    copy = object_store._copy
    monkeypatch.setattr(object_store, "_copy", damaging)
    with pytest.raises(OSError, match=r"00000-of-00003.arrow came back otherwise than it was written"):
        object_store.write_shard(job_of("beam_tsv"), 0, f"file://{tmp_path}/store")


def test_a_worker_that_fails_is_tried_again(declarations, tmp_path) -> None:
    job = job_of("beam_failing")
    with pytest.raises(OSError, match="the network is down"):
        beam.make([job], tmp_path / "beam", [], [declarations])
    assert not bytes_of(tmp_path / "beam")
    (tmp_path / "failed").unlink()
    # Unlike the default runner, this one tries again.
    runner = "--runner=apache_beam.runners.direct.direct_runner.BundleBasedDirectRunner"
    beam.make([job], tmp_path / "beam", [runner], [declarations])
    assert (tmp_path / "failed").exists()
    assert bytes_of(tmp_path / "beam") == made_here([job], tmp_path / "here")


def test_bundles_that_run_again_after_the_cache_has_its_name_do_nothing(declarations, tmp_path) -> None:
    job = job_of("beam_tsv")
    private = store.staging(store.path_of(job, tmp_path))
    asked = (
        job.task.name,
        job.split,
        job.made_from["source"],
        job.key,
        json.dumps(job.versions),
        str(tmp_path),
        str(private),
    )
    write, finish = beam.WriteShard([str(declarations)]), beam.FinishCache([str(declarations)])
    write.setup()
    finish.setup()
    shares = [share for number in (2, 0, 1) for share in write.process((asked, number))]
    results = [share for _, share in shares]
    for again in range(2):
        assert list(finish.process((asked, results + results[:1]))) == [asked]
        before = bytes_of(tmp_path)
        assert [share for number in (2, 0, 1) for share in write.process((asked, number))] == shares
        assert bytes_of(tmp_path) == before, again
    assert store.find_or_make(job, tmp_path).examples == 15


def test_a_worker_whose_declarations_are_others_refuses(declarations, tmp_path) -> None:
    job = job_of("beam_tsv")
    wrong = dataclasses.replace(job, steps=job.steps[:1])
    with pytest.raises(ValueError, match=r"task 'beam_tsv', split 'train': this worker would make other tokens"):
        beam.make([wrong], tmp_path / "beam", [], [declarations])
    assert not bytes_of(tmp_path / "beam")


def test_a_damaged_cache_is_not_found(declarations, tmp_path) -> None:
    job = job_of("beam_tsv")
    made_here([job], tmp_path)
    (place,) = (tmp_path / "tokens").glob("*/*")
    file = place / job.shard_name(1)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert beam.find(job, tmp_path) is not None  # what was not read
    assert beam.find(job, tmp_path, verify=True) is None
    assert not place.exists()


def test_an_address_that_nothing_opens_is_refused(declarations) -> None:
    with pytest.raises(ValueError, match=r"cache_dir is nowhere://x, which Arrow does not open"):
        beam.make([job_of("beam_tsv")], "nowhere://x")


def test_finishing_wants_every_shard(declarations, tmp_path) -> None:
    job = job_of("beam_tsv")
    records = [writer.write_shard(job, number, record_batches(job.shard(number)), tmp_path) for number in (0, 2)]
    assert all(isinstance(record, ShardRecord) for record in records)
    with pytest.raises(AssertionError, match="00002-of-00003"):
        writer.finish(job, tmp_path, records)

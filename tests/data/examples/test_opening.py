"""Opening many tasks: what is cached is found at little cost, and what is not is made, with the same result."""

import gc
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from t5mix import preprocessors
from t5mix.data.cache import store
from t5mix.data.cache.identity.key import FingerprintMemo, cache_job
from t5mix.data.cache.shard_record import DamagedError
from t5mix.data.examples import opening
from t5mix.data.mixing.mixer import Mixer
from t5mix.data.packing import capacity
from t5mix.declarations.task import Task
from t5mix.preprocessors.pipeline import CacheDatasetPlaceholder
from t5mix.sources import TextLineDataSource
from t5mix.vocabularies import ByteVocabulary
from t5mix.vocabularies.features import Feature

LENGTHS = {"inputs": 16, "targets": 12}


class Counted(ByteVocabulary):
    """Counts how often its EOS is asked for; its fingerprint is its own."""

    asked = 0
    fingerprint = ByteVocabulary.fingerprint

    @property
    def eos_id(self) -> int | None:
        type(self).asked += 1
        return super().eos_id


def _tasks(folder: Path, count: int, vocabulary: ByteVocabulary | None = None) -> list[Task]:
    feature = Feature(vocabulary or ByteVocabulary())
    tasks = []
    for number in range(count):
        path = folder / f"{number}.tsv"
        path.write_text(
            "".join(f"{'a' * (line % 23)}b\t{number} {'c' * line}\n" for line in range(1 + 3 * number % 40))
        )
        tasks.append(
            Task(
                f"task_{number}",
                source=TextLineDataSource({"train": str(path)}),
                preprocessors=[
                    preprocessors.parse_tsv,
                    preprocessors.tokenize,
                    CacheDatasetPlaceholder(),
                    preprocessors.append_eos,
                ],
                output_features={"inputs": feature, "targets": feature},
            )
        )
    return tasks


def _content(opened: list[opening.TaskExamples]) -> list[tuple[str, list[list[int]]]]:
    return [
        (one.identity, [tokens.values.tolist() for tokens in one.examples.gather(0, np.arange(one.examples.count))])
        for one in opened
    ]


@pytest.mark.parametrize("cached", [range(0), range(0, 45, 3), range(40), range(45)])
def test_tasks_are_the_same_whichever_are_cached(tmp_path, cached):
    tasks = _tasks(tmp_path, 45)
    alone = [opening.open_all([task], "train", LENGTHS, 0, tmp_path / "alone")[0] for task in tasks]
    opening.open_all([tasks[number] for number in cached], "train", LENGTHS, 0, tmp_path / "some")
    together = opening.open_all(tasks, "train", LENGTHS, 0, tmp_path / "some")
    assert _content(together) == _content(alone)


def test_a_damaged_cache_and_a_changed_file_are_not_read(tmp_path):
    tasks = _tasks(tmp_path, 4)
    before = _content(opening.open_all(tasks, "train", LENGTHS, 0, tmp_path / "cache"))
    place = store.path_of(cache_job(tasks[1], "train"), tmp_path / "cache")
    shard = next(place.glob("*.arrow"))
    shard.write_bytes(shard.read_bytes()[:-1])
    (tmp_path / "2.tsv").write_text("new\tline\n")
    with pytest.warns(UserWarning, match="damaged"):
        after = _content(opening.open_all(tasks, "train", LENGTHS, 0, tmp_path / "cache"))
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, True, False, True]
    assert after[2][1][1] == [*ByteVocabulary().encode("line"), 1]


def test_the_eos_of_a_cache_is_read_from_it(tmp_path):
    made = _content(opening.open_all(_tasks(tmp_path, 5, Counted()), "train", LENGTHS, 0, tmp_path / "cache"))
    assert Counted.asked > 0
    Counted.asked = 0
    found = _content(opening.open_all(_tasks(tmp_path, 5, Counted()), "train", LENGTHS, 0, tmp_path / "cache"))
    assert found == made and Counted.asked == 0


@pytest.mark.parametrize("kind", [int, np.int64])
def test_an_eos_that_the_fingerprint_does_not_tell_is_asked_for(tmp_path, kind):
    class Ended(ByteVocabulary):
        eos = kind(1)

        @property
        def eos_id(self) -> int | None:
            return self.eos

    for eos in (1, 2):
        Ended.eos = kind(eos)
        opened = opening.open_all(_tasks(tmp_path, 2, Ended()), "train", LENGTHS, 0, tmp_path / "cache")
        assert [one.examples.gather(0, np.arange(1))[1].values[-1] for one in opened] == [eos] * 2


def test_cached_tasks_are_read_without_tensorflow_and_pyarrow(tmp_path):
    # Files of several blocks, too.
    lines = "".join(f"{'word ' * 40}{number}\tanswer\n" for number in range(900))
    (tmp_path / "train.tsv").write_text(lines)
    script = f"""
import sys
import t5mix
from t5mix.data import Stream
feature = t5mix.Feature(t5mix.ByteVocabulary())
task = t5mix.Task("a", t5mix.TextLineDataSource({{"train": {str(tmp_path / "train.tsv")!r}}}),
    preprocessors=[t5mix.preprocessors.parse_tsv, t5mix.preprocessors.tokenize, t5mix.CacheDatasetPlaceholder(),
                   t5mix.preprocessors.append_eos],
    output_features={{"inputs": feature, "targets": feature}})
batch = Stream(task, {LENGTHS!r}, 8, cache_dir={str(tmp_path / "cache")!r}).batch(3)
print(int(batch["inputs"].sum()), [name for name in ("tensorflow", "pyarrow") if name in sys.modules])
"""
    runs = [
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split(
            maxsplit=1
        )
        for _ in range(2)
    ]
    assert runs[0][0] == runs[1][0]
    assert runs[1][1].strip() == "[]"


@pytest.mark.parametrize("enabled", [True, False])
def test_the_search_for_cycles_is_as_it_was(tmp_path, enabled):
    (gc.enable if enabled else gc.disable)()
    try:
        with pytest.raises(ValueError, match="lengths for"):
            opening.open_all(_tasks(tmp_path, 1), "train", {"inputs": 4}, 0, tmp_path)
        opening.open_all(_tasks(tmp_path, 2), "train", LENGTHS, 0, tmp_path / "cache")
        assert gc.isenabled() == enabled
    finally:
        gc.enable()


def test_steps_and_vocabularies_are_asked_once_and_told_apart():
    memo = FingerprintMemo()
    Counted.asked = 0
    one, other = Counted(), ByteVocabulary(extra_ids=7)
    assert [memo.eos_id(one) for _ in range(3)] == [1, 1, 1] and Counted.asked == 1
    found = [memo.features({"x": Feature(vocabulary)})["x"][0] for vocabulary in (one, other, one)]
    assert found[0] == found[2] == one.fingerprint
    assert found[1] == other.fingerprint != found[0]
    # Objects that come and go may get the same number, one after the other.
    steps = [memo.step_fingerprint(None, lambda dataset, number=number: (dataset, number)) for number in range(50)]
    assert len(set(steps)) == 50


@pytest.mark.parametrize("at_once", [1, 60, 1 << 18])
def test_moments_of_many_tasks_are_those_of_each(tmp_path, monkeypatch, at_once):
    monkeypatch.setattr(capacity, "_AT_ONCE", at_once)
    tasks = _tasks(tmp_path, 12)
    opened = opening.open_all(tasks, "train", LENGTHS, 0, tmp_path / "cache")
    examples = {task.name: one.examples for task, one in zip(tasks, opened, strict=True)}
    mixer = Mixer(examples, dict.fromkeys(examples, 1.0), 0)
    limits = tuple(LENGTHS.values())
    for one, found in zip(examples.values(), capacity._moments(mixer, tuple(examples.values()), limits), strict=True):
        shares = one.lengths(0, np.arange(one.count)) / np.array(limits)
        assert found.count == one.count
        assert np.allclose(found.means, shares.mean(axis=0), atol=1e-4)
        assert np.isclose(found.mean, shares.max(axis=1).mean(), atol=1e-4)
        assert np.isclose(found.variance, shares.max(axis=1).var(), atol=1e-4)


def test_what_is_let_go_of_is_read_again(tmp_path):
    opened = opening.open_all(_tasks(tmp_path, 3), "train", LENGTHS, 0, tmp_path / "cache")
    before = _content(opened)
    for one in opened:
        one.examples.release()
    assert _content(opened) == before
    for one in opened[1:]:
        one.examples.release()
    files = [file.path for one in opened for file in one.examples.features[0]._files]
    whole = files[1].read_bytes()
    files[1].write_bytes(whole[:400] + b"?" + whole[401:])
    with pytest.raises(DamagedError, match="is deleted"):
        opened[1].examples.gather(0, np.arange(1))
    files[2].write_bytes(files[2].read_bytes()[:300])
    with pytest.raises(OSError, match="holds 300 of "):
        opened[2].examples.gather(0, np.arange(1))
    files[0].unlink()
    assert _content(opened[:1]) == before[:1]  # is held
    opened[0].examples.release()
    with pytest.raises(OSError, match="No such file"):
        opened[0].examples.gather(0, np.arange(1))

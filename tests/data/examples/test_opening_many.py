"""Many small tasks tokenized together: the bytes of each one's cache are those it gets alone."""

import concurrent.futures
import functools
from pathlib import Path

import pytest

from t5mix import preprocessors
from t5mix.data.cache import store
from t5mix.data.cache.identity.key import cache_job
from t5mix.data.examples import opening, opening_many
from t5mix.data.tokenization import thread_pool
from t5mix.declarations.task import Task
from t5mix.preprocessors.mapping import map_over_dataset
from t5mix.preprocessors.pipeline import CacheDatasetPlaceholder
from t5mix.sources import TextLineDataSource
from t5mix.vocabularies import ByteVocabulary, SentencePieceVocabulary
from t5mix.vocabularies.features import Feature

_PIECES = Path(__file__).resolve().parents[3] / "tasks" / "offline.model"
_LENGTHS = {"inputs": 64, "targets": 32}


@map_over_dataset
def _upper(example):
    import tensorflow as tf

    return {name: tf.strings.upper(text) for name, text in example.items()}


def _task(folder, number, parts, vocabularies=None, with_eos=False, further=()):
    """A task of files with so many lines each."""
    place = folder / f"task{number}"
    place.mkdir()
    for part, count in enumerate(parts):
        lines = [f"{number} of {part}, ---- line {line}\tso -----{'.' * line}\n" for line in range(count)]
        (place / f"{part}.tsv").write_text("".join(lines))
    inputs, targets = vocabularies or (SentencePieceVocabulary(_PIECES, 100),) * 2
    return Task(
        f"task{number}",
        source=TextLineDataSource({"train": f"{place}/*.tsv"}, num_input_examples={"train": 0}),
        preprocessors=[
            functools.partial(preprocessors.parse_tsv, field_names=["inputs", "targets"]),
            *further,
            functools.partial(preprocessors.tokenize, with_eos=with_eos),
            CacheDatasetPlaceholder(),
            *(() if with_eos else (preprocessors.append_eos,)),
        ],
        output_features={"inputs": Feature(inputs), "targets": Feature(targets)},
    )


@pytest.fixture
def tasks(tmp_path):
    other = SentencePieceVocabulary(_PIECES, 7)
    return [
        _task(tmp_path, 0, [5]),
        _task(tmp_path, 1, [2, 0, 3]),
        _task(tmp_path, 2, [4], (ByteVocabulary(), other)),
        _task(tmp_path, 3, [3], further=(_upper,)),
        _task(tmp_path, 4, [6, 1], with_eos=True),
        _task(tmp_path, 5, [1], (other, other)),
    ]


def _contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("at_once", [1, 150, 1 << 20])
def test_caches_made_together_are_those_made_alone(tasks, tmp_path, monkeypatch, at_once):
    for task in tasks:
        store.find_or_make(cache_job(task, "train"), tmp_path / "alone")
    monkeypatch.setattr(thread_pool, "_AT_ONCE", at_once)
    jobs = [cache_job(task, "train") for task in tasks]
    made = dict(opening_many.tokens_at_little_cost(jobs, tmp_path / "together"))
    assert sorted(made) == [0, 1, 2, 4, 5]  # the other needs tf.data
    assert [made[number].examples for number in made] == [5, 5, 4, 7, 1]
    opening.open_all(tasks, "train", _LENGTHS, 0, tmp_path / "together")
    assert _contents(tmp_path / "alone") == _contents(tmp_path / "together")
    assert sorted(dict(opening_many.tokens_at_little_cost(jobs, tmp_path / "together"))) == [0, 1, 2, 3, 4, 5]


def test_a_task_of_large_files_is_not_looked_at(make_task, tasks, tmp_path, monkeypatch):
    monkeypatch.setattr(opening_many, "_SMALL", 100)
    jobs = [cache_job(task, "train") for task in (tasks[0], make_task("other"), tasks[5])]
    assert list(dict(opening_many.tokens_at_little_cost(jobs, tmp_path / "cache"))) == [2]
    # Its key would take reading all of its files, by one thread.
    assert [number for number, job in enumerate(jobs) if "key" in vars(job)] == [1, 2]
    # Then by itself.
    opened = opening.open_all(tasks[:2], "train", _LENGTHS, 0, tmp_path / "cache")
    assert [one.examples.count for one in opened] == [5, 5]


def test_a_damaged_file_of_a_task_is_named_and_nothing_half_made_is_left(tasks, tmp_path):
    with open(tmp_path / "task4" / "1.tsv", "a") as file:
        file.write("lonely\n")
    with pytest.raises(ValueError, match=r"task4/1\.tsv:2: the line has 1 fields instead of 2"):
        opening.open_all(tasks, "train", _LENGTHS, 0, tmp_path / "cache")
    for path in (tmp_path / "cache").rglob(".*"):
        raise AssertionError(path)
    for task in tasks[:3]:  # whole, or not there
        assert store.find_or_make(cache_job(task, "train"), tmp_path / "cache").examples in (5, 4)


def test_a_task_without_examples_is_named(tasks, tmp_path):
    tasks[2] = _task(tmp_path, 6, [0, 0])
    with pytest.raises(ValueError, match="task 'task6' has no example"):
        opening.open_all(tasks, "train", _LENGTHS, 0, tmp_path / "cache")


def test_writers_at_the_same_time_make_the_same(tasks, tmp_path):
    def opened(_):
        return [one.identity for one in opening.open_all(tasks, "train", _LENGTHS, 0, tmp_path / "cache")]

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        one, *others = pool.map(opened, range(4))
    assert all(other == one for other in others)
    assert not list((tmp_path / "cache").rglob(".*"))
    for task in tasks:
        store.find_or_make(cache_job(task, "train"), tmp_path / "alone")
    assert _contents(tmp_path / "alone") == _contents(tmp_path / "cache")


@pytest.mark.parametrize("what", ["source", "vocabulary of 'inputs'"])
def test_a_file_that_changes_while_a_cache_is_made_is_refused(tmp_path, what):
    model = tmp_path / "pieces.model"
    model.write_bytes(_PIECES.read_bytes())
    task = _task(tmp_path, 1, [5], (SentencePieceVocabulary(model, 100),) * 2)

    def change(name, done, total):
        if what == "source":
            (tmp_path / "task1" / "0.tsv").write_text("another line\tof the source\n")
        else:
            model.write_bytes(_PIECES.read_bytes() + b"\n")

    folder = tmp_path / "caches"
    with pytest.raises(ValueError, match=f"task 'task1', split 'train': its {what}.* changed while"):
        opening.open_all([task], "train", _LENGTHS, 0, folder, change)
    assert not [path for path in folder.rglob("*") if path.is_file()]


def test_how_many_tasks_are_opened_is_told(make_task, tmp_path):
    tasks = [make_task(f"task_{number}", count=3) for number in range(3)]
    for _ in range(2):  # made, then found
        told = []
        opening.open_all(
            tasks, "train", {"inputs": 8, "targets": 8}, 0, tmp_path, on_opened=lambda *now, told=told: told.append(now)
        )
        assert told == [(1, 3), (2, 3), (3, 3)]

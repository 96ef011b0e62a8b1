"""Hugging Face data sets as a source, from files on disk."""

import json
import re
import sys
import types
from pathlib import Path

import pytest

import t5mix

ROWS = [
    {"id": i, "text": f"text é{i}", "good": i % 2 == 0, "score": i / 4, "words": ["a"] * (i % 3)} for i in range(10)
]


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    source = t5mix.HuggingFaceDataSource("somewhere/some_data", splits=["train"])  # declaring needs nothing
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ValueError, match=r"'somewhere/some_data'\) needs the library `datasets`.*t5mix\[hf\]"):
        source.num_input_examples("train")


def test_a_library_that_may_run_code_of_data_sets_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    old = types.ModuleType("datasets")
    old.__version__ = "3.6.0"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "datasets", old)
    with pytest.raises(ValueError, match=r"`datasets` 3.6.0 may run code of a data set; pip install 'datasets>=4'"):
        t5mix.HuggingFaceDataSource("somewhere/some_data", splits=["train"]).num_input_examples("train")


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="path is ''"):
        t5mix.HuggingFaceDataSource("")
    with pytest.raises(ValueError, match=r"splits\['train'\] is 3"):
        t5mix.HuggingFaceDataSource("some/data", splits={"train": 3})  # type: ignore[dict-item]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    datasets = pytest.importorskip("datasets", reason="needs the library datasets, of the extra [hf]")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    data = tmp_path / "data"
    data.mkdir()
    for split, rows in (("train", ROWS), ("test", ROWS[:3])):
        (data / f"{split}.jsonl").write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return data


def test_a_folder_of_files(folder: Path) -> None:
    source = t5mix.HuggingFaceDataSource(folder)
    assert source.splits == ("train", "test") and source.num_input_examples("train") == 10
    rows = list(source.get_dataset("train", shuffle=False).as_numpy_iterator())
    assert [row["id"] for row in rows] == list(range(10)) and rows[3]["text"].decode() == "text é3"
    assert rows[0]["good"] and rows[3]["score"] == 0.75 and rows[2]["words"].tolist() == [b"a", b"a"]
    assert rows[0]["words"].shape == (0,)
    assert source.fingerprint("train") != source.fingerprint("test")
    assert source.fingerprint("train") == t5mix.HuggingFaceDataSource(folder).fingerprint("train")


def test_slices_shards_and_columns(folder: Path) -> None:
    splits = {"train": "train[2:]", "validation": "train[:2]"}
    source = t5mix.HuggingFaceDataSource(folder, splits=splits, columns=["id"])
    assert [source.num_input_examples(split) for split in source.splits] == [8, 2]
    shards = [
        [row["id"] for row in source.get_dataset("train", False, None, t5mix.ShardInfo(i, 3)).as_numpy_iterator()]
        for i in range(3)
    ]
    assert [number for shard in shards for number in shard] == list(range(2, 10)) and min(map(len, shards)) >= 2
    with pytest.raises(ValueError, match=r"no column 'idd', only id, text.*did you mean 'id'"):
        t5mix.HuggingFaceDataSource(folder, columns=["idd"]).get_dataset("train")
    with pytest.raises(ValueError, match="no split 'tset'; its splits: train, validation"):
        source.get_dataset("tset")


def test_what_save_to_disk_wrote(folder: Path, tmp_path: Path) -> None:
    import datasets

    loaded = datasets.load_dataset(str(folder))
    loaded.save_to_disk(str(tmp_path / "saved"))
    source = t5mix.HuggingFaceDataSource(tmp_path / "saved", splits={"validation": "train[:50%]"})
    assert [row["id"] for row in source.get_dataset("validation", False).as_numpy_iterator()] == [0, 1, 2, 3, 4]


def test_nulls_and_what_has_no_tensor_are_refused(folder: Path) -> None:
    rows = [{"text": "a", "made": {"by": "x"}, "deep": [[1]]}, {"text": None, "made": {"by": "y"}, "deep": [[2]]}]
    (folder / "train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (folder / "test.jsonl").unlink()
    with pytest.raises(ValueError, match=r"column 'deep' of split 'train' is list<.*columns"):
        t5mix.HuggingFaceDataSource(folder).get_dataset("train")
    with pytest.raises(ValueError, match="column 'text' of split 'train' has 1 nulls"):
        t5mix.HuggingFaceDataSource(folder, columns=["text", "made"]).get_dataset("train")
    made = t5mix.HuggingFaceDataSource(folder, columns=["made"]).get_dataset("train", shuffle=False)
    assert [row["made"]["by"] for row in made.as_numpy_iterator()] == [b"x", b"y"]


NULLS = {
    "in a list": ([["a", None], ["b"]], "l[]"),
    "a float in a list": ([[1.0, None]], "l[]"),  # which NumPy would read as NaN
    "a list": ([["a"], None], "l"),
    "in a dict": ([{"a": 1}, {"a": None}], "l.a"),
    "a dict": ([{"a": 1}, None], "l"),
    "in a list in a dict": ([{"a": ["x", None]}, {"a": ["y"]}], "l.a[]"),
}


@pytest.mark.parametrize("what", list(NULLS))
def test_nulls_inside_are_refused(what: str, folder: Path, tmp_path: Path) -> None:
    import datasets

    values, place = NULLS[what]
    datasets.Dataset.from_dict({"l": values}).save_to_disk(str(tmp_path / "saved"))
    with pytest.raises(ValueError, match=re.escape(f"column '{place}' of split 'train' has 1 nulls")):
        t5mix.HuggingFaceDataSource(tmp_path / "saved").get_dataset("train")


def test_rows_with_nulls_that_are_not_selected_do_not_count(folder: Path, tmp_path: Path) -> None:
    import datasets

    whole = datasets.Dataset.from_dict({"l": [["a", None], ["b"], []]})
    whole.save_to_disk(str(tmp_path / "saved"))
    source = t5mix.HuggingFaceDataSource(tmp_path / "saved", splits={"train": "train[1:]"})
    assert [row["l"].tolist() for row in source.get_dataset("train", False).as_numpy_iterator()] == [[b"b"], []]


@pytest.mark.parametrize("form", ["numpy", "pandas", "arrow"])
def test_a_format_is_passed_by(form: str, folder: Path, tmp_path: Path) -> None:
    import datasets

    plain = datasets.Dataset.from_dict({"a": [1, 2], "l": [["x"], ["y", "z"]]})
    plain.with_format(form, columns=["a"]).save_to_disk(str(tmp_path / "saved"))
    source = t5mix.HuggingFaceDataSource(tmp_path / "saved")
    rows = [(row["a"], row["l"].tolist()) for row in source.get_dataset("train", False).as_numpy_iterator()]
    assert rows == [(1, [b"x"]), (2, [b"y", b"z"])]
    assert source.fingerprint("train") == t5mix.HuggingFaceDataSource(tmp_path / "saved").fingerprint("train")


def test_images_are_refused(folder: Path, tmp_path: Path) -> None:
    import datasets

    stored = datasets.Dataset.from_dict({"i": [{"bytes": b"x", "path": "p"}]})
    for decode in (True, False):
        images = stored.cast(datasets.Features({"i": datasets.Image(decode=decode)}))
        images.save_to_disk(str(tmp_path / str(decode)))
    with pytest.raises(ValueError, match="column 'i' of split 'train' is Image, which is no text"):
        t5mix.HuggingFaceDataSource(tmp_path / "True").get_dataset("train")
    (row,) = t5mix.HuggingFaceDataSource(tmp_path / "False").get_dataset("train").as_numpy_iterator()
    assert row == {"i": {"bytes": b"x", "path": b"p"}}


def test_what_cannot_be_loaded_says_why(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"cannot load '.*nowhere'"):
        _ = t5mix.HuggingFaceDataSource(str(folder / "nowhere"), data_files="none.jsonl").splits


def test_a_task_of_it_checks_out(folder: Path) -> None:
    from t5mix import metrics, preprocessors
    from t5mix.evaluation.checks import Limits
    from t5mix.evaluation.checks.check_task import check_task

    vocabulary = t5mix.ByteVocabulary()
    task = t5mix.Task(
        "from_hugging_face",
        t5mix.HuggingFaceDataSource(folder, splits={"train": "train[3:]", "test": "test"}, columns=["id", "text"]),
        {"inputs": t5mix.Feature(vocabulary), "targets": t5mix.Feature(vocabulary)},
        [
            lambda dataset: dataset.map(lambda x: {"inputs": x["text"], "targets": x["text"]}),
            preprocessors.tokenize,
            preprocessors.append_eos,
        ],
        metric_fns=[metrics.sequence_accuracy],
    )
    report = check_task(task, Limits({"inputs": 64, "targets": 64}))
    assert report.passed and report.examples == {"train": 7, "test": 3}, report.findings

"""Rows of TSV and JSONL files: as they stand, and refused by file and line where they do not fit."""

import os
from pathlib import Path

import pytest

import t5mix


def write(path: Path, *lines: str) -> str:
    path.write_bytes("".join(f"{line}\n" for line in lines).encode())
    return str(path)


def read(source: t5mix.TableDataSource, split: str = "train") -> list[dict[str, str]]:
    rows = source.get_dataset(split, shuffle=False).as_numpy_iterator()
    return [{column: text.decode() for column, text in row.items()} for row in rows]


def test_tsv_with_a_header_and_without(tmp_path: Path) -> None:
    headed = write(tmp_path / "a.tsv", "x\ty", 'one "quoted"\té ', "\tz\r")
    rows = [{"x": 'one "quoted"', "y": "é "}, {"x": "", "y": "z"}]
    source = t5mix.TableDataSource({"train": headed})
    assert read(source) == rows and source.num_input_examples("train") == 2 and source.columns == ("x", "y")
    bare = write(tmp_path / "b.tsv", 'one "quoted"\té ', "\tz")
    assert read(t5mix.TableDataSource({"train": bare}, columns=["x", "y"])) == rows
    bom = write(tmp_path / "c.tsv", "\ufeffx\ty", "1\t2")
    assert read(t5mix.TableDataSource({"train": bom})) == [{"x": "1", "y": "2"}]


def test_jsonl_keeps_numbers_as_written(tmp_path: Path) -> None:
    file = write(
        tmp_path / "a.jsonl", '{"x": 1.50, "y": true, "more": [1]}', '{"y": "two\\nlines", "x": 12345678901234567890}'
    )
    source = t5mix.TableDataSource({"train": file}, "jsonl", columns=["x", "y"])
    assert read(source) == [{"x": "1.50", "y": "true"}, {"x": "12345678901234567890", "y": "two\nlines"}]


def test_many_files_by_a_pattern_and_their_shards(tmp_path: Path) -> None:
    for part in range(4):
        write(tmp_path / f"train-{part}.tsv", "x", *(f"{part}.{row}" for row in range(5)))
    source = t5mix.TableDataSource({"train": str(tmp_path / "train-*.tsv")})
    expected = [f"{part}.{row}" for part in range(4) for row in range(5)]
    assert sorted(row["x"] for row in read(source)) == expected and source.num_input_examples("train") == 20
    shards = [source.get_dataset("train", False, None, t5mix.ShardInfo(i, 2)).as_numpy_iterator() for i in range(2)]
    assert sorted(row["x"].decode() for shard in shards for row in shard) == expected


def test_files_that_an_address_names(tmp_path: Path) -> None:
    import tensorflow as tf

    tf.io.gfile.makedirs("ram://tables")
    for part in range(2):
        with tf.io.gfile.GFile(f"ram://tables/{part}.tsv", "w") as file:
            file.write(f"x\ty\n{part}\té\n")
    source = t5mix.TableDataSource({"train": "ram://tables/*.tsv"})
    assert read(source) == [{"x": "0", "y": "é"}, {"x": "1", "y": "é"}]
    assert source.num_input_examples("train") == 2 and source.fingerprint("train") == source.fingerprint("train")
    before = source.fingerprint("train")
    tf.io.gfile.remove("ram://tables/1.tsv")
    with tf.io.gfile.GFile("ram://tables/1.tsv", "w") as file:
        file.write("x\n1\n")
    assert source.fingerprint("train") != before
    with pytest.raises(ValueError, match=r"^ram://tables/1.tsv:1: the columns are x; those of the first file are x, y"):
        source.get_dataset("train")
    with pytest.raises(ValueError, match=r"no file matches 'ram://tables/.*csv'"):
        t5mix.TableDataSource({"train": "ram://tables/*.csv"}).list_shards("train")
    with pytest.raises(ValueError, match=r"s3://away/x.tsv: TensorFlow cannot read this address: .*'s3' not impl"):
        t5mix.TextLineDataSource({"train": "s3://away/x.tsv"}).list_shards("train")


def test_columns_are_those_that_the_file_names_now(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", "x\ty", "1\t2")
    source = t5mix.TableDataSource({"train": path})
    assert source.columns == ("x", "y")
    write(tmp_path / "a.tsv", "x\tother", "1\t2")
    assert source.columns == ("x", "other") and read(source) == [{"x": "1", "other": "2"}]


def test_a_pattern_that_matches_nothing_says_how_brackets_are_written(tmp_path: Path) -> None:
    (tmp_path / "data[1]").mkdir()
    path = write(tmp_path / "data[1]" / "a.tsv", "x", "1")
    assert read(t5mix.TableDataSource({"train": path})) == [{"x": "1"}]
    with pytest.raises(ValueError, match=r"where a bracket of it means itself, write \[\[\]"):
        t5mix.TableDataSource({"train": str(tmp_path / "data[1]" / "*.tsv")}).list_shards("train")
    escaped = str(tmp_path / "data[[]1]" / "*.tsv")
    assert read(t5mix.TableDataSource({"train": escaped})) == [{"x": "1"}]


WRONG = {
    "a cell too few": ("tsv", ["x\ty", "1\t2", "3"], r":3: has 1 columns; each line needs 2: x, y"),
    "a blank line": ("tsv", ["x\ty", "", "1\t2"], r":2: has 1 columns"),
    "a column twice": ("tsv", ["x\tx", "1\t2"], r":1: the columns are 'x', 'x'; name each column once"),
    "no JSON": ("jsonl", ['{"x": 1}', "{x: 2}"], r":2: is no JSON .*one object a line"),
    "a list": ("jsonl", ["[1]"], r":1: is no JSON object"),
    "a key is missing": ("jsonl", ['{"query": 1}', '{"qeury": 2}'], r":2: has no 'query', only 'qeury'; did you mean"),
    "null": ("jsonl", ['{"x": 1}', '{"x": null}'], r":2: 'x' is null; give text or a number"),
    "nested": ("jsonl", ['{"x": 1}', '{"x": {"y": 2}}'], r":2: 'x' is a dict"),
}  # fmt: skip


@pytest.mark.parametrize("what", list(WRONG))
def test_rows_that_do_not_fit_are_refused_before_the_first_is_given(what: str, tmp_path: Path) -> None:
    form, lines, message = WRONG[what]
    file = write(tmp_path / f"data.{form}", *lines)
    with pytest.raises(ValueError, match=f"data.{form}{message}"):
        t5mix.TableDataSource({"train": file}, form).get_dataset("train")


def test_other_refusals(tmp_path: Path) -> None:
    (tmp_path / "latin.tsv").write_bytes(b"x\nok\n\xe9\n")
    with pytest.raises(ValueError, match=r"latin.tsv:3: is not UTF-8"):
        t5mix.TableDataSource({"train": str(tmp_path / "latin.tsv")}).num_input_examples("train")
    with pytest.raises(ValueError, match=r"format is 'csv'; give 'tsv' or 'jsonl'; did you mean 'tsv'"):
        t5mix.TableDataSource({"train": "x"}, "csv")
    with pytest.raises(ValueError, match=r"columns is \['x', 'x'\]"):
        t5mix.TableDataSource({"train": "x"}, columns=["x", "x"])
    labels = write(tmp_path / "labels.tsv", "label", "0", "2")
    with pytest.raises(ValueError, match=r"labels.tsv:3: 'label' is '2', which is none of '0', '1'"):
        t5mix.TableDataSource({"train": labels}, values={"label": ["0", "1"]}).get_dataset("train")
    with pytest.raises(ValueError, match=r"values names column 'lable'.*did you mean 'label'"):
        t5mix.TableDataSource({"train": labels}, values={"lable": ["0"]}).get_dataset("train")
    other = write(tmp_path / "other.tsv", "lebal", "0")
    with pytest.raises(ValueError, match=r"other.tsv:1: the columns are lebal; those of the first file are label"):
        t5mix.TableDataSource({"train": [labels, other]}).get_dataset("train")


def test_what_changes_is_read_again(tmp_path: Path) -> None:
    file = write(tmp_path / "a.tsv", "x", "1")
    source = t5mix.TableDataSource({"train": file})
    before = source.fingerprint("train")
    assert source.num_input_examples("train") == 1
    write(tmp_path / "a.tsv", "x", "1", "2")
    assert source.num_input_examples("train") == 2 and source.fingerprint("train") != before
    os.unlink(file)
    with pytest.raises(ValueError, match="no file matches"):
        source.get_dataset("train")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"x": "\\ud800"}', "'x' is no Unicode"),
        ('{"x": ' + "[" * 100_000, "nests too deep"),
    ],
)
def test_a_line_that_is_no_text_is_told_of_by_its_place(line: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"x": "1"}\n' + line + "\n")
    with pytest.raises(ValueError, match=f"a.jsonl:2: {message}"):
        t5mix.TableDataSource({"train": str(tmp_path / "a.jsonl")}, "jsonl").get_dataset()

"""Rows of TSV and JSONL files: as they stand, and refused by file and line where they do not fit."""

import bz2
import csv
import gzip
import io
import json
import lzma
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pytest
from pyarrow import parquet

import t5mix
from t5mix.sources.tables import delimited


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
    with pytest.raises(ValueError, match=r"format is 'jsonlines'; give 'tsv' or 'csv' or .*; did you mean 'jsonl'"):
        t5mix.TableDataSource({"train": "x"}, "jsonlines")
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


# Every format, and what writes it.

ROWS = [{"x": "one", "y": "a, \tb"}, {"x": 'say "é"', "y": "two\nlines"}, {"x": "", "y": "1.50"}]


def as_csv(delimiter: str, quoting: Literal[0, 1, 2, 3]) -> bytes:
    file = io.StringIO()
    writer = csv.DictWriter(file, ["x", "y"], delimiter=delimiter, quoting=quoting, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(ROWS)
    return file.getvalue().encode("utf-8-sig")


def as_parquet() -> bytes:
    buffer = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(ROWS), buffer)
    return buffer.getvalue()


WRITTEN = {
    "tsv": as_csv("\t", csv.QUOTE_MINIMAL),
    "tsv, all quoted": as_csv("\t", csv.QUOTE_ALL),
    "csv": as_csv(",", csv.QUOTE_MINIMAL),
    "jsonl": "".join(f"{json.dumps(row)}\n" for row in ROWS).encode(),
    "json": json.dumps(ROWS, indent=1).encode(),
    "parquet": as_parquet(),
}
PACK = {"plain": lambda data: data, "gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress}


@pytest.mark.parametrize("packed", list(PACK))
@pytest.mark.parametrize("written", list(WRITTEN))
def test_the_same_rows_of_every_format(written: str, packed: str, tmp_path: Path) -> None:
    form = written.partition(",")[0]
    if form == "parquet" and packed != "plain":
        return  # is compressed by itself
    path = tmp_path / "data"  # of a name that tells nothing
    path.write_bytes(PACK[packed](WRITTEN[written]))
    lines = [{**row, "y": row["y"].replace("\n", "\r\n" if form in ("tsv", "csv") else "\n")} for row in ROWS]
    source = t5mix.TableDataSource({"train": str(path)}, form)
    found = [{**row, "y": row["y"].replace("\r\n", "\n")} for row in read(source)]
    assert found == [{**row, "y": row["y"].replace("\r\n", "\n")} for row in lines]
    assert source.columns == ("x", "y") and source.num_input_examples("train") == 3


def a_damaged_column(path: Path, texts: list[str], change: Callable[[bytes], bytes]) -> None:
    """Writes a table of x, image and y, whose column of images holds what `change` makes of its bytes."""
    table = pa.table({"x": ["a", "b"], "image": texts, "y": ["c", "d"]})
    parquet.write_table(table, path, compression="none", use_dictionary=False)
    column, data = parquet.ParquetFile(path).metadata.row_group(0).column(1), path.read_bytes()
    begin, end = column.data_page_offset, column.data_page_offset + column.total_compressed_size
    changed = change(data[begin:end])
    assert len(changed) == end - begin and changed != data[begin:end]
    path.write_bytes(data[:begin] + changed + data[end:])


@pytest.mark.parametrize("defaults", [{}, {"z": "none"}])
def test_of_parquet_only_the_declared_columns_are_read(defaults: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    a_damaged_column(path, ["1" * 1000, "2" * 1000], lambda data: b"\xff" * len(data))
    source = t5mix.TableDataSource({"train": str(path)}, "parquet", columns=["y", "x", *defaults], defaults=defaults)
    assert read(source) == [{"y": "c", "x": "a", **defaults}, {"y": "d", "x": "b", **defaults}]


@pytest.mark.parametrize(
    "change", [lambda data: b"\xff" * len(data), lambda data: data.replace(b"2", b"\xff")], ids=["a page", "a text"]
)
def test_damaged_parquet_is_told_by_its_file(change: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    a_damaged_column(path, ["1" * 1000, "2" * 1000], change)
    with pytest.raises(ValueError, match=r"data.parquet: is damaged behind row 0 \(.*\); copy or make it anew"):
        t5mix.TableDataSource({"train": str(path)}, "parquet", columns=["image"]).get_dataset()


@pytest.mark.parametrize("line", ['"Hello"\tb', 'he said "no"\tb', '"a" and "b"\tc', '"open\tb', '5" disk\t"'])
def test_a_quote_in_plain_tsv_is_a_letter(line: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", "x\ty", line, "c\td")
    x, y = line.split("\t")
    assert read(t5mix.TableDataSource({"train": path}))[0] == {"x": x, "y": y}
    quoted = write(tmp_path / "b.tsv", "x\ty", '"a ""b"""\tc')
    assert read(t5mix.TableDataSource({"train": quoted}, quotes=False))[0]["x"] == '"a ""b"""'
    assert read(t5mix.TableDataSource({"train": quoted}))[0]["x"] == 'a "b"'


@pytest.mark.parametrize("enough", [8, 9, 12, 15, 17, 40])
def test_whether_a_long_file_quotes_its_cells_is_told_by_its_beginning(
    enough: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delimited, "_ENOUGH", enough)  # characters; it ends within a cell or behind one
    quoted = write(tmp_path / "quoted.tsv", *['"a\tb\nc"\td', '"e\nf"\tg'] * 20)
    inches = write(tmp_path / "inches.tsv", 'a 3" pipe\tb', *["c\td"] * 200)
    assert delimited.quotes_cells(quoted, "tsv") and not delimited.quotes_cells(inches, "tsv")


def test_optional_columns_have_defaults(tmp_path: Path) -> None:
    lines = ['{"x": "1", "y": "2"}', '{"x": "3"}', '{"x": "5", "y": null}']
    defaults = {"y": "none"}
    source = t5mix.TableDataSource(
        {"train": write(tmp_path / "a.jsonl", *lines)}, "jsonl", columns=["x", "y"], defaults=defaults
    )
    assert [row["y"] for row in read(source)] == ["2", "none", "none"]
    tsv = t5mix.TableDataSource({"train": write(tmp_path / "a.tsv", "x\ty", "1\t2", "3", "5\t")}, defaults=defaults)
    assert read(tsv) == read(source)
    without = t5mix.TableDataSource({"train": write(tmp_path / "b.csv", "x", "1")}, "csv", defaults=defaults)
    assert read(without) == [{"x": "1", "y": "none"}]
    assert tsv.fingerprint("train") != t5mix.TableDataSource({"train": str(tmp_path / "a.tsv")}).fingerprint("train")
    with pytest.raises(ValueError, match=r"defaults names column 'z'; there are x"):
        t5mix.TableDataSource(
            {"train": str(tmp_path / "b.csv")}, "csv", columns=["x"], defaults={"z": ""}
        ).get_dataset()


@pytest.mark.parametrize("form", ["tsv", "csv"])
def test_a_header_beside_columns_is_refused(form: str, tmp_path: Path) -> None:
    mark = {"tsv": "\t", "csv": ","}[form]
    path = write(tmp_path / "a", f"\ufeffText{mark}label ", f"a{mark}b")
    with pytest.raises(ValueError, match=r"a:1: is a header line, and columns are declared besides; leave columns out"):
        t5mix.TableDataSource({"train": path}, form, columns=["text", "label"]).get_dataset()


NOT_READ = {
    "Latin-1 in gzip": (gzip.compress(b"x\nok\n\xe9\n"), "tsv", r"data:3: is not UTF-8"),
    "half a gzip": (
        gzip.compress(bytes(random.Random(0).choices(b"abc\t\n", k=9999)))[:-99],
        "tsv",
        r"compressed and damaged",
    ),
    "Parquet as TSV": (as_parquet(), "tsv", r"data is a Parquet file: declare a table of format .parquet"),
    "text as Parquet": (b"x\ty\n", "parquet", r"data: is no Parquet file"),
    "UTF-16": ("x\ty\n".encode("utf-16"), "csv", r"data is UTF-16 text: save it as UTF-8"),
    "a zip": (b"PK\x03\x04....", "csv", r"data is a zip archive: unpack it"),
    "an open quote": (b'x,y\n1,"2\n3,4\n', "csv", r"data:3: the quotes do not fit"),
    "a list as lines": (b'[{"x": 1}]\n', "jsonl", r"data:1: is no JSON object, or declare format .json., a list"),
    "lines as a list": (b'{"x": 1}\n{"x": 2}\n', "json", r"data:2: is no JSON .*declare format .jsonl"),
    "no object in a list": (b'[{"x": 1}, 2]', "json", r"data: row 2 is no JSON object"),
}


@pytest.mark.parametrize("what", list(NOT_READ))
def test_what_cannot_be_read_is_told_by_its_place(what: str, tmp_path: Path) -> None:
    content, form, message = NOT_READ[what]
    (tmp_path / "data").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        t5mix.TableDataSource({"train": str(tmp_path / "data")}, form).get_dataset()

import gzip
import io
import json

import pytest

import t5mix
from t5mix.runs.answers.questions import Question, format_of, of_file, of_task, read_lines


def test_lines_end_at_line_breaks_and_nowhere_else(tmp_path):
    path = tmp_path / "in.txt"
    path.write_bytes("a\u2028b\r\n\nc".encode())
    assert read_lines(str(path)) == ["a\u2028b", "", "c"]
    path.write_text("a\n")
    assert read_lines(str(path)) == ["a"]
    path.write_text("")
    assert read_lines(str(path)) == []


CONTENTS = {
    "a mark": (b"\xef\xbb\xbfa\nb\n", ["a", "b"]),
    "CRLF": (b"a\r\nb\r\n", ["a", "b"]),
    "a lone CR": (b"a\rb\nc", ["a\rb", "c"]),
    "gzip": (gzip.compress("\ufeffé\nb".encode()), ["é", "b"]),
    "other ends of lines": ("a\u2028b\x0cc\x85d\n".encode(), ["a\u2028b\x0cc\x85d"]),
    "Latin-1": (b"good\n\xe9\n", r":2: is not UTF-8"),
    "UTF-16": ("a\n".encode("utf-16"), r"is UTF-16 text: save it as UTF-8"),
    "half a gzip": (gzip.compress(bytes(range(256)) * 99)[:-9], r"is not UTF-8|is compressed and damaged"),
}


@pytest.mark.parametrize("locale", ["utf-8", "ascii"])
@pytest.mark.parametrize("content", list(CONTENTS))
def test_a_file_and_standard_input_are_read_alike(content, locale, tmp_path, monkeypatch):
    made, expected = CONTENTS[content]
    (tmp_path / "in.txt").write_bytes(made)
    for path in ("-", str(tmp_path / "in.txt")):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(made), encoding=locale))
        if isinstance(expected, list):
            assert read_lines(path) == expected
        else:
            with pytest.raises(ValueError, match=expected):
                read_lines(path)


def test_a_missing_input_file_is_named():
    with pytest.raises(FileNotFoundError, match=r"--input_file 'nowhere\.txt': there is no such file"):
        read_lines("nowhere.txt")


def test_what_is_no_text_file_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"--input_file .* is a folder: give a file"):
        read_lines(str(tmp_path))
    (tmp_path / "in.txt").write_bytes(b"good\n\xff\n")
    with pytest.raises(ValueError, match=r"--input_file .*in\.txt:2: is not UTF-8"):
        read_lines(str(tmp_path / "in.txt"))


ROWS = [("a b", "x"), ("é", "y\\n")]


def written(folder, format):
    import pyarrow as pa
    from pyarrow import parquet

    path = folder / f"in.{format}"
    objects = [{"more": [1], "q": question, "t": target} for question, target in ROWS]
    if format == "parquet":
        parquet.write_table(pa.Table.from_pylist(objects), path)
    elif format in ("tsv", "csv"):
        sign = "\t" if format == "tsv" else ","
        path.write_text("".join(f"{sign.join(row)}\n" for row in [("q", "t"), *ROWS]))
    else:
        path.write_text(
            json.dumps(objects) if format == "json" else "".join(f"{json.dumps(each)}\n" for each in objects)
        )
    return path


@pytest.mark.parametrize("format", ["tsv", "csv", "jsonl", "json", "parquet"])
def test_tables_give_inputs_and_targets_from_files_and_standard_input(format, tmp_path, monkeypatch):
    path = written(tmp_path, format)
    expected = [Question(*row) for row in ROWS]
    assert of_file(str(path), column="q", target_column="t") == expected
    assert of_file(str(path), column="q") == [Question(question) for question, _ in ROWS]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
    assert of_file("-", format, column="q", target_column="t") == expected
    with pytest.raises(ValueError, match=r"inputs"):
        of_file(str(path))


def test_a_row_that_does_not_fit_is_named_also_of_standard_input(tmp_path, monkeypatch):
    (tmp_path / "in.tsv").write_text("q\tt\na\tb\nc\n")
    with pytest.raises(ValueError, match=r"--input_file .*in\.tsv:3: has 1 columns"):
        of_file(str(tmp_path / "in.tsv"), column="q")
    with pytest.raises(ValueError, match=r"no column 'inputs': its first line names 'q', 't'; say which with --column"):
        of_file(str(tmp_path / "in.tsv"))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b'{"q": null}\n')))
    with pytest.raises(ValueError, match=r"--input_file -:1: 'q' is null"):
        of_file("-", "jsonl", column="q")


def test_a_file_s_ending_tells_its_format():
    names = ("a.txt", "a", "-", "a.tsv", "a.JSONL", "a.csv.gz", "a.json.xz", "a.parquet", "a.gz", "a.tsv.txt")
    expected = ["lines", "lines", "lines", "tsv", "jsonl", "csv", "json", "parquet", "lines", "lines"]
    assert [format_of(name) for name in names] == expected


def test_lines_have_no_targets(tmp_path):
    (tmp_path / "in.txt").write_text("a\n")
    with pytest.raises(ValueError, match=r"is read as lines, which have inputs alone: give a table with the columns"):
        of_file(str(tmp_path / "in.txt"), target_column="targets")


def test_a_task_s_split_gives_ids_and_targets(toy, capsys):
    task = t5mix.TaskRegistry.get("toy_a")
    found = of_task(task, "test", {"inputs": 16, "targets": 8}, limit=2)
    assert [(each.inputs, each.target) for each in found] == [("say 20", "20"), ("say 21", "21")]
    vocabulary = task.output_features["inputs"].vocabulary
    assert found[0].ids == (*vocabulary.encode("say 20"), 1) and found[0].target_ids == (*vocabulary.encode("20"), 1)
    of_task(task, "test", {"inputs": 3, "targets": 8})
    assert "20 of 20 inputs are longer than Run.sequence_length and were truncated" in capsys.readouterr().err
    with pytest.raises(ValueError, match=r"task 'toy_a' has no split 'dev'; it has train, test"):
        of_task(task, "dev", {"inputs": 16, "targets": 8})


def test_what_is_behind_the_first_ones_is_not_read(tmp_path):
    lines, table = tmp_path / "in.txt", tmp_path / "in.tsv"
    lines.write_bytes(b"a\nb\n\xff\n")
    table.write_bytes(b"inputs\na\nb\nc\td\n")
    for path in (lines, table):
        assert of_file(str(path), limit=2) == [Question("a"), Question("b")]
        with pytest.raises(ValueError, match=r"in\."):
            of_file(str(path), limit=3)

import io

import pytest

import t5mix
from t5mix.runs.predict import decode, encode, read_lines, write_lines


def test_lines_end_at_line_breaks_and_nowhere_else(tmp_path):
    path = tmp_path / "in.txt"
    path.write_bytes("a\u2028b\r\n\nc".encode())
    assert read_lines(str(path)) == ["a\u2028b", "", "c"]
    path.write_text("a\n")
    assert read_lines(str(path)) == ["a"]
    path.write_text("")
    assert read_lines(str(path)) == []


def test_a_missing_input_file_is_named():
    with pytest.raises(FileNotFoundError, match=r"--input_file 'nowhere\.txt': there is no such file"):
        read_lines("nowhere.txt")


def test_standard_input_and_output(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO("a\nb\n"))
    assert read_lines("-") == ["a", "b"]
    write_lines("-", ["x", "y"])
    assert capsys.readouterr().out == "x\ny\n"


def test_inputs_end_in_eos_and_long_ones_are_cut_and_counted(capsys):
    feature = t5mix.Feature(t5mix.ByteVocabulary())
    ids = encode(["ab", "abcd", ""], feature, 4)
    assert ids == [[100, 101, 1], [100, 101, 102, 1], [1]]
    assert "1 of 3 inputs are longer than 4 tokens and were truncated, the first of them in line 2" in (
        capsys.readouterr().err
    )


def test_an_answer_is_one_line(toy):
    provider = t5mix.get_mixture_or_task("toy_a")
    assert decode(lambda inputs: [[100, 13, 101]], [[1]], provider) == ["a\\nb"]

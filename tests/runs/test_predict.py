import gzip
import io
import json

import pytest

import t5mix
from t5mix.evaluation.decoding import Answer
from t5mix.runs.predict import (
    check_output,
    choose,
    decode,
    decode_with_scores,
    encode,
    encode_choices,
    read_lines,
    write_lines,
)


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


def test_answers_are_utf_8_for_a_program(monkeypatch):
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", stdout)
    write_lines("-", ["é 好"])
    assert stdout.buffer.getvalue() == "é 好\n".encode()


def test_a_missing_input_file_is_named():
    with pytest.raises(FileNotFoundError, match=r"--input_file 'nowhere\.txt': there is no such file"):
        read_lines("nowhere.txt")


def test_what_is_no_text_file_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"--input_file .* is a folder: give a file"):
        read_lines(str(tmp_path))
    (tmp_path / "in.txt").write_bytes(b"good\n\xff\n")
    with pytest.raises(ValueError, match=r"--input_file .*in\.txt:2: is not UTF-8"):
        read_lines(str(tmp_path / "in.txt"))


def test_an_output_file_that_can_not_be_written_is_refused_before_the_work(tmp_path):
    check_output("-")
    check_output(str(tmp_path / "out.txt"))
    with pytest.raises(ValueError, match=r"--output_file .* is a folder; choose another"):
        check_output(str(tmp_path))
    with pytest.raises(ValueError, match=r"can not be written: there is no folder .*nowhere"):
        check_output(str(tmp_path / "nowhere" / "out.txt"))


def test_standard_input_and_output(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a\nb\n")))
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


def test_inputs_declared_without_eos_get_none():
    feature = t5mix.Feature(t5mix.ByteVocabulary(), add_eos=False)
    assert encode(["ab", "abcd"], feature, 3) == [[100, 101], [100, 101, 102]]


def test_an_answer_is_one_line(toy):
    provider = t5mix.get_mixture_or_task("toy_a")
    assert decode(lambda inputs: [[100, 13, 101]], [[1]], provider) == ["a\\nb"]


def test_several_answers_and_their_scores_are_one_line_of_json(toy):
    provider = t5mix.get_mixture_or_task("toy_a")
    (line,) = decode_with_scores(lambda inputs: [[Answer([100, 13], -0.5), Answer([], -2.0)]], [[1]], provider)
    assert "\n" not in line
    assert json.loads(line) == {"answers": [{"text": "a\n", "score": -0.5}, {"text": "", "score": -2.0}]}


def test_the_likeliest_choice_is_the_answer():
    choices, targets = ["yes", "no", "may\nbe"], [[1], [2], [3]]

    def score(ids, given):
        assert given == [targets, targets, targets]
        return [[-1.0, -1.0, -3.0], [-2.0, -1.0, -3.0], [-2.0, -1.0, 0.0]]

    assert choose(score, [[5], [6], [7]], choices, targets, scores=False) == ["yes", "no", "may\\nbe"]
    last = json.loads(choose(score, [[5], [6], [7]], choices, targets, scores=True)[-1])
    assert [answer["text"] for answer in last["answers"]] == ["may\nbe", "no", "yes"]


def test_choices_end_in_eos_and_those_that_no_answer_can_be_are_refused():
    feature = t5mix.Feature(t5mix.ByteVocabulary())
    assert encode_choices(["ab", ""], feature, 3) == [[100, 101, 1], [1]]
    with pytest.raises(ValueError, match="--choice 'abc' has 4 tokens, and answers have 3 at most"):
        encode_choices(["abc"], feature, 3)
    with pytest.raises(ValueError, match="--choice 'a' is given twice"):
        encode_choices(["a", "b", "a"], feature, 3)

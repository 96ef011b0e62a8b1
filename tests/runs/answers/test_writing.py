import io
import json
import os
import threading

import pytest

from t5mix.runs.answers.writing import check_output, write_answers


def test_answers_are_utf_8_for_a_program(monkeypatch):
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", stdout)
    write_answers("-", 1, "", lambda first, end, tell: ["é 好"], "")
    assert stdout.buffer.getvalue() == "é 好\n".encode()


def test_an_output_file_that_can_not_be_written_is_refused_before_the_work(tmp_path):
    check_output("-")
    check_output(str(tmp_path / "out.txt"))
    with pytest.raises(ValueError, match=r"--output_file .* is a folder; choose another"):
        check_output(str(tmp_path))
    with pytest.raises(ValueError, match=r"can not be written: there is no folder .*nowhere"):
        check_output(str(tmp_path / "nowhere" / "out.txt"))


def test_standard_output(capsys):
    lines = ["x", "y", "z"]
    assert write_answers("-", 3, "", lambda first, end, tell: lines[first:end], "", part=2) == lines
    assert capsys.readouterr().out == "x\ny\nz\n"


class Killed(BaseException):
    """Stands for a process that ends at any moment."""


def answerer(asked, dies_at=None):
    def answer(first, end, tell):
        asked.append((first, end))
        if dies_at is not None and first >= dies_at:
            raise Killed
        return [f"answer {number} é" for number in range(first, end)]

    return answer


def test_a_second_start_goes_on_where_the_first_ended(tmp_path, capsys):
    path, asked = tmp_path / "out.txt", []
    with pytest.raises(Killed):
        write_answers(str(path), 7, "key", answerer(asked, dies_at=4), "", part=2)
    assert not path.exists() and (tmp_path / "out.txt.unfinished").exists()
    del asked[:]
    lines = write_answers(str(path), 7, "key", answerer(asked), "", part=2)
    assert asked == [(4, 6), (6, 7)] and "4 of 7 are done" in capsys.readouterr().err
    assert lines == [f"answer {number} é" for number in range(7)] == path.read_text().splitlines()
    assert [each.name for each in tmp_path.iterdir()] == ["out.txt"]


@pytest.mark.parametrize("end", range(1, 260, 13))
def test_a_part_that_was_cut_or_changed_is_done_again(tmp_path, end):
    path, asked = tmp_path / "out.txt", []
    with pytest.raises(Killed):
        write_answers(str(path), 6, "key", answerer(asked, dies_at=4), "", part=2)
    unfinished = tmp_path / "out.txt.unfinished"
    whole = unfinished.read_bytes()
    for damaged in (whole[:-end], whole[: -end - 1] + bytes([whole[-end - 1] ^ 4]) + whole[len(whole) - end :]):
        unfinished.write_bytes(damaged)
        write_answers(str(path), 6, "key", answerer([]), "", part=2)
        assert path.read_text().splitlines() == [f"answer {number} é" for number in range(6)]


def test_what_is_made_of_something_else_is_done_anew_and_that_is_said(tmp_path, capsys):
    path, asked = tmp_path / "out.txt", []
    with pytest.raises(Killed):
        write_answers(str(path), 6, "key", answerer([], dies_at=4), "", part=2)
    assert "anew" not in capsys.readouterr().err
    write_answers(str(path), 6, "another", answerer(asked), "", part=2)
    assert asked[0] == (0, 2)
    assert "out.txt.unfinished' is of other inputs or settings" in capsys.readouterr().err


def test_a_link_a_pipe_or_another_process_is_refused(tmp_path):
    path, other = tmp_path / "out.txt", tmp_path / "precious"
    unfinished = tmp_path / "out.txt.unfinished"
    other.write_text("mine")
    unfinished.symlink_to(other)
    with pytest.raises(OSError, match=r"unfinished"):
        write_answers(str(path), 1, "key", answerer([]), "")
    assert other.read_text() == "mine"
    unfinished.unlink()
    os.mkfifo(unfinished)
    with pytest.raises(ValueError, match=r"is no file: delete it"):
        write_answers(str(path), 1, "key", answerer([]), "")
    unfinished.unlink()
    began, go_on = threading.Event(), threading.Event()

    def slow(first, end, tell):
        began.set()
        go_on.wait(20)
        return ["x"]

    first = threading.Thread(target=write_answers, args=(str(path), 1, "key", slow, ""))
    first.start()
    began.wait(20)
    try:
        with pytest.raises(ValueError, match=r"another process is writing .*out\.txt"):
            write_answers(str(path), 1, "key", answerer([]), "")
    finally:
        go_on.set()
        first.join()
    assert path.read_text() == "x\n"


def test_nothing_asked_is_an_empty_file(tmp_path):
    write_answers(str(tmp_path / "out.txt"), 0, "key", answerer([]), "")
    assert (tmp_path / "out.txt").read_bytes() == b""


def test_lines_of_any_letters_come_back(tmp_path):
    lines = ["", "\u2028 \x85", json.dumps({"a": "é\n"}), '"']
    write_answers(str(tmp_path / "o"), 4, "key", lambda first, end, tell: lines[first:end], "", part=3)
    assert (tmp_path / "o").read_bytes().decode().split("\n") == [*lines, ""]

"""Logs survive kills and resumption, and TensorBoard's format is the one TensorFlow reads."""

import contextlib
import json
import math
import resource
import time
from pathlib import Path

import pytest

from t5mix.internal.logs.metric_logs import EventFile, JsonlLogger


def write(path: Path, steps: range, resume_step: int | None = None) -> None:
    with JsonlLogger(path, resume_step) as logger:
        for step in steps:
            logger.log(step, {"loss": 1 / (step + 1), "tokens": step})


def test_a_line_a_call(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "metrics.jsonl"
    with JsonlLogger(path) as logger:
        logger.log(10, {"loss": 0.1, "grad": math.nan, "tokens": 12})
        assert json.loads(path.read_text()) == {"step": 10, "loss": 0.1, "grad": None, "tokens": 12}


@pytest.mark.parametrize("torn", ["", '{"step": 9, "lo'])
def test_resuming_leaves_the_bytes_of_an_unbroken_run(tmp_path: Path, torn: str) -> None:
    write(tmp_path / "whole", range(12))
    write(tmp_path / "broken", range(9))
    with open(tmp_path / "broken", "a") as file:
        file.write(torn)
    write(tmp_path / "broken", range(6, 12), resume_step=5)
    assert (tmp_path / "broken").read_bytes() == (tmp_path / "whole").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken", "whole"]


def test_resuming_from_the_start_empties_the_file(tmp_path: Path) -> None:
    write(tmp_path / "log", range(1, 4))
    write(tmp_path / "log", range(0), resume_step=0)
    assert (tmp_path / "log").read_text() == ""


def test_a_strange_line_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text('{"step": 1}\nhello\n{"step": 2}\n')
    with pytest.raises(ValueError, match=r"log:2 is not a line of metrics"):
        JsonlLogger(path, resume_step=1)
    assert "hello" in path.read_text()


def test_step_is_no_name(tmp_path: Path) -> None:
    with JsonlLogger(tmp_path / "log") as logger, pytest.raises(ValueError, match="'step'"):
        logger.log(1, {"step": 2.0})


def test_tensorboard_records_are_what_tensorflow_reads(tmp_path: Path) -> None:
    import tensorflow as tf

    with EventFile(tmp_path) as logger:
        logger.log(3, {"loss/all": 2.5, "speed": 7})
    with EventFile(tmp_path, resume_step=2) as logger:
        logger.log(3, {"loss/all": 2.25})
    first, second = sorted(tmp_path.iterdir())
    events = list(tf.compat.v1.train.summary_iterator(str(first)))
    assert events[0].file_version == "brain.Event:2"
    assert events[1].step == 3
    assert {v.tag: v.simple_value for v in events[1].summary.value} == {"loss/all": 2.5, "speed": 7}
    start = list(tf.compat.v1.train.summary_iterator(str(second)))[1]
    assert (start.step, start.session_log.status) == (3, tf.compat.v1.SessionLog.START)


def test_a_clock_that_was_set_back_leaves_event_files_in_their_order(tmp_path: Path) -> None:
    earlier = tmp_path / f"events.out.tfevents.{time.time() + 86_400:.6f}.host.1"
    earlier.write_bytes(b"")
    for number in range(2):
        EventFile(tmp_path, number).close()
    found = sorted(path.name for path in tmp_path.iterdir())
    assert len(found) == 3 and found[0] == earlier.name


def test_a_full_disk_is_an_error_that_names_the_file() -> None:
    log = JsonlLogger("/dev/full")
    with pytest.raises(OSError, match=r"No space left on device: '/dev/full'"):
        log.log(1, {"loss": 1.0})
    with pytest.raises(OSError, match=r"/dev/full"):
        log.close()


def test_event_files_that_cannot_be_written_or_made_are_an_error_that_names_the_folder(tmp_path: Path) -> None:
    board, before = EventFile(tmp_path), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))  # as on a full disk, no file may grow
    try:
        for write in (lambda: board.log(1, {"loss": 1.0}), lambda: EventFile(tmp_path)):
            with pytest.raises(OSError, match=f"{tmp_path} cannot be written"):
                write()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    with contextlib.suppress(OSError):  # what it could not write
        board.close()


def test_lines_that_cannot_be_forced_to_the_disk_are_an_error_that_names_the_file() -> None:
    with JsonlLogger("/dev/null") as log, pytest.raises(OSError, match="/dev/null"):  # which cannot be forced
        log.sync()

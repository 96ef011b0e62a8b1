"""Loggers of an Evaluator write what TensorBoard and a reader of JSON lines expect."""

import base64
import dataclasses
import io
import json
import logging
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import t5mix
from t5mix import metrics


def log(logger: t5mix.Logger, values: dict[str, metrics.MetricValue], step: int | None = 3, **given: Any) -> None:
    logger(**{"dataset": None, "inferences": None, "targets": None, **given}, task_name="t", step=step, metrics=values)


def events(folder: Path) -> list[tuple[int, Any]]:
    """Steps and summaries, as TensorFlow itself reads them."""
    (path,) = (folder / "t").iterdir()
    records = [tf.compat.v1.Event.FromString(record.numpy()) for record in tf.data.TFRecordDataset(str(path))]
    assert records[0].file_version == "brain.Event:2"
    return [(event.step, value) for event in records[1:] for value in event.summary.value]


def test_tensorboard_shows_every_kind_of_value(tmp_path: Path) -> None:
    pixels = np.arange(2 * 3 * 4 * 3, dtype=np.uint8).reshape(2, 3, 4, 3)
    sound = np.linspace(-1, 1, 20).reshape(1, 10, 2)
    values = {
        "number": metrics.Scalar(np.float32(2.5)),
        "text": metrics.Text("*dür*"),
        "histogram": metrics.Histogram(np.array([1.0, 2.0, 2.0, 5.0]), bins=2),
        "image": metrics.Image(pixels, max_outputs=1),
        "audio": metrics.Audio(sound, sample_rate=8000),
        "own": metrics.Generic(
            np.array([1, 2]),
            tf.compat.v1.SummaryMetadata(plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name="frobber")),
        ),
    }
    log(t5mix.TensorBoardLogger(tmp_path), values)
    found = events(tmp_path)
    assert [step for step, _ in found] == [3] * 6
    tensors = {value.tag: tf.make_ndarray(value.tensor) for _, value in found}
    plugins = [value.metadata.plugin_data.plugin_name for _, value in found]
    assert plugins == ["scalars", "text", "histograms", "images", "audio", "frobber"]
    assert tensors["eval/number"] == 2.5 and tensors["eval/text"].item().decode() == "*dür*"
    assert tensors["eval/histogram"].tolist() == [[1, 3, 3], [3, 5, 1]]
    width, height, image = tensors["eval/image"]
    assert (width, height) == (b"4", b"3") and np.array_equal(tf.io.decode_png(image), pixels[0])
    with wave.open(io.BytesIO(tensors["eval/audio"][0, 0])) as file:
        assert (file.getframerate(), file.getnchannels(), file.getnframes()) == (8000, 2, 10)
    assert tensors["eval/own"].tolist() == [1, 2]


WRONG = {
    "text": (metrics.Text(3), ValueError, "textdata"),
    "image": (metrics.Image(np.zeros((3, 4))), ValueError, r"\(3, 4\); give \[count"),
    "audio": (metrics.Audio(np.zeros(4)), ValueError, r"\(4,\); give \[count"),
    "histogram": (metrics.Histogram(np.array([np.nan])), ValueError, "NaN"),
    "kind": (metrics.MetricValue(), TypeError, "shows no MetricValue"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_tensorboard_cannot_show_is_refused(case: str, tmp_path: Path) -> None:
    value, error, message = WRONG[case]
    with pytest.raises(error, match=message):
        log(t5mix.TensorBoardLogger(tmp_path), {"m": value})
    assert not list(tmp_path.iterdir())


def test_the_first_format_has_numbers_only(tmp_path: Path) -> None:
    logger = t5mix.TensorBoardLoggerV1(tmp_path)
    log(logger, {"m": metrics.Scalar(4)})
    log(logger, {"m": metrics.Scalar(5)}, step=6)
    assert [(step, value.tag, value.simple_value) for step, value in events(tmp_path)] == [
        (3, "eval/m", 4.0),
        (6, "eval/m", 5.0),
    ]
    with pytest.raises(ValueError, match="eval/m is a Text"):
        log(logger, {"m": metrics.Text("x")})


def test_the_log_has_a_line_a_metric(caplog: pytest.LogCaptureFixture) -> None:
    values = {"a": metrics.Scalar(np.int64(2)), "b": metrics.Text(b"words"), "c": metrics.Image(np.zeros((1, 1, 1, 1)))}
    with caplog.at_level(logging.INFO):
        log(t5mix.PyLoggingLogger(None), values, step=0)
        log(t5mix.PyLoggingLogger(None), {}, step=None)
        log(t5mix.PyLoggingLogger(None), {"a": metrics.Scalar(1)}, step=None)
    assert caplog.messages[:3] == [
        "t/a at step 0: 2.000",
        "t/b at step 0: words",
        "t/c at step 0: a Image, which a log cannot show",
    ]
    assert caplog.messages[3] == "no step was given with these results; they are logged as step -1"
    assert caplog.messages[4] == "t/a at step -1: 1.000"


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_json_lines_of_metrics_are_added(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    logger = t5mix.JSONLogger(tmp_path / "deep")
    log(
        logger,
        {"a": metrics.Scalar(np.float32(0.5)), "b": metrics.Text("x"), "c": metrics.Generic(np.ones(2), None)},
        5,
    )
    log(t5mix.JSONLogger(tmp_path / "deep"), {"a": metrics.Scalar(1), "h": metrics.Histogram(np.ones(2))}, 10)
    assert lines(tmp_path / "deep" / "t-metrics.jsonl") == [
        {"step": 5, "a": 0.5, "b": "x", "c": [1, 1]},
        {"step": 10, "a": 1},
    ]
    assert "metric h is a Histogram, which JSON cannot hold" in caplog.text
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["t-metrics.jsonl"]


def test_json_lines_of_predictions(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    dataset = tf.data.Dataset.from_tensor_slices({"ids": [[1, 2], [3, 4]], "text": [b"a", b"\xff"]})
    given = {
        "dataset": dataset,
        "targets": [{"group": 1}, {"group": 2}],
        "inferences": {
            "prediction": [np.arange(2), np.arange(100)],
            "object": [object(), "x"],
            "aux_value": {"sure": [0.5, 1.0]},
        },
    }
    log(t5mix.JSONLogger(tmp_path), {}, 7, **given)
    assert lines(tmp_path / "t-000007.jsonl") == [
        {"input": {"ids": [1, 2], "text": "a"}, "target": {"group": 1}, "prediction": [0, 1], "aux_sure": 0.5},
        {
            "input": {"ids": [3, 4], "text": base64.b64encode(b"\xff").decode()},
            "target": {"group": 2},
            "prediction": "ndarray(shape=(100,), dtype=int64); summary: 0, 1, 2, 3, 4 ... 95, 96, 97, 98, 99",
            "aux_sure": 1.0,
        },
    ]
    assert "object is left out" in caplog.text
    log(t5mix.JSONLogger(tmp_path, write_n_results=1), {}, 8, **given)
    assert len(lines(tmp_path / "t-000008.jsonl")) == 1
    log(t5mix.JSONLogger(tmp_path, write_n_results=0), {}, 9, **given)
    assert not (tmp_path / "t-000009.jsonl").exists()
    with pytest.raises(ValueError, match="target has 1 entries for 2 examples"):
        log(t5mix.JSONLogger(tmp_path), {}, 9, **{**given, "targets": ["x"]})


def test_json_of_dataclasses_and_tensors() -> None:
    @dataclasses.dataclass
    class Pair:
        one: Any
        other: Any = None

    encoder = t5mix.TensorAndNumpyEncoder(max_ndarray_size=3)
    assert encoder.encode(Pair(tf.constant([1.5], tf.bfloat16))) == '{"one": [1.5]}'
    assert encoder.encode([np.bool_(True), tf.constant(2), np.float64(0.25)]) == "[true, 2, 0.25]"
    with pytest.raises(TypeError):
        encoder.encode(object())

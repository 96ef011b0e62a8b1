"""Loggers of an `Evaluator`: metrics and predictions of each task, to the log, to TensorBoard, to lines of JSON.

Class names, arguments, tags and file formats are seqio's. A run keeps its own logs, see `internal.logs`.
"""

import abc
import base64
import dataclasses
import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from t5mix.evaluation.evaluator import tensorboard
from t5mix.internal.lazy import tensorflow as tf
from t5mix.internal.logs.metric_logs import EventFile
from t5mix.internal.paths import file_name
from t5mix.metrics.values import Generic, MetricValue, Scalar, Text

_log = logging.getLogger(__name__)

Inferences = Mapping[str, Any]


class TensorAndNumpyEncoder(json.JSONEncoder):
    """Encodes what plain JSON cannot, as seqio's encoder of this name does.

    Small arrays and tensors become lists, large ones a text with their shape, dtype and ends; bytes become text where
    they are UTF-8, else base 64; dataclasses become objects without the fields that are None.

    Args:
        *args: of `json.JSONEncoder`.
        max_ndarray_size: how many elements an array has at most to be written whole.
        **kwargs: of `json.JSONEncoder`.
    """

    def __init__(self, *args: Any, max_ndarray_size: int = 32, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.max_ndarray_size = max_ndarray_size

    def default(self, obj: Any) -> Any:
        """Returns what plain JSON can encode.

        Raises:
            TypeError: for an object of another kind.
        """
        if hasattr(obj, "numpy"):  # an eager tensor
            obj = obj.numpy()
        if isinstance(obj, np.ndarray):
            return self._array(obj)
        if isinstance(obj, np.generic):
            return float(obj) if obj.dtype.name == "bfloat16" else obj.item()
        if isinstance(obj, bytes):
            return _text(obj)
        if dataclasses.is_dataclass(obj) and not isinstance(obj, type):
            return dataclasses.asdict(obj, dict_factory=skip_none_value_dict_factory)
        return super().default(obj)

    def _array(self, array: np.ndarray) -> Any:
        dtype = array.dtype
        if dtype.name == "bfloat16":
            array = array.astype(np.float32)
        if array.size <= self.max_ndarray_size:
            return array.tolist()
        flat = array.reshape(-1)
        first, last = (", ".join(map(repr, part.tolist())) for part in (flat[:5], flat[-5:]))
        return f"ndarray(shape={array.shape}, dtype={dtype}); summary: {first} ... {last}"


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return base64.b64encode(value).decode("ascii")


def skip_none_value_dict_factory(data: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Returns a dict of pairs without those of None, for `dataclasses.asdict`."""
    return {name: value for name, value in data if value is not None}


class Logger(abc.ABC):
    """Takes the results of each task at each evaluation.

    Args:
        output_dir: the folder that it may write to.
    """

    def __init__(self, output_dir: str | os.PathLike[str] | None) -> None:
        self.output_dir = output_dir

    @abc.abstractmethod
    def __call__(
        self,
        task_name: str,
        step: int | None,
        metrics: Mapping[str, MetricValue],
        dataset: "tf.data.Dataset | None",
        inferences: Inferences | None,
        targets: Sequence[Any] | None,
    ) -> None:
        """Logs results.

        Args:
            task_name: name of the task.
            step: steps of training that the model has seen; None is written as -1.
            metrics: values by name.
            dataset: the examples after preprocessing.
            inferences: what the model gave, by kind: "output", "prediction" and "score" have one entry an example,
                "aux_value" is a dict of such lists.
            targets: postprocessed targets, one an example.
        """


class PyLoggingLogger(Logger):
    """Writes metrics to Python's log, at level INFO."""

    def __call__(
        self,
        task_name: str,
        step: int | None,
        metrics: Mapping[str, MetricValue],
        dataset: "tf.data.Dataset | None",
        inferences: Inferences | None,
        targets: Sequence[Any] | None,
    ) -> None:
        """Writes one line a metric; see `Logger`."""
        for name, value in metrics.items():
            _log.info("%s/%s at step %d: %s", task_name, name, _number(step), _words(value))


class TensorBoardLogger(Logger):
    """Writes metrics of every kind as TensorBoard summaries, `eval/<metric>` in a folder for each task."""

    def __init__(self, output_dir: str | os.PathLike[str]) -> None:
        super().__init__(output_dir)
        self._files: dict[str, EventFile] = {}

    def __call__(
        self,
        task_name: str,
        step: int | None,
        metrics: Mapping[str, MetricValue],
        dataset: "tf.data.Dataset | None",
        inferences: Inferences | None,
        targets: Sequence[Any] | None,
    ) -> None:
        """Writes one event a metric; see `Logger`."""
        made = [self._summary(f"eval/{name}", value) for name, value in metrics.items()]
        if task_name not in self._files:
            assert self.output_dir is not None
            self._files[task_name] = EventFile(os.path.join(self.output_dir, file_name(task_name)))
        for each in made:
            self._files[task_name].write(_number(step), [each])

    def _summary(self, tag: str, value: MetricValue) -> "tf.compat.v1.Summary.Value":
        return tensorboard.summary(tag, value)


class TensorBoardLoggerV1(TensorBoardLogger):
    """Writes numbers in TensorBoard's first format, which knows no other kind."""

    def _summary(self, tag: str, value: MetricValue) -> "tf.compat.v1.Summary.Value":
        if not isinstance(value, Scalar):
            raise ValueError(
                f"{tag} is a {type(value).__name__}, TensorBoardLoggerV1 takes only Scalar; use TensorBoardLogger"
            )
        return tf.compat.v1.Summary.Value(tag=tag, simple_value=float(value.value))


class JSONLogger(Logger):
    """Writes metrics to `<task>-metrics.jsonl`, one line a step, and predictions to `<task>-<step>.jsonl`.

    A line of predictions is an example: "input" has its fields, "target" the postprocessed target, "output",
    "prediction" and "score" what the model gave, "aux_<name>" what it gave beside. A field that JSON cannot hold is
    left out, with a warning.

    Args:
        output_dir: the folder, on any file system of TensorFlow.
        write_n_results: how many predictions to write; None is all, 0 none.
        json_encoder_cls: makes JSON of what plain JSON cannot hold.
    """

    def __init__(
        self,
        output_dir: str | os.PathLike[str],
        write_n_results: int | None = None,
        json_encoder_cls: type[json.JSONEncoder] = TensorAndNumpyEncoder,
    ) -> None:
        super().__init__(output_dir)
        self._write_n_results = write_n_results
        self._encoder = json_encoder_cls

    def __call__(
        self,
        task_name: str,
        step: int | None,
        metrics: Mapping[str, MetricValue],
        dataset: "tf.data.Dataset | None",
        inferences: Inferences | None,
        targets: Sequence[Any] | None,
    ) -> None:
        """Adds a line of metrics and writes the file of predictions; see `Logger`.

        Raises:
            ValueError: when there is not one target, prediction or score for each example.
        """
        number = _number(step)
        if metrics:
            row = {"step": number, **_plain(task_name, metrics)}
            self._append(f"{file_name(task_name)}-metrics.jsonl", json.dumps(row, cls=self._encoder) + "\n")
        if self._write_n_results == 0:
            return
        if dataset is None or not inferences or targets is None or not len(targets):
            _log.info("task %s: there are no predictions to write", task_name)
            return
        rows = self._rows(task_name, dataset, inferences, targets)
        self._replace(
            f"{file_name(task_name)}-{number:06}.jsonl",
            "".join(json.dumps(row, cls=self._encoder) + "\n" for row in rows),
        )

    def _rows(
        self, task_name: str, dataset: "tf.data.Dataset", inferences: Inferences, targets: Sequence[Any]
    ) -> Iterator[dict[str, Any]]:
        beside = inferences.get("aux_value", {})
        columns = {"target": targets, **{name: each for name, each in inferences.items() if name != "aux_value"}}
        columns |= {f"aux_{name}": each for name, each in beside.items()}
        examples = list(dataset.as_numpy_iterator())
        for name, column in columns.items():
            if len(column) != len(examples):
                raise ValueError(f"task {task_name!r}: {name} has {len(column)} entries for {len(examples)} examples")
        columns = {name: column for name, column in columns.items() if self._is_plain(task_name, name, column)}
        for index, example in enumerate(examples[: self._write_n_results]):
            fields = {name: value.to_list() if hasattr(value, "to_list") else value for name, value in example.items()}
            yield {"input": fields, **{name: column[index] for name, column in columns.items()}}

    def _is_plain(self, task_name: str, name: str, column: Sequence[Any]) -> bool:
        """Tells whether JSON can hold a column; warns when it cannot."""
        try:
            json.dumps(list(column), cls=self._encoder)
        except TypeError as error:
            _log.warning("task %s: %s is left out of the file of predictions: %s", task_name, name, error)
            return False
        return True

    def _append(self, name: str, line: str) -> None:
        path = os.path.join(str(self.output_dir), name)
        old = ""
        if tf.io.gfile.exists(path):
            with tf.io.gfile.GFile(path) as file:
                old = file.read()
        self._replace(name, old + line)

    def _replace(self, name: str, text: str) -> None:
        """Writes a file under another name and renames it: a reader finds the old file or the new one, whole."""
        path = os.path.join(str(self.output_dir), name)
        tf.io.gfile.makedirs(str(self.output_dir))
        with tf.io.gfile.GFile(path + ".tmp", "w") as file:
            file.write(text)
        tf.io.gfile.rename(path + ".tmp", path, overwrite=True)


def _plain(task_name: str, metrics: Mapping[str, MetricValue]) -> dict[str, Any]:
    """Returns the values that JSON can hold; warns of the others."""
    plain: dict[str, Any] = {}
    for name, value in metrics.items():
        if isinstance(value, Scalar):
            plain[name] = value.value
        elif isinstance(value, Text):
            plain[name] = value.textdata
        elif isinstance(value, Generic):
            plain[name] = np.asarray(value.tensor).tolist()
        else:
            _log.warning("task %s: metric %s is a %s, which JSON cannot hold", task_name, name, type(value).__name__)
    return plain


def _words(value: MetricValue) -> str:
    if isinstance(value, Scalar):
        return f"{float(np.asarray(value.value).item()):.3f}"
    if isinstance(value, Text):
        return value.textdata if isinstance(value.textdata, str) else value.textdata.decode("utf-8")
    return f"a {type(value).__name__}, which a log cannot show"


def _number(step: int | None) -> int:
    """Returns the step, -1 for None."""
    if step is None:
        _log.warning("no step was given with these results; they are logged as step -1")
        return -1
    return int(step)

"""Examples in files of records: `tf.train.Example`s, and protocol buffers of the user's own."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from t5mix.lazy import lazy_import
from t5mix.sources.files import FileDataSource

if TYPE_CHECKING:
    import tensorflow as tf
else:
    tf = lazy_import("tensorflow")

ReaderFn = Callable[..., "tf.data.Dataset"]


class _RecordDataSource(FileDataSource):
    """Records, each made an example by `_decode`.

    Args:
      reader_cls: makes a dataset of records of a path; None is `tf.data.TFRecordDataset`.
      files: the arguments of `FileDataSource` but the first.
    """

    def __init__(self, reader_cls: ReaderFn | None, **files: Any) -> None:
        self._reader_cls = reader_cls
        super().__init__(self._read, **files)

    def _read(self, path: "tf.Tensor") -> "tf.data.Dataset":
        reader = self._reader_cls or tf.data.TFRecordDataset
        decode = self._decoder()
        # The record is the last of what some readers give: (key, record).
        return reader(path).map(lambda *parts: decode(parts[-1]), num_parallel_calls=tf.data.AUTOTUNE)

    def _decoder(self) -> Callable[..., Any]:
        """Returns what makes an example of a record."""
        raise NotImplementedError

    def _reading(self) -> object:
        return self._reader_cls or "TFRecordDataset"


class TFExampleDataSource(_RecordDataSource):
    """`tf.train.Example` records: each example is a dict of the described features.

    Args:
      split_to_filepattern: for each split a pattern with wildcards, or several.
      feature_description: what `tf.io.parse_single_example` needs; or a function without arguments
        that returns it, so that a declaration need not load TensorFlow.
      reader_cls: makes a dataset of records of a path; None is `tf.data.TFRecordDataset`.
      num_input_examples: see `FileDataSource`, as the rest.
      caching_permitted: whether the examples may be kept.
      file_shuffle_buffer_size: how many paths are shuffled at a time; None is all.
      cycle_length: how many files are read at a time.
      block_length: how many records are taken from one before the next.
      performs_internal_shuffling: allow a task without a shuffle buffer to shuffle only the files.
    """

    def __init__(
        self,
        split_to_filepattern: Mapping[str, str | Iterable[str]],
        feature_description: Mapping[str, Any] | Callable[[], Mapping[str, Any]],
        reader_cls: ReaderFn | None = None,
        num_input_examples: Mapping[str, int] | None = None,
        caching_permitted: bool = True,
        file_shuffle_buffer_size: int | None = None,
        cycle_length: int = 16,
        block_length: int = 16,
        performs_internal_shuffling: bool = False,
    ) -> None:
        self._feature_description = feature_description
        super().__init__(
            reader_cls,
            split_to_filepattern=split_to_filepattern,
            num_input_examples=num_input_examples,
            caching_permitted=caching_permitted,
            file_shuffle_buffer_size=file_shuffle_buffer_size,
            cycle_length=cycle_length,
            block_length=block_length,
            performs_internal_shuffling=performs_internal_shuffling,
        )

    @property
    def feature_description(self) -> Mapping[str, Any]:
        """What `tf.io.parse_single_example` needs."""
        given = self._feature_description
        return given() if callable(given) else given

    def _decoder(self) -> Callable[..., Any]:
        description = self.feature_description
        return lambda record: tf.io.parse_single_example(record, description)

    def _reading(self) -> object:
        described = {key: repr(value) for key, value in self.feature_description.items()}
        return described, super()._reading()

    def __str__(self) -> str:
        files = f"split_to_filepattern={self._split_to_filepattern}"
        return f"TFExampleDataSource({files}, feature_description={self.feature_description})"


class ProtoDataSource(_RecordDataSource):
    """Records of any kind: each example is what a function makes of one.

    Args:
      split_to_filepattern: for each split a pattern with wildcards, or several.
      decode_proto_fn: from a string scalar, one record, to a dict of features.
      reader_cls: makes a dataset of records of a path; None is `tf.data.TFRecordDataset`.
      num_input_examples: see `FileDataSource`, as the rest.
      caching_permitted: whether the examples may be kept.
      file_shuffle_buffer_size: how many paths are shuffled at a time; None is all.
      cycle_length: how many files are read at a time.
      block_length: how many records are taken from one before the next.

    Raises:
      ValueError: when decode_proto_fn cannot be called.
    """

    def __init__(
        self,
        split_to_filepattern: Mapping[str, str | Iterable[str]],
        decode_proto_fn: Callable[..., Mapping[str, Any]],
        reader_cls: ReaderFn | None = None,
        num_input_examples: Mapping[str, int] | None = None,
        caching_permitted: bool = True,
        file_shuffle_buffer_size: int | None = None,
        cycle_length: int = 16,
        block_length: int = 16,
    ) -> None:
        if not callable(decode_proto_fn):
            raise ValueError(f"ProtoDataSource: decode_proto_fn is {decode_proto_fn!r}; give a function of a record")
        self._decode_proto_fn = decode_proto_fn
        super().__init__(
            reader_cls,
            split_to_filepattern=split_to_filepattern,
            num_input_examples=num_input_examples,
            caching_permitted=caching_permitted,
            file_shuffle_buffer_size=file_shuffle_buffer_size,
            cycle_length=cycle_length,
            block_length=block_length,
        )

    def _decoder(self) -> Callable[..., Any]:
        return self._decode_proto_fn

    def _reading(self) -> object:
        return self._decode_proto_fn, super()._reading()

"""Examples in files of records: `tf.train.Example`s, and protocol buffers of the user's own."""

import os
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from t5mix.internal.lazy import tensorflow as tf
from t5mix.sources import tfrecords
from t5mix.sources.base import ShardInfo
from t5mix.sources.files import FileDataSource

ReaderFn = Callable[..., "tf.data.Dataset"]


class _RecordDataSource(FileDataSource):
    """Records, each made an example by `_decode`.

    Args:
        reader_cls: makes a dataset of records of a path; None is `tf.data.TFRecordDataset`.
        skip_bad_records: how many damaged records of a split may be left out; None is none.
        files: the arguments of `FileDataSource` but the first.

    Raises:
        ValueError: when bad records cannot be distinguished from good ones.
    """

    def __init__(self, reader_cls: ReaderFn | None, skip_bad_records: int | None, **files: Any) -> None:
        self._reader_cls = reader_cls
        self._skip_bad_records = self._checked_limit(skip_bad_records)
        super().__init__(self._read, **files)

    def _checked_limit(self, limit: Any) -> int | None:
        if limit is None:
            return None
        if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
            raise ValueError(
                f"{self._kind}: skip_bad_records is {limit!r}; give how many records of a split may be left out, 1, "
                "2, ..., or None"
            )
        if self._reader_cls is not None:
            raise ValueError(
                f"{self._kind}: skip_bad_records={limit} needs uncompressed TFRecord files, but reader_cls is "
                f"{self._reader_cls!r}, which tells nothing of what it cannot read; leave out one of them"
            )
        return limit

    def _read(self, path: "tf.Tensor") -> "tf.data.Dataset":
        return self._decoded(self._reader_cls or tf.data.TFRecordDataset)(path)

    def _decoded(self, reader: ReaderFn) -> ReaderFn:
        decode = self._decoder()
        # The record is the last of what some readers give: (key, record).
        return lambda path: reader(path).map(lambda *parts: decode(parts[-1]), num_parallel_calls=tf.data.AUTOTUNE)

    def _reader(self, split: str, paths: Sequence[str]) -> ReaderFn:
        if self._skip_bad_records is None:
            if self._reader_cls is None:
                tfrecords.check_ends(paths)
            return super()._reader(split, paths)
        damaged = self._damaged(split, paths, self._skip_bad_records)
        for path, damage in damaged.items():
            for offset in damage.bad:
                warnings.warn(
                    f"{self._kind}: the record at byte {offset} of {path} of split {split!r} does not match its "
                    "checksum and is left out",
                    stacklevel=4,
                )
        return self._decoded(tfrecords.reader(damaged))

    def _damaged(self, split: str, paths: Sequence[str], limit: int) -> dict[str, tfrecords.Damage]:
        """Returns what is wrong with files, by path.

        Raises:
            ValueError: naming the file and the byte, when more than `limit` records are bad, or not only records.
        """
        damaged: dict[str, tfrecords.Damage] = {}
        count = 0
        for path in paths:
            damage = tfrecords.damage_of(path, limit)
            if damage is None:
                continue
            count += len(damage.bad)
            if count > limit:
                offset = damage.bad[limit - count]
                raise ValueError(
                    f"{self._kind}: the record at byte {offset} of {path} of split {split!r} does not match its "
                    f"checksum: number {limit + 1} of them, and skip_bad_records is {limit}; copy or make the files "
                    "anew"
                )
            damaged[path] = damage
        return damaged

    @property
    def skip_bad_records(self) -> int | None:
        """How many damaged records of a split may be left out; None is none."""
        return self._skip_bad_records

    def skipped_records(self, split: str, shard_info: ShardInfo | None = None) -> tuple[str, ...]:
        """Returns the damaged records that `get_dataset` leaves out of `split`, or of one shard: "file: byte 123".

        Raises:
            ValueError: see `get_dataset`.
        """
        if self._skip_bad_records is None:
            return ()
        damaged = self._damaged(split, self._paths(split, shard_info), self._skip_bad_records)
        return tuple(f"{os.path.basename(path)}: byte {at}" for path, damage in damaged.items() for at in damage.bad)

    def _decoder(self) -> Callable[..., Any]:
        """Returns what makes an example of a record."""
        raise NotImplementedError

    def _reading(self) -> object:
        reader = self._reader_cls or "TFRecordDataset"
        return reader if self._skip_bad_records is None else (reader, self._skip_bad_records)


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
        skip_bad_records: how many damaged records of a split may be left out, each with a warning; past that many,
            reading is a ValueError. The files are read once more before their first record is given. A shard knows of
            its own files, so shards that are read apart may each leave out as many; a token cache counts those of all.
            None: reading ends with an error at the first. See `t5mix.sources.tfrecords` for what can be left out: not
            a record that is whole but cannot be decoded.

    Raises:
        ValueError: when skip_bad_records comes with a reader_cls, or is no number of records.
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
        skip_bad_records: int | None = None,
    ) -> None:
        self._feature_description = feature_description
        super().__init__(
            reader_cls,
            skip_bad_records,
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
        skip_bad_records: how many damaged records of a split may be left out, each with a warning; past that many,
            reading is a ValueError. The files are read once more before their first record is given. A shard knows of
            its own files, so shards that are read apart may each leave out as many; a token cache counts those of all.
            None: reading ends with an error at the first. See `t5mix.sources.tfrecords` for what can be left out: not
            a record that is whole but cannot be decoded.

    Raises:
        ValueError: when decode_proto_fn cannot be called; when skip_bad_records comes with a reader_cls, or is no
            number of records.
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
        skip_bad_records: int | None = None,
    ) -> None:
        if not callable(decode_proto_fn):
            raise ValueError(f"ProtoDataSource: decode_proto_fn is {decode_proto_fn!r}; give a function of a record")
        self._decode_proto_fn = decode_proto_fn
        super().__init__(
            reader_cls,
            skip_bad_records,
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

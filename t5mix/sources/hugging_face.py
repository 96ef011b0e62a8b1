"""Hugging Face `datasets` as a source."""

import functools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from t5mix.internal.code import fingerprints
from t5mix.internal.lazy import tensorflow as tf
from t5mix.internal.suggestions import suggestion
from t5mix.sources.base import DataSource, ShardInfo


class HuggingFaceDataSource(DataSource):
    """Examples of a data set that the library `datasets` loads: of the Hub, or of files and folders.

    Each example is a dict of its columns: text, numbers, booleans, and lists and dicts of these; a class label is its
    number. A format that is set is passed by. The data set is loaded when first needed; a declaration costs nothing,
    and needs no `datasets`.

    Args:
        path: as `datasets.load_dataset` takes it: a name on the Hub, a folder, or a format such as "json" with
            data_files; or a folder that `save_to_disk` wrote.
        name: the configuration of a data set that has several.
        splits: names of the splits to allow; or a dict from names to splits or slices of the data set, such as
            {"validation": "train[:10%]"}; None is every split.
        columns: names of the columns to read; None is all.
        revision: the commit, tag or branch of a data set of the Hub; a commit keeps the examples the same.
        data_files: a file, several, or for each split one or several.
        data_dir: a folder within the data set.
        caching_permitted: whether the examples may be kept.

    Raises:
        ValueError: when path is no text, or a slice is none.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        name: str | None = None,
        splits: Iterable[str] | Mapping[str, str] | None = None,
        columns: Sequence[str] | None = None,
        revision: str | None = None,
        data_files: Any = None,
        data_dir: str | None = None,
        caching_permitted: bool = True,
    ) -> None:
        if not isinstance(path, str | os.PathLike) or not os.fspath(path):
            raise ValueError(f"HuggingFaceDataSource: path is {path!r}; give a name on the Hub, or a folder")
        super().__init__(splits or (), caching_permitted=caching_permitted)
        self._path = os.path.expanduser(os.fspath(path))
        self._split_map = dict(splits) if isinstance(splits, Mapping) else {}
        for split, part in self._split_map.items():
            if not isinstance(part, str):
                raise ValueError(
                    f"HuggingFaceDataSource({self._path!r}): splits[{split!r}] is {part!r}; give the name or slice of "
                    "a split, such as 'train[:10%]'"
                )
        self._columns = None if columns is None else tuple(columns)
        self._arguments = {"name": name, "revision": revision, "data_files": data_files, "data_dir": data_dir}
        self._loaded: dict[str | None, Any] = {}

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits: the declared ones, else those of the data set."""
        return self._splits or tuple(self._load(None))

    def _load(self, part: str | None) -> Any:
        """Returns a split or slice of the data set, or all its splits by name; each is loaded once.

        Raises:
            ValueError: when `datasets` is not installed, or cannot load it.
        """
        if part not in self._loaded:
            library = _datasets(self._path)
            try:
                if self._is_saved:
                    whole = library.load_from_disk(self._path)
                    whole = whole if isinstance(whole, library.DatasetDict) else {"train": whole}
                    self._loaded[part] = whole if part is None else _slice(library, whole, part)
                else:
                    self._loaded[part] = library.load_dataset(self._path, split=part, **self._arguments)
            except Exception as error:  # the library raises dozens of kinds, network errors among them
                what = f"{self._path!r}" + (f", split {part!r}" if part else "")
                message = " ".join(str(error).split())
                raise ValueError(
                    f"HuggingFaceDataSource: cannot load {what}: {type(error).__name__}: {message}"
                ) from error
        return self._loaded[part]

    @property
    def _is_saved(self) -> bool:
        return any(os.path.isfile(os.path.join(self._path, mark)) for mark in ("dataset_dict.json", "state.json"))

    @functools.cache  # noqa: B019, a source lives as long as its task
    def dataset(self, split: str) -> Any:
        """Returns the `datasets.Dataset` of `split`, with the columns that are read.

        Raises:
            ValueError: for a column that is not there.
        """
        self._check_split(split)
        found = self._load(self._split_map.get(split, split))
        for column in self._columns or ():
            if column not in found.column_names:
                hint = suggestion(column, found.column_names)
                raise ValueError(
                    f"HuggingFaceDataSource({self._path!r}): split {split!r} has no column {column!r}, only "
                    f"{', '.join(found.column_names)}{hint}"
                )
        # A format, as `set_format` gives it and `save_to_disk` keeps it, hides columns and gives values other types.
        found = found.with_format(None)
        return found.select_columns(list(self._columns)) if self._columns else found

    def num_input_examples(self, split: str) -> int:
        """Returns the number of rows of `split`."""
        return len(self.dataset(split))

    def list_shards(self, split: str) -> list[str]:
        """Returns one name: rows are read by their number."""
        self._check_split(split)
        return [split]

    @property
    def supports_arbitrary_sharding(self) -> bool:
        """Whether any number of shards can be read: yes."""
        return True

    def get_dataset(
        self,
        split: str = "train",
        shuffle: bool = True,
        seed: int | None = None,
        shard_info: ShardInfo | None = None,
    ) -> "tf.data.Dataset":
        """Returns the rows of `split` in their order; a shard is a contiguous part.

        Raises:
            ValueError: for a column of a kind that has no tensor, or with nulls.
        """
        rows = self.dataset(split)
        self._check_decoded(split, rows)
        signature = {column: self._spec(split, column, kind) for column, kind in _kinds(rows).items()}
        self._check_nulls(split, rows)
        if shard_info:
            rows = rows.shard(shard_info.num_shards, shard_info.index, contiguous=True)

        def examples() -> Iterator[dict[str, Any]]:
            yield from rows

        return tf.data.Dataset.from_generator(examples, output_signature=signature)

    def _spec(self, split: str, column: str, kind: Any) -> Any:
        import pyarrow as pa

        if pa.types.is_struct(kind):
            return {field.name: self._spec(split, f"{column}.{field.name}", field.type) for field in kind}
        if pa.types.is_list(kind) or pa.types.is_large_list(kind):
            dtype = _dtype(kind.value_type)
            if dtype is not None:
                return tf.TensorSpec([None], dtype)
        dtype = _dtype(kind)
        if dtype is None:
            raise ValueError(
                f"HuggingFaceDataSource({self._path!r}): column {column!r} of split {split!r} is {kind}, which is no "
                "text or number, nor a list of them; name the columns to read in `columns`"
            )
        return tf.TensorSpec([], dtype)

    def _check_nulls(self, split: str, rows: Any) -> None:
        if rows._indices is not None:  # a selection: the table holds rows that are not in it
            rows = rows.flatten_indices()
        for column in rows.column_names:
            found = next(_nulls(column, rows.data.column(column)), None)
            if found:
                path, number = found
                raise ValueError(
                    f"HuggingFaceDataSource({self._path!r}): column {path!r} of split {split!r} has {number:,} "
                    "nulls; leave it out by `columns`, or save a data set without them"
                )

    def _check_decoded(self, split: str, rows: Any) -> None:
        """Refuses what the library makes something else of than is stored, such as images."""
        for column, feature in rows.features.items():
            kind = _decoded(feature)
            if kind:
                raise ValueError(
                    f"HuggingFaceDataSource({self._path!r}): column {column!r} of split {split!r} is {kind}, which is "
                    "no text or number, nor a list of them; name the columns to read in `columns`"
                )

    def fingerprint(self, split: str) -> str:
        """Returns a sha256 of the fingerprint that `datasets` gives the split."""
        return fingerprints.digest("hugging_face", self.dataset(split)._fingerprint)

    def __repr__(self) -> str:
        name = self._arguments["name"]
        return f"HuggingFaceDataSource({self._path!r}{f', {name!r}' if name else ''})"


def _datasets(path: str) -> Any:
    try:
        import datasets
    except ImportError as error:
        raise ValueError(
            f"HuggingFaceDataSource({path!r}) needs the library `datasets`, which is not installed; "
            "pip install 't5mix[hf]'"
        ) from error
    if int(datasets.__version__.split(".")[0]) < 4:  # older ones can run Python code that lies beside the data
        raise ValueError(
            f"HuggingFaceDataSource({path!r}): `datasets` {datasets.__version__} may run code of a data set; "
            "pip install 'datasets>=4', which runs none"
        )
    datasets.disable_progress_bars()
    return datasets


def _slice(library: Any, whole: Mapping[str, Any], part: str) -> Any:
    """Returns a split, or a slice such as "train[:10%]" of one, of a data set in memory."""
    rows = {name: len(each) for name, each in whole.items()}
    instruction = library.ReadInstruction.from_spec(part).to_absolute(rows)
    parts = [whole[one.splitname].select(range(one.from_, one.to)) for one in instruction]
    return parts[0] if len(parts) == 1 else library.concatenate_datasets(parts)


def _kinds(rows: Any) -> dict[str, Any]:
    return {field.name: field.type for field in rows.features.arrow_schema}


def _nulls(path: str, column: Any) -> Iterator[tuple[str, int]]:
    """Yields where a column, or what is inside of it, has nulls, and how many."""
    import pyarrow as pa
    from pyarrow import compute

    kind = column.type
    if column.null_count:
        yield path, column.null_count
    elif pa.types.is_struct(kind):
        for field, values in zip(kind, column.flatten(), strict=True):
            yield from _nulls(f"{path}.{field.name}", values)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        yield from _nulls(f"{path}[]", compute.list_flatten(column))


def _decoded(feature: Any) -> str | None:
    """Returns the name of the first kind within a feature that is stored otherwise than it is read, or None."""
    if isinstance(feature, Mapping):
        return next(filter(None, map(_decoded, feature.values())), None)
    if isinstance(feature, list | tuple):
        return next(filter(None, map(_decoded, feature)), None)
    if hasattr(feature, "decode_example") and getattr(feature, "decode", True):
        return type(feature).__name__
    inner = getattr(feature, "feature", None)  # of a list
    return None if inner is None else _decoded(inner)


def _dtype(kind: Any) -> Any:
    """Returns the dtype of a pyarrow type of texts, numbers or booleans, or None."""
    import pyarrow as pa

    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind):
        return tf.string
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        return tf.as_dtype(kind.to_pandas_dtype())
    return None

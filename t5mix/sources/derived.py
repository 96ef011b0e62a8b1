"""Sources made of others: few-shot examples, and splits that are cut short."""

from collections.abc import Iterable, Mapping
from typing import Any

from t5mix.internal.code import fingerprints
from t5mix.internal.lazy import tensorflow as tf
from t5mix.preprocessors.mapping import map_over_dataset
from t5mix.preprocessors.pipeline import Step
from t5mix.sources.base import SHUFFLE_BUFFER_SIZE, DataSource, ShardInfo


class FewshotDataSource(DataSource):
    """Each example holds `eval`, one of the split, and `train`, a batch of `num_shots` from another split.

    Each epoch brings other ones together, so its examples are not counted, and never kept in memory.

    Before, with 2 shots: `{"inputs": "Where is Rome?", "targets": "Italy"}` of "test"; after: `{"train": {"inputs":
    ["Where is Paris?", "Where is Bonn?"], "targets": ["France", "Germany"]}, "eval": {"inputs": "Where is Rome?",
    "targets": "Italy"}}`. `fewshot_preprocessor` makes one text of it.

    Args:
        original_source: the source of both splits.
        num_shots: how many solved examples; with 0 there is no `train`.
        train_preprocessors: steps on the solved examples, before they are batched.
        eval_preprocessors: steps on the examples to answer.
        train_split: the split of the solved examples.
        train_feature_keys: what is kept of them; all must have one shape.
        shuffle_buffer_size: how many examples are shuffled at a time. The solved ones always are, otherwise than
            the questions, so that within train_split one is its own question only by chance; without shuffle always in
            the same way.
        eval_on_fixed_exemplars: whether every example of a split other than train_split has the same solved ones.

    Raises:
        ValueError: when num_shots is no whole number.
    """

    def __init__(
        self,
        original_source: DataSource,
        num_shots: int,
        train_preprocessors: Iterable[Step] = (),
        eval_preprocessors: Iterable[Step] = (),
        train_split: str = "train",
        train_feature_keys: Iterable[str] = ("inputs", "targets"),
        shuffle_buffer_size: int = SHUFFLE_BUFFER_SIZE,
        eval_on_fixed_exemplars: bool = False,
    ) -> None:
        if isinstance(num_shots, bool) or not isinstance(num_shots, int) or num_shots < 0:
            raise ValueError(f"FewshotDataSource: num_shots is {num_shots!r}; give 0, 1, 2, ...")
        super().__init__((), caching_permitted=original_source.caching_permitted)
        self._original_source = original_source
        self._num_shots = num_shots
        self._train_preprocessors = tuple(train_preprocessors)
        self._eval_preprocessors = tuple(eval_preprocessors)
        self._train_split = train_split
        self._train_feature_keys = tuple(train_feature_keys)
        self._shuffle_buffer_size = shuffle_buffer_size
        self._eval_on_fixed_exemplars = eval_on_fixed_exemplars

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits of the source."""
        return tuple(self._original_source.splits)

    def list_shards(self, split: str) -> list[str]:
        """Returns the names of the parts that `split` is stored in."""
        return list(self._original_source.list_shards(split))

    def get_dataset(
        self,
        split: str = "train",
        shuffle: bool = True,
        seed: int | None = None,
        shard_info: ShardInfo | None = None,
    ) -> "tf.data.Dataset":
        """Returns the examples of `split` with their solved ones.

        Raises:
            ValueError: when the source has no train_split, or that has no example.
        """
        self._check_split(split)
        # Two seeds: with one shot and one seed an example would be its own solution.
        evaluated = self._part(split, shuffle, None if seed is None else seed + 1, shard_info)
        parts = {"eval": _run(evaluated, self._eval_preprocessors)}
        if self._num_shots:
            parts = {"train": self._shots(split, seed if shuffle else 0, shard_info), **parts}
        return tf.data.Dataset.zip(parts)

    def _shots(self, split: str, seed: int | None, shard_info: ShardInfo | None) -> "tf.data.Dataset":
        if self._train_split not in self.splits:
            raise ValueError(
                f"FewshotDataSource: Train split {self._train_split!r} is not one of the original source splits: "
                f"{tuple(self.splits)}; give train_split"
            )
        in_order = _run(self._part(self._train_split, False, seed, shard_info), self._train_preprocessors)
        if not any(True for _ in in_order.take(1)):  # repeating nothing would wait for ever
            raise ValueError(f"FewshotDataSource: split {self._train_split!r} has no example to solve; name another")
        solved = _run(self._part(self._train_split, True, seed, shard_info), self._train_preprocessors)
        keys = self._train_feature_keys
        solved = solved.map(lambda example: {key: example[key] for key in keys}, num_parallel_calls=tf.data.AUTOTUNE)
        solved = solved.repeat().batch(self._num_shots)
        if self._eval_on_fixed_exemplars and split != self._train_split:
            solved = solved.take(1).cache().repeat()
        return solved

    def _part(self, split: str, shuffle: bool, seed: int | None, shard_info: ShardInfo | None) -> "tf.data.Dataset":
        """Returns a split of the source, a shard of its files if there are enough, else of its examples."""
        source = self._original_source
        arguments: dict[str, Any] = {"split": split, "shuffle": shuffle, "seed": seed}
        shards = shard_info or ShardInfo(0, 1)
        if source.supports_arbitrary_sharding or len(source.list_shards(split)) >= shards.num_shards:
            dataset = source.get_dataset(**arguments, shard_info=shards)
        else:
            dataset = source.get_dataset(**arguments).shard(shards.num_shards, shards.index)
        return dataset.shuffle(self._shuffle_buffer_size, seed) if shuffle else dataset

    @property
    def skip_bad_records(self) -> int | None:
        """How many damaged records of a split of the source may be left out; None is none."""
        return self._original_source.skip_bad_records

    def skipped_records(self, split: str, shard_info: ShardInfo | None = None) -> tuple[str, ...]:
        """Returns the damaged records of the source that are left out of the questions, not of the solved ones."""
        return self._original_source.skipped_records(split, shard_info)

    def _read(self, split: str) -> tuple[str, ...]:
        return (split, self._train_split) if self._num_shots else (split,)

    def contents(self, split: str) -> dict[str, str]:
        """Returns for each file of the source that is read a text that changes with it."""
        return {name: text for each in self._read(split) for name, text in self._original_source.contents(each).items()}

    def fingerprint(self, split: str) -> str:
        """Returns a sha256 of what is read of the source, the steps and the arguments."""
        settings = {name: value for name, value in vars(self).items() if name != "_original_source"}
        contents = [self._original_source.fingerprint(each) for each in self._read(split)]
        return fingerprints.digest("few-shot", contents, settings)

    def __repr__(self) -> str:
        return f"FewshotDataSource({self._original_source!r}, num_shots={self._num_shots})"


def _run(dataset: "tf.data.Dataset", steps: Iterable[Step]) -> "tf.data.Dataset":
    for step in steps:
        dataset = step(dataset)
    return dataset


def fewshot_preprocessor(
    ds: "tf.data.Dataset",
    inputs_prefix: str = "",
    targets_prefix: str = "",
    example_separator: str = "\n\n",
    prompt: str = "",
    reverse: bool = False,
) -> "tf.data.Dataset":
    """Makes `inputs` and `targets` of what `FewshotDataSource` gives.

    Before: `{"train": {"inputs": ["2+2"], "targets": ["4"]}, "eval": {"inputs": "3+3", "targets": "6"}}`; after, with
    prefixes "Q: " and " A: " and separator "; ": `{"inputs": "Q: 2+2 A: 4; Q: 3+3 A:", "targets": "6"}`.

    Args:
        ds: examples with `eval` and, unless there are no shots, `train`: each a dict with `inputs` and `targets`,
            string scalars, in `train` one a shot. If those of `eval` are vectors, each of their elements becomes an
            example.
        inputs_prefix: what stands before every input.
        targets_prefix: what stands before every target; behind the last input without the white space at its end.
        example_separator: what stands behind every solved example.
        prompt: what stands before all, followed by example_separator; "" is nothing.
        reverse: whether the solved examples are reversed, so that further shots come before the others.
    """

    def join(example: Mapping[str, Any]) -> dict[str, Any]:
        shots: Any = tf.constant("")
        if "train" in example:
            solved = example["train"]
            texts = inputs_prefix + solved["inputs"] + targets_prefix + solved["targets"] + example_separator
            shots = tf.strings.reduce_join(tf.reverse(texts, [0]) if reverse else texts)
        if prompt:
            shots = prompt + example_separator + shots
        asked = example["eval"]
        return {**asked, "inputs": shots + inputs_prefix + asked["inputs"] + targets_prefix.rstrip()}

    ds = map_over_dataset(join)(ds)
    return ds.unbatch() if ds.element_spec["inputs"].shape.rank else ds


class TruncatedDatasetProvider(DataSource):
    """The first raw examples of each split of another source.

    Args:
        child: the source.
        split_sizes: the greatest number of examples of splits; other splits are whole.
        shuffle_buffer_size: how many examples are shuffled at a time.

    Raises:
        ValueError: when a size is no whole number, 0 or more.
    """

    def __init__(
        self, child: DataSource, split_sizes: Mapping[str, int], shuffle_buffer_size: int | None = None
    ) -> None:
        super().__init__((), caching_permitted=child.caching_permitted)
        for split, size in split_sizes.items():
            if isinstance(size, bool) or not isinstance(size, int) or size < 0:
                raise ValueError(f"TruncatedDatasetProvider: split_sizes[{split!r}] is {size!r}; give a whole number")
        self._child = child
        self._split_sizes = dict(split_sizes)
        self._shuffle_buffer_size = shuffle_buffer_size or SHUFFLE_BUFFER_SIZE

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits of the source."""
        return tuple(self._child.splits)

    @property
    def performs_internal_shuffling(self) -> bool:
        """Whether the source does."""
        return self._child.performs_internal_shuffling

    def num_input_examples(self, split: str) -> int | None:
        """Returns the number of raw examples of `split` that are left, or None when the source does not know."""
        count = self._child.num_input_examples(split)
        size = self._split_sizes.get(split)
        return count if count is None or size is None else min(count, size)

    def list_shards(self, split: str) -> list[str]:
        """Returns one name for a split that is cut, so that shards are cut from its examples; else the source's."""
        self._check_split(split)
        return [split] if split in self._split_sizes else list(self._child.list_shards(split))

    def get_dataset(
        self,
        split: str = "train",
        shuffle: bool = True,
        seed: int | None = None,
        shard_info: ShardInfo | None = None,
    ) -> "tf.data.Dataset":
        """Returns the first raw examples of `split`, the same ones whether or not they are shuffled."""
        self._check_split(split)
        if split not in self._split_sizes:
            return self._child.get_dataset(split=split, shuffle=shuffle, seed=seed, shard_info=shard_info)
        dataset = self._child.get_dataset(split=split, shuffle=False, seed=seed).take(self._split_sizes[split])
        if shard_info:
            dataset = dataset.shard(shard_info.num_shards, shard_info.index)
        return dataset.shuffle(self._shuffle_buffer_size, seed=seed) if shuffle else dataset

    @property
    def skip_bad_records(self) -> int | None:
        """How many damaged records of a split of the source may be left out; None is none."""
        return self._child.skip_bad_records

    def skipped_records(self, split: str, shard_info: ShardInfo | None = None) -> tuple[str, ...]:
        """Returns the damaged records that are left out of `split`; none of one that is cut, whose examples count."""
        return () if split in self._split_sizes else self._child.skipped_records(split, shard_info)

    def contents(self, split: str) -> dict[str, str]:
        """Returns for each file of the source a text that changes with it."""
        return self._child.contents(split)

    def fingerprint(self, split: str) -> str:
        """Returns a sha256 of the source's and of how much is left."""
        return fingerprints.digest("truncated", self._child.fingerprint(split), self._split_sizes.get(split))

    def __repr__(self) -> str:
        return f"TruncatedDatasetProvider({self._child!r}, {self._split_sizes})"

"""Test cases that declare tasks of the examples of `fake_examples`: from every kind of source, cached by seqio or not.

Names and attributes are seqio's. What a test registers, and the folders of caches, are undone at its end.
"""

import functools
import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, ClassVar

import numpy as np
from absl import flags
from absl.testing import absltest

from t5mix import preprocessors as steps
from t5mix.compat.additions.testing import fake_examples, vocabularies
from t5mix.compat.additions.tf_examples import dict_to_tfexample
from t5mix.declarations.registry import MixtureRegistry, TaskRegistry, overlay
from t5mix.declarations.task import Task
from t5mix.internal.lazy import tensorflow as tf
from t5mix.preprocessors.pipeline import CacheDatasetPlaceholder, Step
from t5mix.sources import (
    DataSource,
    FunctionDataSource,
    ProtoDataSource,
    ShardInfo,
    TextLineDataSource,
    TfdsDataSource,
    TFExampleDataSource,
)
from t5mix.sources.data_dirs import data_dirs, set_global_cache_dirs
from t5mix.vocabularies.features import Feature

LENGTHS = {"inputs": 13, "targets": 13}


class FakeTfdsDataSource(TfdsDataSource):
    """A TFDS data set that is not prepared anywhere: "train" in two files, "validation" in one."""

    _FILES: ClassVar[Mapping[str, list[str]]] = {
        "train": ["train.tfrecord-00000-of-00002", "train.tfrecord-00001-of-00002"],
        "validation": ["validation.tfrecord-00000-of-00001"],
    }

    def __init__(self) -> None:
        super().__init__("fake:0.0.0", splits=list(self._FILES))

    def list_shards(self, split: str) -> list[str]:
        """Returns the names of the files."""
        return self._FILES[split]

    def num_input_examples(self, split: str) -> int:
        """Returns what the data set says of itself: 30 for "train", 10 for "validation"."""
        return 30 if split == "train" else 10

    def get_dataset(
        self, split: str = "train", shuffle: bool = True, seed: int | None = None, shard_info: ShardInfo | None = None
    ) -> "tf.data.Dataset":
        """Returns the examples, always in the same order."""
        return fake_examples.get_fake_dataset(split, shuffle, seed, shard_info)

    def fingerprint(self, split: str) -> str:
        """Returns a text that changes with the examples."""
        return f"fake {split} {fake_examples.EXAMPLES[split]}"


class FakeTaskTest(absltest.TestCase):
    """A test case with tasks.

    `function_task`, `tfds_task`, `t5:tfds_task`, `text_line_task`, `tf_example_task` and `proto_task` have the sources
    of their names; `cached_task` and `cached_plaintext_task` are cached as seqio caches; `uncached_task` is not;
    `fully_processed_precache`, `tokenized_postcache` and `random_task` have their steps elsewhere.
    """

    DEFAULT_PREPROCESSORS: ClassVar[tuple[Step, ...]] = (
        fake_examples.test_text_preprocessor,
        steps.tokenize,
        CacheDatasetPlaceholder(),
        steps.append_eos_after_trim,
    )
    DEFAULT_OUTPUT_FEATURES: ClassVar[dict[str, Feature]] = {
        name: Feature(vocabularies.sentencepiece_vocab()) for name in ("inputs", "targets")
    }

    def add_task(
        self,
        name: str,
        source: DataSource,
        preprocessors: Sequence[Step] | None = None,
        output_features: Mapping[str, Feature] | None = None,
        **kwargs: Any,
    ) -> Task:
        """Registers a task with the case's steps and features, and returns it; see `t5mix.TaskRegistry.add`."""
        return TaskRegistry.add(
            name,
            source=source,
            preprocessors=self.DEFAULT_PREPROCESSORS if preprocessors is None else preprocessors,
            output_features=output_features or self.DEFAULT_OUTPUT_FEATURES,
            **kwargs,
        )

    def get_tempdir(self) -> str:
        """Returns a new folder, which goes when the test ends."""
        if not flags.FLAGS.is_parsed():  # run by pytest
            flags.FLAGS(sys.argv[:1])
        return self.create_tempdir().full_path

    def setUp(self) -> None:
        """Declares the tasks, in a namespace of their own."""
        super().setUp()
        self.maxDiff = None
        with ExitStack() as undo:
            undo.enter_context(overlay())
            undo.enter_context(data_dirs.undone())
            TaskRegistry.reset()
            MixtureRegistry.reset()
            self.test_tmpdir = self.get_tempdir()
            self.test_data_dir = os.path.join(self.test_tmpdir, "test_data")
            shutil.copytree(vocabularies.test_data_dir(), self.test_data_dir)
            set_global_cache_dirs([self.test_data_dir])
            self._declare()
            self.addCleanup(undo.pop_all().close)

    def tearDown(self) -> None:
        """Forgets TensorFlow's seed; the tasks go by themselves."""
        super().tearDown()
        tf.random.set_seed(None)

    def _declare(self) -> None:
        self.tfds_source = FakeTfdsDataSource()
        self.function_source = FunctionDataSource(fake_examples.get_fake_dataset, ["train", "validation"])
        self._declare_files()
        sources: dict[str, DataSource] = {
            "tfds_task": self.tfds_source,
            "t5:tfds_task": self.tfds_source,
            "tf_example_task": self.tf_example_source,
            "proto_task": self.proto_source,
            "function_task": self.function_source,
        }
        for name, source in sources.items():
            self.add_task(name, source)
        lines = (fake_examples.split_tsv_preprocessor, *self.DEFAULT_PREPROCESSORS)
        self.add_task("text_line_task", self.text_line_source, lines)
        text, tokens = fake_examples.test_text_preprocessor, fake_examples.token_preprocessor_no_sequence_length
        cache = CacheDatasetPlaceholder()
        self.add_task("fully_processed_precache", self.function_source, (text, steps.tokenize, tokens, cache))
        self.add_task("tokenized_postcache", self.function_source, (text, cache, steps.tokenize, tokens))
        random = (text, cache, steps.tokenize, fake_examples.random_token_preprocessor)
        self.random_task = self.add_task("random_task", self.function_source, random)
        self.uncached_task = self.add_task("uncached_task", self.tfds_source)
        self.cached_task_dir = self._cache("cached_task", {"train": [2, 1], "validation": [2]}, "_pretokenized")
        self.cached_task = self.add_task("cached_task", self.tfds_source)
        self._cache("cached_plaintext_task", {"train": [2, 1]}, "_plaintext")
        plaintext = (*self.DEFAULT_PREPROCESSORS, fake_examples.test_token_preprocessor)
        self.cached_plaintext_task = self.add_task("cached_plaintext_task", self.tfds_source, plaintext)

    def _declare_files(self) -> None:
        """Writes files of text and of `tf.train.Example`, and makes their sources."""
        examples = [
            {name: example[name] for name in ("prefix", "suffix")} for example in fake_examples.EXAMPLES["train"]
        ]
        lines = ["\t".join(example.values()) + "\n" for example in examples]
        for shard, part in enumerate((slice(0, 2), slice(2, 3))):
            path = os.path.join(self.test_data_dir, f"train.tsv-{shard:05}-of-00002")
            with open(path, "w", encoding="utf-8") as file:
                file.write("prefix\tsuffix\n" + "".join(lines[part]))
        _write_shards(os.path.join(self.test_data_dir, "train.tfrecord"), examples, [2, 1])
        description = {name: tf.io.FixedLenFeature([], tf.string) for name in ("prefix", "suffix")}
        records = {"train": os.path.join(self.test_data_dir, "train.tfrecord*")}
        self.text_line_source = TextLineDataSource(
            {"train": os.path.join(self.test_data_dir, "train.tsv*")}, skip_header_lines=1
        )
        self.tf_example_source = TFExampleDataSource(records, description)
        self.proto_source = ProtoDataSource(
            records, functools.partial(tf.io.parse_single_example, features=description)
        )

    def _cache(self, task: str, sizes: Mapping[str, list[int]], suffix: str) -> str:
        """Writes a cache as seqio does, with the texts under names that end in `suffix`; returns its folder."""
        folder = os.path.join(self.test_data_dir, task)
        os.makedirs(folder)
        for split, shards in sizes.items():
            examples = [
                {name.replace("_pretokenized", suffix): value for name, value in example.items()}
                for example in _expected(split, self.DEFAULT_OUTPUT_FEATURES, _tokens_as_they_are)
            ]
            _write_shards(os.path.join(folder, f"{split}.tfrecord"), examples, shards)
            info = {
                "features": {name: _described(value) for name, value in sorted(examples[0].items())},
                "num_shards": len(shards),
                "seqio_version": "0.0.0",
            }
            stats: dict[str, int] = {"examples": len(examples)}
            for name in ("inputs", "targets"):
                lengths = [len(example[name]) for example in examples]
                stats |= {f"{name}_tokens": sum(lengths), f"{name}_max_tokens": max(lengths)}
            for kind, content in (("info", info), ("stats", stats)):
                with open(os.path.join(folder, f"{kind}.{split}.json"), "w", encoding="utf-8") as file:
                    json.dump(content, file, indent=2, sort_keys=True)
        with open(os.path.join(folder, "COMPLETED"), "w", encoding="utf-8"):
            pass
        return folder

    def verify_task_matches_fake_datasets(
        self,
        task_name: str = "",
        use_cached: bool = False,
        token_preprocessed: bool = False,
        ndfeatures: bool = False,
        ragged_features: bool = False,
        splits: Sequence[str] = ("train", "validation"),
        sequence_length: Mapping[str, int] | None = LENGTHS,
        num_shards: int | None = None,
        task: Task | None = None,
    ) -> None:
        """Asserts that a task gives the fake examples, as text and as tokens, in any order.

        Args:
            task_name: name of the task.
            use_cached: see `t5mix.Task.get_dataset`.
            token_preprocessed: whether `test_token_preprocessor` is one of its steps.
            ndfeatures: whether it has the features of two and of three axes.
            ragged_features: whether it has the ragged feature.
            splits: which splits.
            sequence_length: for each feature its greatest length in tokens.
            num_shards: read in so many shards; None reads whole.
            task: the task itself, in place of its name.

        Raises:
            AssertionError: naming what is another.
        """
        task = task or TaskRegistry.get(task_name)
        beside = [name for name in ("2d_feature", "3d_feature") if ndfeatures] + ["ragged_feature"] * ragged_features
        change = _above_15_is_50 if token_preprocessed else _tokens_as_they_are
        for split in splits:
            shards: list[ShardInfo | None] = [ShardInfo(i, num_shards) for i in range(num_shards or 0)] or [None]  # type: ignore[arg-type]
            found: list[dict[str, Any]] = []
            for shard in shards:
                dataset = task.get_dataset(
                    sequence_length, split, use_cached=use_cached, shuffle=False, shard_info=shard
                )
                found += [{name: _plain(value) for name, value in each.items()} for each in dataset.as_numpy_iterator()]
            expected = _expected(split, task.output_features, change, beside)
            for name, feature in task.output_features.items():
                limit = (sequence_length or {}).get(name)
                for example in expected:
                    tokens = example[name][: None if limit is None else limit - feature.add_eos]
                    example[name] = [*tokens, feature.vocabulary.eos_id] if feature.add_eos else tokens
            self.assertCountEqual([sorted(each.items()) for each in expected], [sorted(each.items()) for each in found])


def _tokens_as_they_are(tokens: list[int]) -> list[int]:
    return tokens


def _above_15_is_50(tokens: list[int]) -> list[int]:
    return [50 if token > 15 else token for token in tokens]


def _expected(
    split: str,
    features: Mapping[str, Feature],
    change: Callable[[list[int]], list[int]],
    beside: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """Returns the examples after `DEFAULT_PREPROCESSORS` without EOS, their inputs changed, as plain values."""
    made = []
    for example in fake_examples.EXAMPLES[split]:
        texts = {"inputs": f"complete: {example['prefix']}", "targets": example["suffix"]}
        tokens = {name: features[name].vocabulary.encode(text) for name, text in texts.items()}
        kept = {name: value for name, value in example.items() if name in ("idx", "idxs", "id", "ids")}
        kept |= {f"{name}{suffix}": example[name] for name in beside for suffix in ("", "_pretokenized")}
        before = {f"{name}_pretokenized": text for name, text in texts.items()}
        made.append({**kept, **before, **tokens, "inputs": change(tokens["inputs"])})
    return made


def _plain(value: Any) -> Any:
    """Returns arrays and ragged tensors as lists, bytes as text."""
    if hasattr(value, "to_list"):
        return value.to_list()
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value.decode("utf-8") if isinstance(value, bytes) else value


def _described(value: Any) -> dict[str, Any]:
    """Returns dtype and shape as seqio writes them down."""
    first = value[0] if isinstance(value, list) else value
    dtype = "string" if isinstance(first, str) else "int32" if isinstance(value, list) else "int64"
    return {"dtype": dtype, "shape": [None] if isinstance(value, list) else []}


def _write_shards(path: str, examples: Sequence[Mapping[str, Any]], sizes: Sequence[int]) -> None:
    rest = iter(examples)
    for shard, size in enumerate(sizes):
        with tf.io.TFRecordWriter(f"{path}-{shard:05}-of-{len(sizes):05}") as writer:
            for _ in range(size):
                writer.write(dict_to_tfexample(dict(next(rest))).SerializeToString())


class FakeMixtureTest(FakeTaskTest):
    """The same, with mixtures of one task each: `uncached_mixture`, `cached_mixture`, `uncached_random_mixture`."""

    def setUp(self) -> None:
        """Declares tasks and mixtures."""
        super().setUp()
        self.uncached_mixture = MixtureRegistry.add("uncached_mixture", [("uncached_task", 1.0)])
        self.cached_mixture = MixtureRegistry.add("cached_mixture", [("cached_task", 1.0)])
        self.uncached_random_mixture = MixtureRegistry.add("uncached_random_mixture", [("random_task", 1.0)])

"""The test cases declare tasks that give the examples they verify, and notice where a task does not."""

import pytest

import t5mix
from t5mix import test_utils
from t5mix.sources.data_dirs import data_dirs


class TasksTest(test_utils.FakeTaskTest):
    def test_tasks_of_every_source(self) -> None:
        for name in ("function_task", "tfds_task", "t5:tfds_task"):
            self.verify_task_matches_fake_datasets(name)
        for name in ("text_line_task", "tf_example_task", "proto_task"):
            self.verify_task_matches_fake_datasets(name, splits=["train"])
        self.verify_task_matches_fake_datasets("text_line_task", splits=["train"], num_shards=2)

    def test_caches_as_seqio_makes_them(self) -> None:
        assert t5mix.TaskRegistry.get("cached_task").get_cached_stats("train") == {
            **{"examples": 3, "inputs_tokens": 36, "inputs_max_tokens": 13},
            **{"targets_tokens": 18, "targets_max_tokens": 6},
        }
        self.verify_task_matches_fake_datasets("cached_task", use_cached=True)
        self.verify_task_matches_fake_datasets("cached_task", use_cached=True, num_shards=2, splits=["train"])
        self.verify_task_matches_fake_datasets(
            "cached_plaintext_task", use_cached=True, token_preprocessed=True, splits=["train"]
        )

    def test_a_difference_is_noticed(self) -> None:
        with pytest.raises(AssertionError):
            self.verify_task_matches_fake_datasets("function_task", token_preprocessed=True)
        self.add_task("mine", self.function_source, [*self.DEFAULT_PREPROCESSORS[:-1]])
        with pytest.raises(AssertionError):
            self.verify_task_matches_fake_datasets("mine")

    def test_features_of_several_axes(self) -> None:
        source = t5mix.FunctionDataSource(
            lambda split, shuffle_files, seed=None: test_utils.get_fake_dataset(split, ragged_features=True), ["train"]
        )

        def copy(dataset):
            return dataset.map(lambda x: {**x, "ragged_feature_pretokenized": x["ragged_feature"]})

        self.add_task("ragged", source, [*self.DEFAULT_PREPROCESSORS, copy])
        self.verify_task_matches_fake_datasets("ragged", ragged_features=True, splits=["train"])


class MixturesTest(test_utils.FakeMixtureTest):
    def test_mixtures_of_one_task(self) -> None:
        mixture = t5mix.MixtureRegistry.get("cached_mixture")
        made = mixture.get_dataset(lengths(), "train", use_cached=True, shuffle=False, num_epochs=1)
        assert len(list(made)) == 3
        assert t5mix.MixtureRegistry.names() == ["cached_mixture", "uncached_mixture", "uncached_random_mixture"]


def lengths() -> dict[str, int]:
    return {"inputs": 13, "targets": 13}


def test_a_case_leaves_nothing_behind() -> None:
    before = t5mix.TaskRegistry.names(), data_dirs.cache_dirs
    case = TasksTest("test_a_difference_is_noticed")
    assert case.run().wasSuccessful()
    assert (t5mix.TaskRegistry.names(), data_dirs.cache_dirs) == before

"""Few-shot examples: which solved ones stand before which question."""

import pytest
import tensorflow as tf

import t5mix
from t5mix.compat.experimental import FewshotDataSource, fewshot_preprocessor
from t5mix.sources import ShardInfo


def questions(split: str, shuffle_files: bool, seed: int | None = None) -> tf.data.Dataset:
    numbers = range(20) if split == "train" else range(100, 104) if split == "test" else range(0)
    items = [str(n) for n in numbers]
    return tf.data.Dataset.from_tensor_slices(
        {"inputs": tf.constant(items, tf.string, [len(items)]), "targets": tf.constant(items, tf.string, [len(items)])}
    )


ORIGINAL = t5mix.FunctionDataSource(questions, ["train", "test", "empty"])


def pairs(dataset: tf.data.Dataset) -> list[tuple[list[str], str]]:
    return [
        ([text.decode() for text in example["train"]["targets"]], example["eval"]["targets"].decode())
        for example in dataset.as_numpy_iterator()
    ]


def test_each_question_has_its_shots_from_the_train_split() -> None:
    found = pairs(FewshotDataSource(ORIGINAL, 3).get_dataset("test", shuffle=False))
    assert [asked for _, asked in found] == ["100", "101", "102", "103"]
    shots = [shot for several, _ in found for shot in several]
    assert len(shots) == 12 and len(set(shots)) == 12 and set(shots) <= {str(n) for n in range(20)}


def test_the_same_seed_gives_the_same_pairs_and_no_example_solves_itself() -> None:
    source = FewshotDataSource(ORIGINAL, 1)
    first, again, other = (pairs(source.get_dataset("train", seed=seed)) for seed in (1, 1, 2))
    assert first == again != other
    assert sum(shots[0] == asked for shots, asked in first) < 10
    unshuffled = pairs(source.get_dataset("train", shuffle=False))
    assert unshuffled == pairs(source.get_dataset("train", shuffle=False, seed=5))
    assert sum(shots[0] == asked for shots, asked in unshuffled) < 10


def test_fixed_exemplars_are_the_same_for_every_question_but_in_training() -> None:
    source = FewshotDataSource(ORIGINAL, 2, eval_on_fixed_exemplars=True)
    assert len({tuple(shots) for shots, _ in pairs(source.get_dataset("test"))}) == 1
    assert len({tuple(shots) for shots, _ in pairs(source.get_dataset("train"))}) > 1


def test_shards_partition_the_questions() -> None:
    source = FewshotDataSource(ORIGINAL, 1)
    parts = [pairs(source.get_dataset("test", shuffle=False, shard_info=ShardInfo(i, 2))) for i in range(2)]
    assert [[asked for _, asked in part] for part in parts] == [["100", "102"], ["101", "103"]]


def test_what_cannot_be_solved_is_refused() -> None:
    with pytest.raises(ValueError, match="Train split 'dev' is not one of the original source splits"):
        FewshotDataSource(ORIGINAL, 1, train_split="dev").get_dataset("test")
    with pytest.raises(ValueError, match="'empty' has no example"):
        FewshotDataSource(ORIGINAL, 1, train_split="empty").get_dataset("test")
    with pytest.raises(ValueError, match="num_shots is -1"):
        FewshotDataSource(ORIGINAL, -1)


def test_without_shots_no_train_split_is_needed() -> None:
    source = FewshotDataSource(t5mix.FunctionDataSource(questions, ["test"]), 0)
    assert [list(example) for example in source.get_dataset("test")] == [["eval"]] * 4
    assert source.fingerprint("test") != FewshotDataSource(ORIGINAL, 1).fingerprint("test")


def test_steps_run_on_either_side_and_count_for_the_fingerprint() -> None:
    @t5mix.map_over_dataset
    def marked(example: dict) -> dict:
        return {**example, "targets": "<" + example["targets"]}

    source = FewshotDataSource(ORIGINAL, 1, train_preprocessors=[marked])
    assert all(shots[0].startswith("<") and not asked.startswith("<") for shots, asked in pairs(source.get_dataset()))
    plain = FewshotDataSource(ORIGINAL, 1)
    assert len({plain.fingerprint("test"), source.fingerprint("test"), plain.fingerprint("train")}) == 3
    assert plain.fingerprint("test") == FewshotDataSource(ORIGINAL, 1).fingerprint("test")


def one(value: dict) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensors(value)


@pytest.mark.parametrize(
    ("arguments", "inputs"),
    [
        ({}, "1+12\n\n2+24\n\n3+3"),
        ({"inputs_prefix": "Q: ", "targets_prefix": " A: ", "example_separator": "; "},
         "Q: 1+1 A: 2; Q: 2+2 A: 4; Q: 3+3 A:"),
        ({"prompt": "Add.", "example_separator": " | ", "reverse": True}, "Add. | 2+24 | 1+12 | 3+3"),
    ],
)  # fmt: skip
def test_the_text_of_shots_and_question(arguments: dict, inputs: str) -> None:
    example = {
        "train": {"inputs": ["1+1", "2+2"], "targets": ["2", "4"]},
        "eval": {"inputs": "3+3", "targets": "6", "id": 7},
    }
    [made] = fewshot_preprocessor(one(example), **arguments).as_numpy_iterator()
    assert made["inputs"].decode() == inputs
    assert made["targets"] == b"6" and made["id"] == 7 and set(made) == {"inputs", "targets", "id"}


def test_without_shots_only_the_prompt_stands_before_the_question() -> None:
    example = {"eval": {"inputs": "3+3", "targets": "6"}}
    [made] = fewshot_preprocessor(one(example), prompt="Add.", example_separator=" ").as_numpy_iterator()
    assert made["inputs"] == b"Add. 3+3"


def test_several_questions_of_one_example_become_examples() -> None:
    example = {
        "train": {"inputs": ["a"], "targets": ["b"]},
        "eval": {"inputs": ["c", "d"], "targets": ["e", "f"]},
    }
    made = list(fewshot_preprocessor(one(example), example_separator=" ").as_numpy_iterator())
    assert [(each["inputs"], each["targets"]) for each in made] == [(b"ab c", b"e"), (b"ab d", b"f")]


def test_a_few_shot_task_gives_tokens() -> None:
    features = {key: t5mix.Feature(t5mix.ByteVocabulary()) for key in ("inputs", "targets")}
    task = t5mix.Task(
        "t", FewshotDataSource(ORIGINAL, 1), features, [fewshot_preprocessor, t5mix.preprocessors.tokenize]
    )
    first = next(iter(task.get_dataset(split="test", shuffle=False)))
    assert features["inputs"].vocabulary.decode(first["inputs"]).endswith("\n\n100")

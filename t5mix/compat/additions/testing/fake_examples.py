"""Five examples, and steps on them: what the test cases of `fake_tasks` make tasks of."""

from collections.abc import Mapping
from typing import Any

from t5mix.internal.lazy import tensorflow as tf
from t5mix.preprocessors.mapping import map_over_dataset
from t5mix.sources import ShardInfo
from t5mix.vocabularies.features import Feature

Example = Mapping[str, Any]

_TRAIN = {"2d_feature": [[1, 2, 3]], "3d_feature": [[[1, 2, 3], [4, 5, 6]]]}
_VALIDATION = {"2d_feature": [[3, 2, 1]], "3d_feature": [[[6, 5, 4], [3, 2, 1]]]}
# A ragged feature is int32 [2, (rows), 2].
EXAMPLES: Mapping[str, list[dict[str, Any]]] = {
    "train": [
        {**_TRAIN, "prefix": "this", "suffix": "is a test", "ragged_feature": [[[3, 1], [4, 1]], [[5, 9], [2, 6]]]},
        {**_TRAIN, "prefix": "that", "suffix": "was a test", "ragged_feature": [[[3, 1]], [[4, 1], [5, 9]]]},
        {**_TRAIN, "prefix": "those", "suffix": "were tests", "ragged_feature": [[], []]},
    ],
    "validation": [
        {
            **_VALIDATION,
            **{"idx": 0, "idxs": [100], "id": "a", "ids": ["a1", "a2"]},
            **{"prefix": "this", "suffix": "is a validation"},
            "ragged_feature": [[[6, 2]], [[9, 0], [3, 3]]],
        },
        {
            **_VALIDATION,
            **{"idx": 1, "idxs": [200, 201], "id": "b", "ids": ["b1"]},
            **{"prefix": "that", "suffix": "was another validation"},
            "ragged_feature": [[[0, 9], [8, 7]], [[2, 4], [6, 5]]],
        },
    ],
}


def get_fake_dataset(
    split: str,
    shuffle_files: bool = False,
    seed: int | None = None,
    shard_info: ShardInfo | None = None,
    ndfeatures: bool = False,
    ragged_features: bool = False,
) -> "tf.data.Dataset":
    """Returns three examples of split "train", or two of "validation", as `prefix` and `suffix`.

    Args:
        split: the split; the examples of "validation" have `idx`, `idxs`, `id` and `ids`, too.
        shuffle_files: accepted, as a source's function gets it; the order is always the same.
        seed: likewise.
        shard_info: which part of the examples.
        ndfeatures: whether they have features of two and of three axes.
        ragged_features: whether they have a ragged feature.
    """
    specs: dict[str, Any] = {name: tf.TensorSpec([], tf.string) for name in ("prefix", "suffix")}
    if split == "validation":
        specs |= {"idx": tf.TensorSpec([], tf.int64), "idxs": tf.TensorSpec([None], tf.int32)}
        specs |= {"id": tf.TensorSpec([], tf.string), "ids": tf.TensorSpec([None], tf.string)}
    if ndfeatures:
        specs |= {"2d_feature": tf.TensorSpec([None, 3], tf.int32), "3d_feature": tf.TensorSpec([None, 2, 3], tf.int32)}
    if ragged_features:
        specs["ragged_feature"] = tf.RaggedTensorSpec([2, None, 2], tf.int32, ragged_rank=1)
    examples = [{name: _value(name, example[name]) for name in specs} for example in EXAMPLES[split]]
    dataset = tf.data.Dataset.from_generator(lambda: iter(examples), output_signature=specs)
    return dataset.shard(shard_info.num_shards, shard_info.index) if shard_info else dataset


def _value(name: str, value: Any) -> Any:
    if name != "ragged_feature":
        return value
    return tf.ragged.constant(value, tf.int32, ragged_rank=1, inner_shape=(2,))


def test_text_preprocessor(dataset: "tf.data.Dataset") -> "tf.data.Dataset":
    """Asks for the suffix of a prefix.

    Before: `{"prefix": "this", "suffix": "is a test"}`; after: `{"inputs": "complete: this", "targets": "is a test"}`.
    """

    def ask(example: Example) -> dict[str, Any]:
        others = {name: value for name, value in example.items() if name not in ("prefix", "suffix")}
        inputs = tf.strings.join(["complete: ", example["prefix"]])
        return {**others, "inputs": inputs, "targets": example["suffix"]}

    return dataset.map(ask, num_parallel_calls=tf.data.AUTOTUNE)


def split_tsv_preprocessor(
    dataset: "tf.data.Dataset", field_names: tuple[str, ...] = ("prefix", "suffix")
) -> "tf.data.Dataset":
    r"""Makes an example of a line of fields: "this\tis a test" becomes `{"prefix": "this", "suffix": "is a test"}`."""

    def parse(line: Any) -> dict[str, Any]:
        fields = tf.io.decode_csv(line, [""] * len(field_names), field_delim="\t", use_quote_delim=False)
        return dict(zip(field_names, fields, strict=True))

    return dataset.map(parse, num_parallel_calls=tf.data.AUTOTUNE)


def test_token_preprocessor(
    dataset: "tf.data.Dataset", output_features: Mapping[str, Feature], sequence_length: Mapping[str, int] | None
) -> "tf.data.Dataset":
    """Replaces inputs above 15 by 50: `{"inputs": [3, 16, 4]}` becomes `{"inputs": [3, 50, 4]}`."""
    del output_features, sequence_length

    def replace(example: Example) -> dict[str, Any]:
        inputs = example["inputs"]
        return {**example, "inputs": tf.where(inputs > 15, tf.constant(50, inputs.dtype), inputs)}

    return dataset.map(replace, num_parallel_calls=tf.data.AUTOTUNE)


def token_preprocessor_no_sequence_length(
    dataset: "tf.data.Dataset", output_features: Mapping[str, Feature]
) -> "tf.data.Dataset":
    """Does what `test_token_preprocessor` does, and may stand before a token cache."""
    return test_token_preprocessor(dataset, output_features, sequence_length=None)


@map_over_dataset(num_seeds=1)
def random_token_preprocessor(ex: Example, seed: Any, sequence_length: Mapping[str, int]) -> dict[str, Any]:
    """Rolls the tokens of the last feature with a length by a random number: `[7, 8, 9]` may become `[9, 7, 8]`."""
    result = dict(ex)
    for name in sequence_length:
        tokens = ex[name]
        shift = tf.random.stateless_uniform([], seed, maxval=tf.size(tokens), dtype=tf.int32)
        result = {**ex, name: tf.roll(tokens, shift, axis=0)}
    return result


# pytest collects what is named so where a test module imports it.
for _function in (test_text_preprocessor, test_token_preprocessor):
    vars(_function)["__test__"] = False

"""Every possible answer as an example of its own, for models that score answers instead of writing them."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from t5mix.internal.lazy import tensorflow as tf
from t5mix.preprocessors.mapping import map_over_dataset
from t5mix.preprocessors.parsing import fill

Example = Mapping[str, Any]
OfExample = Callable[[Example], Any]

_MODES = ("train", "eval", "fewshot_eval")


def rank_classification(
    ds: "tf.data.Dataset",
    inputs_fn: OfExample,
    targets_fn: OfExample,
    is_correct_fn: OfExample,
    weight_fn: OfExample | None = None,
    mode: str = "eval",
    passthrough_feature_keys: Sequence[str] | None = None,
) -> "tf.data.Dataset":
    """Makes one example of each possible answer, for `metrics.rank_classification`.

    Before, with functions that return "prefix", "suffix" and the one-hot of "label": `{"prefix": ["It needed ", "It
    wanted "], "suffix": ["water", "cows"], "label": 0}`; after: `{"idx": [0, 0], "inputs": "It needed ", "targets":
    "water", "is_correct": True}` and `{"idx": [0, 1], "inputs": "It wanted ", "targets": "cows", "is_correct":
    False}`.

    Args:
        ds: the examples.
        inputs_fn: returns the inputs of each answer of an example, string [answers].
        targets_fn: returns the text of each answer, string [answers].
        is_correct_fn: returns which are correct, bool or number [answers].
        weight_fn: returns the weight of an example, a number; None gives none.
        mode: "eval" gives all answers, "train" the correct ones only, "fewshot_eval" all in one batch.
        passthrough_feature_keys: features of the example that each of its answers keeps.

    Raises:
        ValueError: for another mode, or a feature kept that the result has already.
        tf.errors.InvalidArgumentError: while reading, when the functions return unequal numbers of answers.
    """
    if mode not in _MODES:
        raise ValueError(f"rank_classification: mode is {mode!r}; give one of {', '.join(_MODES)}")

    def expand(numbered: Any) -> dict[str, Any]:
        number, example = numbered
        made = _answers(number, inputs_fn(example), targets_fn(example), is_correct_fn(example))
        count = tf.size(made["is_correct"])
        if weight_fn is not None:
            made["weight"] = tf.fill([count], tf.cast(weight_fn(example), tf.float32))
        for key in passthrough_feature_keys or ():
            if key in made:
                raise ValueError(f"rank_classification: the feature {key!r} to keep is one it makes; rename it before")
            made[key] = tf.repeat(tf.convert_to_tensor(example[key])[tf.newaxis], count, axis=0)
        return made

    made = map_over_dataset(expand)(ds.enumerate())
    if mode == "fewshot_eval":
        return made
    # `unbatch` of TensorFlow 2.21 ends the process at numbers of shape [answers, 0].
    made = made.flat_map(tf.data.Dataset.from_tensor_slices)
    return made.filter(lambda example: example["is_correct"]) if mode == "train" else made


def _answers(number: Any, inputs: Any, targets: Any, correct: Any) -> dict[str, Any]:
    correct = tf.cast(correct, tf.bool)
    sizes = [tf.size(inputs), tf.size(targets)]
    count = tf.size(correct)
    message = "rank_classification: `inputs_fn`, `targets_fn`, and `is_correct_fn` must return the same size tensors"
    with tf.control_dependencies([tf.debugging.assert_equal(sizes, [count, count], message)]):
        positions = tf.range(tf.identity(count))
    return {
        "idx": tf.stack([tf.fill([count], tf.cast(number, tf.int32)), positions], axis=1),
        "inputs": inputs,
        "targets": targets,
        "is_correct": correct,
    }


def rank_classification_formatter(
    ds: "tf.data.Dataset",
    inputs_formats: str | Sequence[str],
    targets_formats: str | Sequence[str],
    mode: str = "eval",
    label_key: str = "label",
    weight_key: str | None = None,
) -> "tf.data.Dataset":
    """Makes one example of each possible answer, by formats that name features in braces.

    Before, with inputs_formats "{premise} So:" and targets_formats ["{choice1}", "{choice2}"]: `{"premise": "It was
    dry.", "choice1": "A canal was dug.", "choice2": "It rained.", "label": 0}`; after: `{"idx": [0, 0], "inputs": "It
    was dry. So:", "targets": "A canal was dug.", "is_correct": True}` and `{"idx": [0, 1], "inputs": "It was dry.
    So:", "targets": "It rained.", "is_correct": False}`.

    Args:
        ds: the examples.
        inputs_formats: one format for all answers, or one for each; "{a/b}" is feature b of the feature a.
        targets_formats: likewise; one of the two is a list.
        mode: see `rank_classification`.
        label_key: feature that holds the position, or the positions, of what is correct.
        weight_key: feature that holds the example's weight; None gives none.

    Raises:
        ValueError: when neither is a list or they differ in length, or a format names no feature.
        TypeError: when a format names a feature that is no text.
    """
    inputs, targets = _equally_many(inputs_formats, targets_formats)

    def is_correct(example: Example) -> Any:
        hot = tf.one_hot(example[label_key], len(targets), on_value=True, off_value=False)
        return tf.reduce_any(hot, axis=0) if example[label_key].shape.rank else hot

    return rank_classification(
        ds,
        inputs_fn=lambda example: _filled(inputs, example),
        targets_fn=lambda example: _filled(targets, example),
        is_correct_fn=is_correct,
        weight_fn=(lambda example: example[weight_key]) if weight_key is not None else None,
        mode=mode,
    )


def _equally_many(inputs: str | Sequence[str], targets: str | Sequence[str]) -> tuple[list[str], list[str]]:
    if isinstance(inputs, str) and isinstance(targets, str):
        raise ValueError("rank_classification_formatter: give inputs_formats or targets_formats as a list of answers")
    count = len(inputs) if isinstance(targets, str) else len(targets)
    lists = [[each] * count if isinstance(each, str) else list(each) for each in (inputs, targets)]
    if len(lists[0]) != len(lists[1]):
        raise ValueError(
            f"rank_classification_formatter: {len(lists[0])} inputs_formats and {len(lists[1])} targets_formats; give "
            "one for each answer"
        )
    return lists[0], lists[1]


def _filled(templates: Sequence[str], example: Example) -> list[Any]:
    flat = _flat(example)
    for template in templates:
        for name in re.findall(r"\{([^{}]+)\}", template):
            if name not in flat and any(key.startswith(f"{name}/") for key in flat):
                raise ValueError(
                    f"rank_classification_formatter: Final value of key {name!r} must be a tf.string. Got: dict; "
                    f"name one of its features, as '{{{name}/...}}'"
                )
    return [fill(template, flat) for template in templates]


def _flat(example: Example, prefix: str = "") -> dict[str, Any]:
    """Puts features of features under the name "a/b"."""
    flat: dict[str, Any] = {}
    for key, value in example.items():
        if isinstance(value, Mapping):
            flat.update(_flat(value, f"{prefix}{key}/"))
        else:
            flat[prefix + key] = value
    return flat

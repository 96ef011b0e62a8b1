"""Sentinels on supervised tasks."""

import pytest
import tensorflow as tf

import t5mix
from t5mix import metrics, postprocessors, preprocessors
from t5mix.declarations import derived

VOCABULARY = t5mix.ByteVocabulary(extra_ids=3)
FEATURES = {name: t5mix.Feature(VOCABULARY) for name in ("inputs", "targets")}
LAST = VOCABULARY.vocab_size - 1


def pairs(split: str, shuffle_files: bool) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensors({"inputs": "Where is Rome?", "targets": "Italy"})


def task(**changes: object) -> t5mix.Task:
    steps = [preprocessors.tokenize, t5mix.CacheDatasetPlaceholder(), preprocessors.append_eos_after_trim]
    arguments = {"preprocessors": steps, "metric_fns": [metrics.accuracy], **changes}
    return t5mix.Task("where_eval", t5mix.FunctionDataSource(pairs, ["train"]), FEATURES, **arguments)


def ids(made: t5mix.Task, lengths: dict | None = None) -> dict[str, list[int]]:
    (row,) = made.get_dataset(lengths, shuffle=False)
    return {name: row[name].numpy().tolist() for name in ("inputs", "targets")}


@pytest.mark.parametrize("count", [1, 2])
def test_sentinels_stand_behind_inputs_and_before_targets(count: int) -> None:
    made = derived.with_sentinels(task(), count)
    marks = [LAST - number for number in range(count)]
    inputs, targets = VOCABULARY.encode("Where is Rome?"), VOCABULARY.encode("Italy")
    assert made.name == f"where_{count}_sentinel_eval"
    assert ids(made) == {"inputs": [*inputs, *marks, 1], "targets": [*marks, *targets, 1]}
    assert ids(made, {"inputs": 8, "targets": 99})["inputs"] == [*inputs[: 7 - count], *marks, 1]
    assert ids(made, {"inputs": 1, "targets": 1}) == {"inputs": [1], "targets": [1]}
    assert ids(task(preprocessors=[preprocessors.tokenize])) == {"inputs": inputs, "targets": targets}
    plain = derived.with_sentinels(task(preprocessors=[preprocessors.tokenize]), count)
    assert ids(plain) == {"inputs": [*inputs, *marks], "targets": [*marks, *targets]}


def test_what_is_decoded_loses_them() -> None:
    class Words(t5mix.PassThroughVocabulary):
        def decode(self, ids: object) -> str:
            return " ".join(f"<extra_id_{99 - number}>" for number in ids)

    words = Words(100)
    remove = postprocessors.remove_sentinels
    assert remove("<extra_id_0> True", words) == "True"
    assert remove("<extra_id_0> <extra_id_1>  True ", words, 2) == "True"
    assert remove("True", words, example={}, is_target=True) == "True"
    labels = {"vocabulary": words, "postprocess_fn": postprocessors.multirc}
    assert remove("<extra_id_0> True", **labels, example={"idx/question": 4}, is_target=True) == {
        "value": 1, "group": 4,
    }  # fmt: skip


def test_names_and_refusals() -> None:
    names = {"dpr": "dpr_1_sentinel", "wsc_train": "wsc_1_sentinel_train", "a.b_eval": "a.b_1_sentinel_eval"}
    assert {name: derived.name_with_sentinels(name) for name in names} == names
    with pytest.raises(ValueError, match="num_sentinels is 0"):
        derived.with_sentinels(task(), 0)

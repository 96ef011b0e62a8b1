"""`t5mix.get_dataset`: a name becomes what a model reads."""

import pytest

import t5mix
from t5mix.sources import FunctionDataSource
from t5mix.vocabularies import ByteVocabulary


def _texts(split, shuffle_files):
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices({"inputs": ["ab", "c", "def", "g"], "targets": ["x", "yz", "", "w"]})


@pytest.fixture
def task():
    feature = t5mix.Feature(ByteVocabulary())
    return t5mix.Task(
        "loading",
        source=FunctionDataSource(_texts, splits=["train"]),
        preprocessors=[t5mix.preprocessors.tokenize, t5mix.preprocessors.append_eos_after_trim],
        output_features={"inputs": feature, "targets": feature},
    )


LENGTHS = {"inputs": 4, "targets": 4}


def test_examples_are_converted_and_batched(task):
    converter = t5mix.EncDecFeatureConverter(pack=False)
    made = t5mix.get_dataset(task, LENGTHS, converter, batch_size=3)
    (batch,) = made.as_numpy_iterator()
    assert batch["encoder_input_tokens"].tolist() == [[100, 101, 1, 0], [102, 1, 0, 0], [103, 104, 105, 1]]
    assert batch["decoder_target_tokens"].tolist() == [[123, 1, 0, 0], [124, 125, 1, 0], [1, 0, 0, 0]]
    assert len(list(t5mix.get_dataset(task, LENGTHS, converter, num_epochs=2))) == 8


def test_names_are_looked_up_and_mixtures_packed(task):
    with t5mix.overlay():
        t5mix.TaskRegistry.add_provider("loading", task)
        t5mix.MixtureRegistry.add("loading_mixture", ["loading"], default_rate=1)
        made = t5mix.get_dataset(
            "loading_mixture", {"inputs": 12, "targets": 12}, t5mix.EncDecFeatureConverter(), seed=1
        )
        (row,) = made.as_numpy_iterator()
    assert row["encoder_segment_ids"].tolist() == [1, 1, 1, 2, 2, 3, 3, 3, 3, 4, 4, 0]


def test_another_converter_is_refused(task):
    with pytest.raises(TypeError, match="instance of FeatureConverter"):
        t5mix.get_dataset(task, LENGTHS, lambda dataset, lengths: dataset)

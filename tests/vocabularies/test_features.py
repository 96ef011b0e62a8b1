"""Features: seqio's defaults, dtypes by name, refusals."""

import numpy as np
import pytest
import tensorflow as tf

import t5mix

VOCABULARY = t5mix.ByteVocabulary()


def test_defaults_are_seqios() -> None:
    feature = t5mix.Feature(VOCABULARY)
    assert (feature.add_eos, feature.required, feature.dtype, feature.rank) == (True, True, "int32", 1)
    assert feature.tf_dtype is tf.int32
    for kind in (t5mix.ContinuousFeature, t5mix.PassThroughFeature):
        assert kind().vocabulary == t5mix.PassThroughVocabulary(0) and not kind().add_eos


@pytest.mark.parametrize("dtype", ["float32", tf.float32, np.float32, np.dtype("float32")])
def test_a_dtype_is_known_by_its_name(dtype: object) -> None:
    assert t5mix.Feature(VOCABULARY, dtype=dtype) == t5mix.Feature(VOCABULARY, dtype="float32")


@pytest.mark.parametrize(
    "wrong",
    [{"vocabulary": "spiece.model"}, {"dtype": "int"}, {"dtype": None}, {"rank": -1}, {"rank": 1.0}, {"rank": True}],
)
def test_what_cannot_work_is_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=f"Feature: {next(iter(wrong))}"):
        t5mix.Feature(**{"vocabulary": VOCABULARY, **wrong})

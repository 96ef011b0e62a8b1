"""The 240 examples that T5's span corruption made of 500 C4 documents, for google/airio's tests.

They were made by T5's own `span_corruption` under `seqio.map_seed_manager(94043)`: TensorFlow's stateless generator,
which T5 0.9.4 still reproduces.  Here: our functions of T5's names give the same examples, token for token; the noise
of the stream and of `objectives.span_corruption` gives examples of the same law.
"""

from pathlib import Path

import numpy as np
import pytest

from t5mix import Feature
from t5mix.preprocessors import objectives
from t5mix.preprocessors.mapping import map_seed_manager
from t5mix.preprocessors.objectives import Noise, Ragged
from t5mix.vocabularies import PassThroughVocabulary

FOLDER = Path(__file__).parents[3].parent / "shared" / "data" / "c4_span_corruption"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="needs ../shared/data/c4_span_corruption")

LENGTHS = {"inputs": 1024, "targets": 1024}
VOCABULARY = PassThroughVocabulary(size=32_100)
SENTINEL = 32_099


def _read(pattern, *names):
    import tensorflow as tf

    lists = {name: tf.io.FixedLenSequenceFeature([], tf.int64, allow_missing=True) for name in names}
    (path,) = FOLDER.glob(pattern)
    return tf.data.TFRecordDataset(str(path)).map(lambda record: tf.io.parse_single_example(record, lists))


@pytest.fixture(scope="module")
def made():
    return list(_read("c4_span_corruption*", "inputs", "targets").as_numpy_iterator())


@pytest.fixture(scope="module")
def segments():
    """The documents, 128 joined at a time, in pieces of the size that fills 1024 inputs."""
    documents = [x["targets"] for x in _read("c4_tokenized*", "targets").as_numpy_iterator()]
    size = objectives.span_corruption.segment_length(LENGTHS)
    joined = [np.concatenate(documents[start : start + 128]) for start in range(0, len(documents), 128)]
    return [text[start : start + size] for text in joined for start in range(0, len(text), size)]


def test_t5s_functions_give_the_same_examples(segments, made):
    import tensorflow as tf

    ragged = tf.ragged.constant([segment.tolist() for segment in segments], dtype=tf.int64)
    dataset = tf.data.Dataset.from_tensor_slices({"targets": ragged})
    # Choosing a chunk of a long document took the first two seeds, cutting into segments the next two.
    with map_seed_manager(94_043 + 4):
        noised = objectives.denoise(
            dataset,
            {name: Feature(VOCABULARY) for name in LENGTHS},
            noise_density=0.15,
            noise_mask_fn=objectives.random_spans_noise_mask,
            inputs_fn=objectives.noise_span_to_unique_sentinel,
            targets_fn=objectives.nonnoise_span_to_unique_sentinel,
        )
    found = list(noised.as_numpy_iterator())
    assert len(found) == len(made) == 240
    for one, other in zip(found, made, strict=True):
        assert all(np.array_equal(one[name], other[name]) for name in LENGTHS)


def _restored(inputs, targets):
    spans = np.split(targets, np.flatnonzero(targets > SENTINEL - 100))[1:]
    by_sentinel = {int(span[0]): span[1:].tolist() for span in spans}
    text = [by_sentinel.pop(token, [token]) for token in inputs.tolist()]
    assert not by_sentinel
    return [token for tokens in text for token in tokens]


def test_our_noise_has_the_same_law(segments, made):
    texts = Ragged.of([segment.astype(np.int32) for segment in segments])
    ours = objectives.span_corruption.apply(texts, Noise.of((94_043, 0), np.arange(len(texts))), SENTINEL)
    spans, firsts = {"ours": [], "theirs": []}, {"ours": [], "theirs": []}
    for row, (segment, theirs) in enumerate(zip(segments, made, strict=True)):
        our = {name: ours[name].rows()[row] for name in LENGTHS}
        for side, example in (("ours", our), ("theirs", theirs)):
            assert _restored(example["inputs"], example["targets"]) == segment.tolist()
            starts = np.flatnonzero(example["targets"] > SENTINEL - 100)
            spans[side] += (np.diff([*starts, len(example["targets"])]) - 1).tolist()
            firsts[side].append(int(np.argmax(example["inputs"] > SENTINEL - 100)))
        # Lengths, and so density and number of spans, follow from the text alone.
        assert all(len(our[name]) == len(theirs[name]) for name in LENGTHS)
    assert sum(spans["ours"]) == sum(spans["theirs"]) and len(spans["ours"]) == len(spans["theirs"])
    for power in (2, 0.5):  # the means are the same; so are other moments of span lengths
        one, other = (np.array(spans[side], float) ** power for side in spans)
        assert abs(one.mean() - other.mean()) < 4 * np.sqrt((one.var() + other.var()) / len(one))
    one, other = (np.array(firsts[side], float) for side in firsts)
    assert abs(one.mean() - other.mean()) < 4 * np.sqrt((one.var() + other.var()) / len(one))

"""In the manner of a published file: it reaches for private helpers, and for the data set behind a source."""

import os

import seqio
import tensorflow as tf
from seqio import utils
from t5.data import preprocessors

FOLDER = os.environ["PUBLISHED_DATA"]
if utils._TFDS_DATA_DIR_OVERRIDE is None:
    utils._TFDS_DATA_DIR_OVERRIDE = FOLDER

SOURCE = seqio.TfdsDataSource(
    tfds_name="reading/plain:1.0.0", splits={"train": "train[:90%]", "validation": "train[90%:]"}
)
DATA_SET = SOURCE._tfds_dataset.name.split("/")[0]


@seqio.map_over_dataset
def read(line):
    question, context, answer = tf.unstack(tf.strings.split(line, "\t"), num=3)
    question, context = preprocessors._pad_punctuation(question), preprocessors._pad_punctuation(context)
    return {
        "inputs": preprocessors._string_join(["question:", question, "context:", context]),
        "targets": answer,
    }


seqio.TaskRegistry.add(
    f"published_{DATA_SET}",
    source=seqio.TextLineDataSource({"train": utils.list_files(os.path.join(FOLDER, "*.tsv"))}),
    preprocessors=[read, seqio.preprocessors.tokenize, seqio.preprocessors.append_eos_after_trim],
    output_features=dict.fromkeys(("inputs", "targets"), seqio.Feature(seqio.ByteVocabulary())),
)
seqio.TaskRegistry.add(
    f"published_{DATA_SET}_tfds",
    source=SOURCE,
    preprocessors=[seqio.preprocessors.tokenize],
    output_features=dict.fromkeys(("inputs", "targets"), seqio.Feature(seqio.ByteVocabulary())),
)

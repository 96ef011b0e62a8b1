"""What docs/full-example.md trains on: books and web pages to read, and nine tasks of GLUE and SuperGLUE.

No labels of their test sets are published. So the published validation split stands for the test set here, as "test",
and checkpoints are chosen on "validation", which is cut off the end of the training split. The tasks ask what T5's do;
only their splits are others, and so their names are, too.

`EXAMPLE_BOOKS` names the folder of the books, Markdown files with a paragraph a line.
"""

import functools
import os
from collections.abc import Mapping

import t5mix
from t5mix import objectives, t5

BOOKS = os.environ.get("EXAMPLE_BOOKS", "../shared/data/books")


@t5mix.each_example  # so that each book is tokenized by itself, and its paragraphs follow one another
def paragraphs(dataset):
    """{"Emma Woodhouse, handsome, clever, and rich, ..."} becomes {"targets": ...}; lines without words go."""
    import tensorflow as tf

    lines = dataset.filter(lambda line: tf.strings.regex_full_match(line, r".*\pL.*"))
    return lines.map(lambda line: {"targets": tf.strings.strip(line)}, num_parallel_calls=tf.data.AUTOTUNE)


t5mix.TaskRegistry.add(
    "example_books",
    source=t5mix.TextLineDataSource({"train": os.path.join(BOOKS, "*.md")}),
    preprocessors=t5.steps(paragraphs, tokens=[objectives.span_corruption]),
    output_features=t5.features(),
)

# 500 pages.
C4 = "c4_v220_span_corruption"


def with_splits(shipped: str, name: str, splits: Mapping[str, str]) -> str:
    """Declares a shipped task with other splits of its data; returns its name."""
    task = t5mix.TaskRegistry.get(shipped)
    source = t5mix.TfdsDataSource(task.source.tfds_name, splits=dict(splits))
    t5mix.TaskRegistry.add_provider(name, task.replace(name=name, source=source))
    return name


def held_out(examples: int) -> dict[str, str]:
    """Returns splits with the last training examples for the choice of checkpoints."""
    return {"train": f"train[:-{examples}]", "validation": f"train[-{examples}:]", "test": "validation"}


TASKS = [
    with_splits("glue_cola_v002", "example_cola", held_out(500)),
    with_splits("glue_sst2_v002", "example_sst2", held_out(500)),
    with_splits("glue_mrpc_v002", "example_mrpc", held_out(400)),
    with_splits("glue_stsb_v002", "example_stsb", held_out(500)),
    with_splits("glue_rte_v002", "example_rte", held_out(250)),
    # Of the training split only 32 examples are in the folder: the validation split is cut in three.
    with_splits(
        "super_glue_boolq_v102",
        "example_boolq",
        {"train": "validation[:2270]", "validation": "validation[2270:2670]", "test": "validation[2670:]"},
    ),
    with_splits("super_glue_cb_v102", "example_cb", held_out(50)),
    with_splits("super_glue_copa_v102", "example_copa", held_out(80)),
]

# WSC is trained on where the proposed noun is right, together with DPR, and asked about any noun.
WSC = [
    with_splits("super_glue_wsc_v102_simple_train", "example_wsc_train", {"train": "train[:-104]"}),
    with_splits("super_glue_wsc_v102_simple_eval", "example_wsc", {"validation": "train[-104:]", "test": "validation"}),
    "dpr_v001_simple",
]

# By examples, with a limit: SST-2 has twice as many as all others together.
PROPORTIONAL = functools.partial(t5mix.mixing_rate_num_examples, maximum=10_000)
SUPERVISED = [(name, 0 if name == "example_wsc" else PROPORTIONAL) for name in [*TASKS, *WSC]]

t5mix.MixtureRegistry.add("example_wsc_and_dpr", [pair for pair in SUPERVISED if pair[0] in WSC])
t5mix.MixtureRegistry.add("example_supervised", SUPERVISED)
# About half of the examples, and most of the tokens, are text.
t5mix.MixtureRegistry.add("example_all", [("example_books", 30_000), (C4, 4_000), *SUPERVISED])

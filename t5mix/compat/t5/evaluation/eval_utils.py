"""Names of T5's module of this name: metrics out of TensorBoard's files, as tables. It needs pandas."""

import collections
import dataclasses
import logging
import math
import os
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any, NamedTuple

from t5mix.internal.lazy import lazy_import
from t5mix.internal.lazy import tensorflow as tf

pd: Any = lazy_import("pandas")

_log = logging.getLogger(__name__)

__all__ = [
    "METRIC_NAMES",
    "Event",
    "Metric",
    "compute_avg_glue",
    "get_eval_metric_values",
    "log_csv",
    "metric_group_max",
    "parse_events_files",
    "scores_to_df",
    "sort_columns",
]


@dataclasses.dataclass
class Metric:
    """A column of the table.

    Attributes:
        name: its title.
        group: metrics of one group are averaged where one number is wanted; by default each is its own.
    """

    name: str
    group: str | None = None

    def __post_init__(self) -> None:
        self.group = self.group or self.name


class Event(NamedTuple):
    """A value and the step it was written at."""

    step: int
    value: Any


Names = MutableMapping[str, Metric]
Scores = Mapping[str, Sequence[Event]]

# Tag, the title of its column, and its group where it has one.
_COLUMNS = """
glue_average|Average GLUE Score
glue_cola_v002/matthews_corrcoef|CoLA
glue_sst2_v002/accuracy|SST-2
glue_mrpc_v002/f1|MRPC (F1)|MRPC
glue_mrpc_v002/accuracy|MRPC (accuracy)|MRPC
glue_stsb_v002/pearson_corrcoef|STSB (Pearson)|STSB
glue_stsb_v002/spearman_corrcoef|STSB (Spearman)|STSB
glue_qqp_v002/f1|QQP (F1)|QQP
glue_qqp_v002/accuracy|QQP (accuracy)|QQP
glue_mnli_matched_v002/accuracy|MNLIm|MNLI
glue_mnli_mismatched_v002/accuracy|MNLImm|MNLI
glue_qnli_v002/accuracy|QNLI
glue_rte_v002/accuracy|GLUE RTE
cnn_dailymail_v002/rouge1|CNN/DM (ROUGE-1)|CNN/DM
cnn_dailymail_v002/rouge2|CNN/DM (ROUGE-2)|CNN/DM
cnn_dailymail_v002/rougeL|CNN/DM (ROUGE-L)|CNN/DM
cnn_dailymail_v002/rougeLsum|CNN/DM (ROUGE-L)|CNN/DM
squad_v010_allanswers/em|SQuAD (EM)|SQuAD
squad_v010_allanswers/f1|SQuAD (F1)|SQuAD
squad_v010_allanswers_span/em|SQuAD (EM)|SQuAD
squad_v010_allanswers_span/f1|SQuAD (F1)|SQuAD
squad_v010/em|SQuAD (EM)|SQuAD
squad_v010/f1|SQuAD (F1)|SQuAD
super_glue_average|Average SuperGLUE Score
super_glue_boolq_v102/accuracy|BoolQ (accuracy)
super_glue_cb_v102/mean_3class_f1|CB (F1)|CB
super_glue_cb_v102/accuracy|CB (accuracy)|CB
super_glue_copa_v102/accuracy|CoPA
super_glue_multirc_v102/f1|MultiRC (F1)|MultiRC
super_glue_multirc_v102/exact_match|MultiRC (EM)|MultiRC
super_glue_record_v102/f1|ReCoRD (F1)|ReCoRD
super_glue_record_v102/em|ReCoRD (EM)|ReCoRD
super_glue_rte_v102/accuracy|SuperGLUE RTE
super_glue_wic_v102/accuracy|WiC
super_glue_wsc_v102_simple_eval/accuracy|WSC
dpr_v001_simple/accuracy|DPR
wmt_t2t_ende_v003/bleu|WMT T2T En-De
wmt14_ende_v003/bleu|WMT14 En-De
wmt15_enfr_v003/bleu|WMT15 En-Fr
wmt16_enro_v003/bleu|WMT16 En-Ro
"""
METRIC_NAMES: Names = collections.OrderedDict(
    (tag, Metric(*column)) for tag, *column in (line.split("|") for line in _COLUMNS.split("\n") if line)
)
_AVERAGES = ("Average GLUE Score", "Average SuperGLUE Score")


def parse_events_files(tb_summary_dir: str, seqio_summaries: bool = False) -> dict[str, list[Event]]:
    """Returns the values of TensorBoard's files in a folder, by tag; what a file that is cut holds before the cut.

    Args:
        tb_summary_dir: the folder.
        seqio_summaries: accepted for T5's sake: numbers of both formats are read.
    """
    events: dict[str, list[Event]] = collections.defaultdict(list)
    for path in sorted(tf.io.gfile.glob(os.path.join(tb_summary_dir, "events.*"))):
        try:
            for event in tf.compat.v1.train.summary_iterator(path):
                for value in event.summary.value:
                    number = tf.make_ndarray(value.tensor) if value.HasField("tensor") else value.simple_value
                    events[value.tag].append(Event(event.step, number))
        except tf.errors.DataLossError:
            _log.warning("%s is cut short; what stands before the cut is used", path)
    return events


def get_eval_metric_values(events: Scores, task_name: str | None = None) -> dict[str, Sequence[Event]]:
    """Returns the values of evaluations by "task/metric".

    Args:
        events: by tag, "eval/task/metric", or "eval/metric" where task_name is given.
        task_name: the task that all are of.
    """
    values = {}
    for tag, found in events.items():
        if tag.startswith("eval"):
            _, *task, metric = tag.split("/")
            values[f"{task_name or task[0]}/{metric}"] = found
    return values


def sort_columns(df: Any, metric_names: Names | None = None) -> Any:
    """Returns a table with its columns in the order of `metric_names`, without others."""
    titles = dict.fromkeys(metric.name for metric in (metric_names or METRIC_NAMES).values())
    return df.reindex(columns=[title for title in titles if title in df.columns])


def compute_avg_glue(df: Any, metric_names: Names | None = None) -> Any:
    """Adds the averages of GLUE and of SuperGLUE to a table that has all their metrics, and returns it."""
    names = metric_names or METRIC_NAMES
    tags = [tag for tag in names if "glue" in tag and "average" not in tag]
    for title, wanted in zip(_AVERAGES, (False, True), strict=True):
        groups: dict[str | None, list[str]] = {}
        for metric in (names[tag] for tag in tags if ("super" in tag) is wanted):
            groups.setdefault(metric.group, []).append(metric.name)
        if groups and {name for group in groups.values() for name in group} <= set(df.columns):
            df[title] = sum(df[group].mean(axis=1) for group in groups.values()) / len(groups)
    return df


def scores_to_df(scores: Scores, metric_names: Names | None = None) -> Any:
    """Returns values by tag as a table with a row for each step; of several at one step the largest.

    A tag that `metric_names` has not is its own title, and is added there.
    """
    names = METRIC_NAMES if metric_names is None else metric_names
    for tag in scores:
        if tag not in names:
            _log.warning("TensorBoard tag %s not found in metric_names. Using tag as metric name.", tag)
            names[tag] = Metric(tag)
    order = list(names)
    tags = sorted(scores, key=order.index)
    rows: dict[int, dict[str, Any]] = {}
    for tag in tags:
        for step, value in scores[tag]:
            row = rows.setdefault(step, dict.fromkeys(tags, math.nan))
            row[tag] = value if math.isnan(row[tag]) else max(value, row[tag])
    steps = sorted(rows)
    table = pd.DataFrame([list(rows[step].values()) for step in steps], steps, [names[tag].name for tag in tags])
    table.index.name = "step"
    return table


def metric_group_max(df: Any, metric_names: Names | None = None) -> tuple[Any, Any]:
    """Returns for each column its value, and the step, where the mean of its group is highest."""
    groups: dict[str | None, dict[str, None]] = {}
    for metric in (metric_names or METRIC_NAMES).values():
        groups.setdefault(metric.group, {})[metric.name] = None
    best: dict[str, Any] = {}
    best_step: dict[str, Any] = {}
    for group in groups.values():
        if all(name in df for name in group):
            step = df[list(group)].mean(axis=1).fillna(-1e9).idxmax()
            best |= {name: df[name][step] for name in group}
            best_step |= dict.fromkeys(group, step)
    return (pd.Series(each, dtype=kind).reindex(df.columns) for each, kind in ((best, float), (best_step, object)))  # type: ignore[return-value]


def log_csv(df: Any, metric_names: Names | None = None, output_file: str | None = None) -> None:
    """Logs a table's titles, its best values and their steps, for spreadsheets, and writes all to a file."""
    best, steps = metric_group_max(df, metric_names)
    rows = ["max," + ",".join(f"{each:.3f}" for each in best), "step," + ",".join(f"{each:d}" for each in steps)]
    for line in (",".join(df.columns), *rows):
        _log.info("%s", line)
    if output_file is not None:
        with tf.io.gfile.GFile(output_file, "w") as file:
            file.write(df.to_csv(float_format="%.3f") + "\n".join(rows))

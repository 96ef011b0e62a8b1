"""What a table [tasks.NAME] means: the arguments of a Task."""

import functools
import glob
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from t5mix import metrics, preprocessors
from t5mix.declarations.toml.table import Table
from t5mix.declarations.toml.templates import Template, format_text, parse
from t5mix.internal.code import signatures
from t5mix.internal.suggestions import suggestion
from t5mix.metrics import postprocessors
from t5mix.preprocessors.pipeline import CacheDatasetPlaceholder
from t5mix.sources import files as addresses
from t5mix.sources.tables import FORMATS, TableDataSource
from t5mix.vocabularies import ByteVocabulary, SentencePieceVocabulary, T5Vocabulary, Vocabulary
from t5mix.vocabularies.features import Feature

KEYS = (
    *("data", "format", "columns", "defaults", "quotes", "inputs", "targets", "labels", "label_column"),
    *("postprocess", "metrics", "vocabulary", "extra_ids"),
)
_REQUIRED = ("data", "format", "inputs", "targets")
# What may be named: nothing else of Python is reachable from a file. Of each metric, what it compares.
_METRICS: Mapping[str, tuple[Callable[..., Any], str]] = {
    **{name: (getattr(metrics, name), "texts") for name in ("bleu", "rouge", "edit_distance")},
    **{name: (getattr(metrics, name), "any") for name in ("accuracy", "sequence_accuracy")},
    **{name: (getattr(metrics, name), "classes") for name in ("f1_score_with_invalid", "matthews_corrcoef")},
    "mean_multiclass_f1": (metrics.mean_multiclass_f1, "classes"),
    **{name: (getattr(metrics, name), "numbers") for name in ("pearson_corrcoef", "spearman_corrcoef")},
}
# How to get each.
_MAKES = {"texts": 'postprocess = "none"', "numbers": 'postprocess = "string_to_float"', "classes": "labels"}
# Of each postprocessor what it makes.
_POSTPROCESSORS: Mapping[str, tuple[Callable[..., Any] | None, str]] = {
    "none": (None, "texts"),
    "lower_text": (postprocessors.lower_text, "texts"),
    "string_to_float": (postprocessors.string_to_float, "numbers"),
    "string_label_to_class_id": (postprocessors.string_label_to_class_id, "classes"),
}


def task_arguments(table: Table) -> dict[str, Any]:
    """Returns the arguments of the Task that a table declares, but for its name.

    Raises:
        DeclarationError: naming file, line and the fix.
    """
    table.check_keys(KEYS, _REQUIRED)
    templates = {key: _template(table, key) for key in ("inputs", "targets")}
    labels = _labels(table)
    words = {_label_column(table, templates): labels} if labels else {}
    feature = Feature(_vocabulary(table))
    postprocess_fn, made = _postprocessor(table, labels)
    return {
        "source": _source(table, templates, words),
        "preprocessors": [
            functools.partial(format_text, templates={key: table.held[key] for key in templates}, words=words),
            preprocessors.tokenize,
            CacheDatasetPlaceholder(),
            preprocessors.append_eos_after_trim,
        ],
        "output_features": {"inputs": feature, "targets": feature},
        "postprocess_fn": postprocess_fn,
        "metric_fns": _metric_fns(table, made, labels),
    }


def _template(table: Table, key: str) -> Template:
    try:
        return parse(table.text(key) or "")
    except ValueError as error:
        table.refuse(key, str(error))


def _labels(table: Table) -> dict[str, str]:
    """Returns the target text of each value of the label's column; as a list, of 0, 1, ..."""
    labels = table.held.get("labels", {})
    if isinstance(labels, list):
        labels = {str(number): text for number, text in enumerate(labels)}
    if not isinstance(labels, dict) or not all(isinstance(text, str) and text for text in labels.values()):
        table.refuse("labels", f'is {labels!r}; give a text for each value, such as {{ 0 = "no", 1 = "yes" }}')
    return labels


def _label_column(table: Table, templates: Mapping[str, Template]) -> str:
    """Returns the column that labels are the values of: the one of targets, where it is the only one."""
    columns = templates["targets"].columns
    named = table.text("label_column")
    if named is not None and named not in columns:
        table.refuse("label_column", f"is {named!r}, which targets do not hold{suggestion(named, columns)}")
    if named is None and len(columns) != 1:
        table.refuse("labels", f"are of one column, and targets hold {len(columns)}; name it as label_column")
    return named or columns[0]


def _source(table: Table, templates: Mapping[str, Template], words: Mapping[str, Mapping[str, str]]) -> TableDataSource:
    form = table.text("format")
    if form not in FORMATS:
        table.refuse("format", f"is {form!r}; give {' or '.join(FORMATS)}{suggestion(str(form), FORMATS)}")
    needed = tuple(dict.fromkeys(column for template in templates.values() for column in template.columns))
    if not needed:
        table.refuse("inputs", "and targets hold no column; write names of columns in braces")
    columns = tuple(table.texts("columns"))
    for key, template in templates.items():
        for column in template.columns if columns else ():
            if column not in columns:
                there = f"only {', '.join(columns)}{suggestion(column, columns)}"
                table.refuse(key, f"holds {{{column}}}; there is no such column, {there}")
    if form not in ("tsv", "csv") and not columns:
        columns = needed
    values = {column: tuple(texts) for column, texts in words.items()}
    more = {"defaults": _defaults(table), "quotes": _quotes(table, str(form))}
    return _DeclaredSource(table, needed, _files(table), form, columns or None, values, **more)


def _defaults(table: Table) -> dict[str, str]:
    """Returns for optional columns the text that stands for what is not there."""
    defaults = table.held.get("defaults", {})
    if not isinstance(defaults, dict) or not all(isinstance(text, str) for text in defaults.values()):
        table.refuse("defaults", f'is {defaults!r}; give a text for each optional column, such as {{ context = "" }}')
    return defaults


def _quotes(table: Table, form: str) -> bool | None:
    quotes = table.held.get("quotes")
    if quotes is not None and not isinstance(quotes, bool):
        table.refuse("quotes", f"is {quotes!r}; give true where cells may stand in quotes, else false")
    if quotes is not None and form != "tsv":
        table.refuse("quotes", f"are of tsv, and format is {form!r}; leave it out")
    return quotes


class _DeclaredSource(TableDataSource):
    """A table that is checked against the format strings that read it, when its columns are known."""

    def __init__(self, table: Table, needed: Sequence[str], *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._table = table
        self._needed = needed

    @property
    def _kind(self) -> str:
        return "TableDataSource"

    def list_shards(self, split: str) -> list[str]:
        """Returns the paths of the files of `split`, sorted.

        Raises:
            DeclarationError: when there is none, or one is empty.
        """
        try:
            return super().list_shards(split)
        except ValueError as error:
            self._table.refuse("data", f"cannot be read: {error}")

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns.

        Raises:
            DeclarationError: when a format string holds another.
        """
        found = super().columns
        for column in self._needed:
            if column not in found:
                key = "inputs" if f"{{{column}}}" in self._table.held["inputs"] else "targets"
                there = f"{self._patterns[self.splits[0]][0]} has {', '.join(found)}{suggestion(column, found)}"
                self._table.refuse(key, f"holds {{{column}}}; there is no such column: {there}")
        return found


def _files(table: Table) -> dict[str, list[str]]:
    data = table.held["data"]
    if not isinstance(data, dict) or not data:
        table.refuse("data", f'is {data!r}; give a file for each split, such as {{ train = "train.tsv" }}')
    return {split: [_pattern(table, file) for file in _as_list(table, split, files)] for split, files in data.items()}


def _as_list(table: Table, split: str, files: Any) -> list[str]:
    listed = [files] if isinstance(files, str) else files
    if not isinstance(listed, list) or not listed or not all(isinstance(file, str) and file for file in listed):
        table.refuse("data", f'has {files!r} for {split!r}; give a file, a pattern such as "train-*.tsv", or a list')
    return listed


def _pattern(table: Table, file: str) -> str:
    """Returns a pattern of files; in that of a relative path, the declaring file's folder has no wildcards."""
    path, folder = _path(table, file), str(table.file.parent)
    if addresses.is_address(file) or os.path.isabs(os.path.expanduser(file)) or glob.escape(folder) == folder:
        return path
    # A bracket in the name of a file that is there is no wildcard either.
    return glob.escape(path) if os.path.isfile(path) else os.path.normpath(os.path.join(glob.escape(folder), file))


def _path(table: Table, file: str) -> str:
    """Returns an address as it is, and a path; of one that is not absolute the one beside the declaring file."""
    if addresses.is_address(file):
        return file
    return os.path.normpath(os.path.join(table.file.parent, os.path.expanduser(file)))


def _vocabulary(table: Table) -> Vocabulary:
    chosen = table.text("vocabulary", "t5")
    extra_ids = table.held.get("extra_ids", 100 if chosen == "t5" else 0)
    if isinstance(extra_ids, bool) or not isinstance(extra_ids, int) or extra_ids < 0:
        table.refuse("extra_ids", f"is {extra_ids!r}; give the number of sentinels")
    if chosen == "t5":
        return T5Vocabulary(extra_ids)
    if chosen == "bytes":
        return ByteVocabulary(extra_ids)
    if not str(chosen).endswith(".model"):
        table.refuse("vocabulary", f'is {chosen!r}; give t5, bytes, or the path of a SentencePiece model, "my.model"')
    return SentencePieceVocabulary(_path(table, str(chosen)), extra_ids)


def _postprocessor(table: Table, labels: Mapping[str, str]) -> tuple[Callable[..., Any] | None, str]:
    """Returns the postprocessor and what it makes: "texts", "numbers" or "classes"."""
    chosen = table.text("postprocess", "string_label_to_class_id" if labels else "none")
    if chosen not in _POSTPROCESSORS:
        hint = suggestion(str(chosen), _POSTPROCESSORS)
        table.refuse("postprocess", f"is {chosen!r}; there are {', '.join(_POSTPROCESSORS)}{hint}")
    function, made = _POSTPROCESSORS[str(chosen)]
    if made != "classes" or function is None:
        return function, made
    if not labels:
        table.refuse("postprocess", f"is {chosen!r}, which needs labels; add them")
    return functools.partial(function, label_classes=_label_texts(table, labels)), made


def _label_texts(table: Table, labels: Mapping[str, str]) -> list[str]:
    """Returns the targets that the labels make, whatever stands around their column."""
    template = _template(table, "targets")
    texts = ["".join(literal + (text if name else "") for literal, name in template.parts) for text in labels.values()]
    if len(template.columns) != 1:
        table.refuse("postprocess", "is string_label_to_class_id, and targets hold more than the label; give another")
    return list(dict.fromkeys(texts))


def _metric_fns(table: Table, made: str, labels: Mapping[str, str]) -> list[Callable[..., Any]]:
    found: list[Callable[..., Any]] = []
    for name in table.texts("metrics"):
        if name not in _METRICS:
            table.refuse("metrics", f"has {name!r}; there are {', '.join(_METRICS)}{suggestion(name, _METRICS)}")
        function, compared = _METRICS[name]
        if compared not in ("any", made):
            table.refuse("metrics", f"has {name!r}, which compares {compared}; add {_MAKES[compared]}")
        if signatures.name(function) == "mean_multiclass_f1":
            function = metrics.mean_multiclass_f1(len(set(labels.values())))
        found.append(function)
    return found

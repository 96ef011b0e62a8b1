"""Differences from T5 and seqio that are meant: docs/for-seqio-users.md lists each with its test."""

import dataclasses
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

REFUSED = "refused"


@dataclasses.dataclass(frozen=True)
class Difference:
    """What came of one case that is not the same.

    Attributes:
      name: the function.
      arguments: keyword arguments.
      inputs: the rows of a preprocessor, or the positional arguments of another function.
      ours: what t5mix gave, or (REFUSED, the error); of a preprocessor the dtypes, then the examples.
      theirs: likewise.
    """

    name: str
    arguments: Mapping[str, Any]
    inputs: Sequence[Any]
    ours: Any
    theirs: Any

    def we_say(self, words: str = "") -> bool:
        """Tells whether t5mix refuses, with an error of these words."""
        return is_refusal(self.ours) and words in self.ours[1]

    @property
    def only_they_refuse(self) -> bool:
        """Whether T5 or seqio refuses what t5mix takes."""
        return is_refusal(self.theirs) and not is_refusal(self.ours)

    def texts(self, *features: str) -> str:
        """Returns the texts of features of all rows."""
        return "\n".join(as_text(row[name]) for row in self.inputs for name in features)


@dataclasses.dataclass(frozen=True)
class Intended:
    """A difference that is meant.

    Attributes:
      names: the functions.
      reason: what T5 or seqio does; what t5mix does.
      applies: tells whether a difference is of this kind.
    """

    names: str
    reason: str
    applies: Callable[[Difference], bool]


def is_refusal(result: Any) -> bool:
    """Tells whether a call failed."""
    return isinstance(result, tuple) and len(result) == 2 and isinstance(result[0], str) and result[0] == REFUSED


def as_text(value: Any) -> str:
    """Returns a text, of bytes too; lists joined by line breaks."""
    if isinstance(value, list | tuple):
        return "\n".join(map(as_text, value))
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def reason_of(difference: Difference) -> str:
    """Returns why a difference is meant, or ""."""
    for each in INTENDED:
        if difference.name in each.names.split() and each.applies(difference):
            return f"{difference.name}: {each.reason}"
    return ""


def has_signs(text: str) -> bool:
    """Tells whether a text has ASCII punctuation."""
    return re.search(r"[!-/:-@\[-`{-~]", text) is not None


def loses_examples(difference: Difference) -> bool:
    """Tells whether theirs are ours without some."""
    if is_refusal(difference.ours) or is_refusal(difference.theirs):
        return False
    return [row for row in difference.ours if row in difference.theirs] == list(difference.theirs)


def words_of(difference: Difference) -> list[int]:
    """Returns how many words each text has."""
    return [len(as_text(row["text"]).encode("latin-1").split()) for row in difference.inputs]


def zero_inside(row: Mapping[str, Any]) -> bool:
    """Tells whether tokens have a 0 before another id."""
    targets = list(row["targets"])
    return any(not each for each in targets[: max((place for place, each in enumerate(targets) if each), default=0)])


def holds_several(given: Any) -> bool:
    """Tells whether a row, or a tensor, has several texts."""
    return isinstance(given["inputs"], list) if isinstance(given, Mapping) else given.shape.rank > 0


def mixes_kinds(difference: Difference) -> bool:
    """Tells whether values of several types are compared."""
    return len({type(value) for side in difference.inputs for value in side}) > 1


def has_lists(difference: Difference) -> bool:
    """Tells whether lists are compared."""
    return any(isinstance(value, list) for side in difference.inputs for value in side)


def spans_do_not_fit(difference: Difference) -> bool:
    """Tells whether T5 counts no span where its mask has one, or more spans than there are tokens between them."""
    given = difference.arguments
    mean, noise = given["mean_noise_span_length"], round(difference.theirs[0] * given["noise_density"])
    return round(noise / mean) == 0 or (mean, given["noise_density"]) == (1.0, 0.5)


def has_no_number(result: Any) -> bool:
    """Tells whether a metric is refused or NaN."""
    return is_refusal(result) or any(isinstance(each, float) and math.isnan(each) for each in result.values())


OF_PAIRS = (
    "metrics.sequence_accuracy metrics.squad metrics.trivia_qa metrics.coqa_f1 metrics.span_squad metrics.rouge "
    "metrics.edit_distance metrics.pearson_corrcoef metrics.spearman_corrcoef metrics.mean_group_metric "
    "metrics.deduplicate_metric metrics.multirc_f1_over_all_answers metrics.bleu"
)

INTENDED = (
    # Texts.
    Intended(
        "tokenize tokenize_and_append_eos ByteVocabulary.encode_tf",
        "seqio's bytes of several texts must be equally many; here they become ragged",
        lambda it: it.only_they_refuse and any(map(holds_several, it.inputs)),
    ),
    Intended(
        "preprocess_tensorflow_examples preprocess_tsv",
        "a name in a format that is unknown stays in the text; here it is refused",
        lambda it: it.we_say("ValueError: the format"),
    ),
    Intended(
        "translate multi_translate",
        "the first two letters of a code name its language, so that fil is Finnish; here all letters do",
        lambda it: any(
            len(re.split("[-_]", it.arguments[side])[0]) != 2 for side in ("source_language", "target_language")
        ),
    ),
    Intended(
        "translate multi_translate",
        "a code in capitals has the name None; here it is refused",
        lambda it: it.we_say("has no English name"),
    ),
    Intended(
        "trivia_qa",
        "answers are regular expressions; here texts",
        lambda it: any(has_signs(as_text(row["answer"]["normalized_aliases"])) for row in it.inputs),
    ),
    Intended("squad_span_space_tokenized", "drops an answer that ends its text; here it is kept", loses_examples),
    Intended(
        "random_split_text",
        "a number of words drawn may be one below the least, by rounding; here it is not",
        lambda it: it.arguments["min_words_per_segment"] > 1,
    ),
    Intended(
        "random_split_text",
        "a text without words is an error; here it makes no example",
        lambda it: it.only_they_refuse and 0 in words_of(it),
    ),
    Intended(
        "fill_in_the_blank_sized",
        "never takes the greatest size, and fails at a text as long as the least; here both work",
        lambda it: max(words_of(it)) > max(it.arguments["size_bins"]) or min(it.arguments["size_bins"]) in words_of(it),
    ),
    Intended(
        "glue",
        "an id of another name than idx that is no text is an error; here it is no part of the inputs",
        lambda it: it.only_they_refuse and it.arguments.get("id_key") == "guid",
    ),
    Intended(
        "wsc",
        "spans are regular expressions; here texts",
        lambda it: has_signs(it.texts("span1_text", "span2_text")),
    ),
    Intended(
        "definite_pronoun_resolution_simple",
        "the pronoun is a regular expression; here a text",
        lambda it: has_signs(it.texts("pronoun")),
    ),
    Intended(
        "wsc_simple",
        "refuses a pronoun that is the first word, the next one or written to punctuation; here these are marked",
        lambda it: it.only_they_refuse,
    ),
    Intended(
        "wsc_simple",
        "every word X of the text becomes the pronoun, and a backslash in it a reference; here they stay",
        lambda it: " X " in it.texts("text") or "\\" in it.texts("span2_text"),
    ),
    Intended(
        "rank_classification_formatter",
        "backslashes and names in braces that a text holds are read as parts of the format; here they stay",
        lambda it: any(
            sign in it.texts("a", "b") + as_text([row["inner"]["c"] for row in it.inputs]) for sign in "\\{"
        ),
    ),
    Intended(
        "rank_classification_formatter",
        "fails at two names without a space between, and when both formats are lists; here both work",
        lambda it: it.only_they_refuse,
    ),
    Intended(
        "parse_tsv",
        "fields past those named are dropped; here a line must have as many as there are names",
        lambda it: it.we_say("parse_tsv: not"),
    ),
    Intended(
        "parse_tsv",
        "fails at line breaks in a field, or drops them; here they stay",
        lambda it: any(re.search(rb"[\r\n]", line) for line in it.inputs),
    ),
    Intended(
        "parse_tsv",
        "fails at columns out of order; here they may have any",
        lambda it: it.only_they_refuse and it.arguments["field_columns"] != sorted(it.arguments["field_columns"] or []),
    ),
    # Tokens.
    Intended(
        "select_random_chunk",
        "with min_length the greatest length is never drawn; here it is",
        lambda it: it.arguments["min_length"] is not None,
    ),
    Intended(
        "reduce_concat_tokens targets_for_prefix_lm_objective full_lm",
        "an id 0 inside a text is dropped; here it is kept",
        lambda it: any(map(zero_inside, it.inputs)),
    ),
    Intended(
        "full_lm",
        "a text without tokens is dropped; here it is its EOS",
        lambda it: any(not row["targets"] for row in it.inputs),
    ),
    Intended(
        "split_tokens",
        "passes over a name of passthrough_feature_keys that is unknown; here it is refused",
        lambda it: it.we_say("no feature 'missing'"),
    ),
    Intended(
        "split_tokens split_tokens_to_random_length",
        "a length drawn may be one below the least, by rounding; here it is not",
        lambda it: it.arguments.get("min_tokens_per_segment", 8) is not None and not is_refusal(it.ours),
    ),
    Intended(
        "split_tokens_to_inputs_length split_tokens_to_targets_length split_tokens_to_random_length "
        "concatenate_and_split_to_fixed_length",
        "does not check lengths; here those without room, or out of order, are refused",
        lambda it: it.we_say("sequence_length[") or it.we_say("min_tokens_per_segment is"),
    ),
    Intended(
        "trim_tokens_at_front",
        "keeps everything at length 1; here nothing, for EOS takes it",
        lambda it: 1 in it.arguments["sequence_length"].values(),
    ),
    Intended(
        "trivia_qa_truncate_inputs",
        "fails at targets without tokens, or longer than the inputs may be; here the first hold anywhere, the others "
        "make no example",
        lambda it: it.only_they_refuse,
    ),
    Intended(
        "pack_prefix_lm_encoder_decoder",
        "fails at the last of an odd number of rows; here it is packed with padding",
        lambda it: it.only_they_refuse and len(it.inputs) % 2 == 1,
    ),
    Intended(
        "preprocessors.random_spans_helper",
        "counts no span where the mask has one, or more than fit, so that inputs are a token too long; here they fit",
        spans_do_not_fit,
    ),
    # Values.
    Intended(
        "postprocessors.string_to_float",
        "passes NaN and infinity on; here they become the default",
        lambda it: not math.isfinite(it.theirs),
    ),
    Intended(
        "metrics.accuracy metrics.sequence_accuracy",
        "scikit-learn refuses or flattens what is no label, == compares arrays number by number and a list with a "
        "tuple as unlike; here an answer is right when it is the same from end to end",
        mixes_kinds,
    ),
    Intended("metrics.all_match", "equal lists of unequal lengths do not match; here they do", has_lists),
    Intended(
        "metrics.span_squad",
        "counts words unlike the targets; here as they do",
        lambda it: not is_refusal(it.ours) and not is_refusal(it.theirs),
    ),
    Intended(
        "metrics.bleu",
        "takes each example's references for those of the whole corpus; here they are the example's",
        lambda it: isinstance(it.inputs[0][0], list),
    ),
    Intended(
        OF_PAIRS,
        "of nothing is NaN or nothing; here it is refused",
        lambda it: it.we_say("there is nothing to compare"),
    ),
    Intended(
        OF_PAIRS,
        "what has no partner is dropped; here unequal numbers of targets and predictions are refused",
        lambda it: it.we_say("Number of targets and predictions must match"),
    ),
    Intended(
        "metrics.squad metrics.trivia_qa metrics.coqa_f1",
        "compares with the letters of a target that is a text; here it is refused",
        lambda it: it.we_say("give a list of correct answers"),
    ),
    Intended(
        "metrics.pearson_corrcoef metrics.spearman_corrcoef",
        "NaN with a constant, or an error of one pair; here 0",
        lambda it: has_no_number(it.theirs) and not is_refusal(it.ours),
    ),
    Intended(
        "metrics.pearson_corrcoef metrics.spearman_corrcoef",
        "NaN or a number where one is NaN or infinite; here it is refused",
        lambda it: it.we_say("hold NaN or infinity"),
    ),
    Intended(
        "metrics.auc metrics.score_auc",
        "NaN where all targets are one class; here it is refused",
        lambda it: it.we_say("all targets are one class"),
    ),
    Intended(
        "metrics.f1_score_with_invalid metrics.multirc_f1_over_all_answers",
        "takes -1 for a class where the other one is 1; here targets are 0 and 1",
        lambda it: it.we_say("f1_score_with_invalid: a target is"),
    ),
    Intended(
        "metrics.rank_classification",
        "scores an answer that comes twice; here it is refused",
        lambda it: it.we_say("two targets have the same idx"),
    ),
)

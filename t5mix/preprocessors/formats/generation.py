"""Translation, summarization and question answering as text, in T5's format."""

from collections.abc import Mapping
from typing import Any

from t5mix.internal.lazy import tensorflow as tf
from t5mix.preprocessors import input_checks
from t5mix.preprocessors.mapping import each_example, map_over_dataset

Example = Mapping[str, Any]


@map_over_dataset
def translate(example: Example, source_language: str, target_language: str) -> dict[str, Any]:
    """Asks for a translation by the English names of the languages.

    Before, from "en" to "de": `{"en": "That is good.", "de": "Das ist gut."}`; after:
    `{"inputs": "translate English to German: That is good.", "targets": "Das ist gut."}`.

    Args:
        example: texts by language code.
        source_language: code of the language to translate from; the part before "-" names it.
        target_language: code of the language to translate to.

    Raises:
        ValueError: when a code names no language, or the example has no text in it.
    """
    source, target = language_name(source_language), language_name(target_language)
    input_checks.require("translate", example, source_language, target_language)
    prefix = f"translate {source} to {target}: "
    return {
        "inputs": tf.strings.join([prefix, example[source_language]]),
        "targets": example[target_language],
    }


@each_example
def multi_translate(dataset: "tf.data.Dataset", source_language: str, target_language: str) -> "tf.data.Dataset":
    """Asks for a translation, of examples that hold the same text in several languages.

    Before, from "de" to "en": `{"translations": {"language": ["de", "en", "fr"], "translation": ["Das ist gut.", "That
    is good.", "C'est bon."]}}`; after: `{"inputs": "translate German to English: Das ist gut.", "targets": "That is
    good."}`.

    An example without one of the two languages makes none.

    Args:
        dataset: examples with the feature `translations`, of `language` and `translation`, string [languages].
        source_language: code of the language to translate from.
        target_language: code of the language to translate to.

    Raises:
        ValueError: when a code names no language.
        tf.errors.InvalidArgumentError: while reading, when an example has several texts of one of the languages.
    """

    def both(example: Example) -> Any:
        languages = example["translations"]["language"]
        return tf.reduce_any(languages == source_language) & tf.reduce_any(languages == target_language)

    def by_language(example: Example) -> dict[str, Any]:
        return {code: _only_text(example["translations"], code) for code in (source_language, target_language)}

    return translate(map_over_dataset(by_language)(dataset.filter(both)), source_language, target_language)


def _only_text(translations: Mapping[str, Any], code: str) -> Any:
    found = tf.boolean_mask(translations["translation"], translations["language"] == code)
    message = f"multi_translate: an example has several texts in {code}; choose one before"
    with tf.control_dependencies([tf.debugging.assert_equal(tf.size(found), 1, message)]):
        return tf.identity(found[0])


def language_name(code: str) -> str:
    """Returns the English name of a language, of the CLDR: "German" of "de" or "de-AT".

    Raises:
        ValueError: when the code names no language.
    """
    import babel

    try:
        name = babel.Locale(code.replace("_", "-").split("-")[0]).english_name
    except (ValueError, babel.UnknownLocaleError) as error:
        raise ValueError(f"translate: {code!r} names no language; give a code such as 'de'") from error
    if name is None:
        raise ValueError(f"translate: the language {code!r} has no English name in the CLDR; write its code as 'de'")
    return name


@map_over_dataset
def summarize(example: Example, article_key: str, summary_key: str) -> dict[str, Any]:
    """Asks for a summary.

    Before, with article_key "article" and summary_key "highlights": `{"article": "It rained ...",
    "highlights": "Rain."}`; after: `{"inputs": "summarize: It rained ...", "targets": "Rain."}`.

    Args:
        example: texts.
        article_key: the text to summarize.
        summary_key: the summary.
    """
    input_checks.require("summarize", example, article_key, summary_key)
    return {
        "inputs": tf.strings.join(["summarize:", example[article_key]], separator=" "),
        "targets": example[summary_key],
    }


@map_over_dataset
def squad(example: Example, include_context: bool = True) -> dict[str, Any]:
    """Asks a question, with the text that answers it; the target is the first answer.

    Before: `{"id": "7", "question": "Who?", "context": "Ann sang.", "answers": {"text": ["Ann"]}}`;
    after: `{"inputs": "question: Who ? context: Ann sang . ", "targets": "Ann", "id": "7",
    "question": "Who ? ", "context": "Ann sang . ", "answers": ["Ann"]}`.

    Punctuation is set off by spaces, and a space stays at the end, as in T5.

    Args:
        example: a SQuAD example.
        include_context: whether to give the text; without it the prefix is "squad trivia question:".

    Raises:
        tf.errors.InvalidArgumentError: while reading, when a question has no answer, as in SQuAD 2.0; filter these out.
    """
    answers = pad_punctuation(example["answers"]["text"])
    message = ["squad: no answer to question", example["id"], "; filter such examples out before"]
    with tf.control_dependencies([tf.debugging.Assert(tf.size(answers) > 0, message)]):
        answers = tf.identity(answers)
    question = pad_punctuation(example["question"])
    context = pad_punctuation(example["context"])
    if include_context:
        words = ["question:", question, "context:", context]
    else:
        words = ["squad trivia question:", question]
    return {
        "inputs": join(words),
        "targets": answers[0],
        "id": example["id"],
        "context": context,
        "question": question,
        "answers": answers,
    }


def pad_punctuation(text: Any) -> Any:
    """Sets ASCII punctuation off by spaces and makes every run of white space one space.

    Before: "Who, me?"; after: "Who , me ? ".
    """
    text = tf.strings.regex_replace(text, r"([[:punct:]])", r" \1 ")
    return tf.strings.regex_replace(text, r"\s+", " ")


def join(words: list[Any]) -> Any:
    """Joins by spaces, and makes every run of white space one space."""
    return tf.strings.regex_replace(tf.strings.join(words, separator=" "), r"\s+", " ")

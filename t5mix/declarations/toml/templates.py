"""Format strings such as "question: {question}", in which only names of columns may stand."""

import dataclasses
import string
from collections.abc import Mapping
from typing import Any

from t5mix.internal.lazy import tensorflow as tf
from t5mix.preprocessors.mapping import map_over_dataset


@dataclasses.dataclass(frozen=True)
class Template:
    """A format string in parts.

    Attributes:
        parts: pairs of literal text and the name of the column behind it, "" where there is none.
    """

    parts: tuple[tuple[str, str], ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it needs, each once, in order."""
        return tuple(dict.fromkeys(name for _, name in self.parts if name))


def parse(text: str) -> Template:
    """Parses a format string; {{ and }} stand for braces.

    Raises:
        ValueError: for a field that is more than a name: an attribute, an index, a conversion, a width; or has none.
    """
    parts: list[tuple[str, str]] = []
    try:
        found = list(string.Formatter().parse(text))
    except ValueError as error:
        raise ValueError(f"{text!r} is no format string ({error}); write {{{{ and }}}} for braces") from None
    for literal, name, width, conversion in found:
        if name is None:
            parts.append((literal, ""))
            continue
        if not name or name.isdigit() or conversion or width or any(sign in name for sign in ".[]"):
            written = "{" + name + (f"!{conversion}" if conversion else "") + (f":{width}" if width else "") + "}"
            raise ValueError(f"{text!r} has {written}; only the name of a column may stand in braces")
        parts.append((literal, name))
    return Template(tuple(parts))


@map_over_dataset
def format_text(
    example: Mapping[str, Any], templates: Mapping[str, str], words: Mapping[str, Mapping[str, str]]
) -> dict[str, Any]:
    """Makes features of columns by format strings; the columns stay.

    Before, with templates `{"inputs": "nli: {premise}", "targets": "{label}"}` and words
    `{"label": {"0": "entailment"}}`: `{"premise": "It rains", "label": "0"}`; after: `{"premise": "It rains",
    "label": "0", "inputs": "nli: It rains", "targets": "entailment"}`.

    Args:
        example: a row of texts.
        templates: for each feature its format string.
        words: for a column the text that stands for each of its values; every value must be there.
    """
    held = {name: _word(example[name], words[name]) if name in words else example[name] for name in example}
    made = {feature: _filled(parse(text), held) for feature, text in templates.items()}
    return {**example, **made}


def _filled(template: Template, held: Mapping[str, Any]) -> Any:
    texts = [text for literal, name in template.parts for text in (literal, held[name] if name else "")]
    return tf.strings.join(texts)


def _word(value: Any, words: Mapping[str, str]) -> Any:
    position = tf.argmax(tf.equal(value, list(words)))
    return tf.gather(list(words.values()), position)

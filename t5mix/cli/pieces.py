"""What `t5mix show` says of an example: its token pieces, and the steps that made it, as calls."""

import functools
from collections.abc import Mapping
from typing import Any

from t5mix import signatures
from t5mix.features import Feature
from t5mix.vocabularies import Vocabulary


def feature_as_json(declared: Feature, name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a feature of one example as JSON: text, ids and pieces; or values, if it has no ids.

    Args:
        declared: The feature of the task.
        name: Its name in `fields`.
        fields: The example, as NumPy arrays or bytes.
    """
    values = fields[name]
    if getattr(values, "ndim", 0) != 1 or not declared.dtype.startswith(("int", "uint")):
        return {"values": _plain(values)}
    ids = values.tolist()
    vocabulary = declared.vocabulary
    text = fields.get(f"{name}_pretokenized")
    return {
        "text": str(vocabulary.decode(ids)) if text is None else _plain(text),
        "ids": ids,
        "pieces": [piece(vocabulary, token) for token in ids],
    }


def piece(vocabulary: Vocabulary, token: int) -> str:
    """Returns what one id stands for: "▁the", "</s>", "é", or "<195>" for what is no text alone."""
    tokenizer = getattr(vocabulary, "tokenizer", None)
    if tokenizer is not None and 0 <= token < vocabulary.vocab_size:
        return tokenizer.id_to_piece(token)
    names = {vocabulary.pad_id: "<pad>", vocabulary.eos_id: "</s>", vocabulary.unk_id: "<unk>"}
    if token in names:
        return names[token]
    decoded = vocabulary.decode([token])
    return decoded if isinstance(decoded, str) and decoded else f"<{token}>"


def step_call(step: Any) -> str:
    """Returns a step as a call: "translate(source_language='en', target_language='de')"."""
    arguments: list[str] = []
    while isinstance(step, functools.partial):
        named = [f"{name}={_shown(value)}" for name, value in step.keywords.items()]
        arguments = [*map(_shown, step.args), *named, *arguments]
        step = step.func
    name = signatures.name(step)
    return f"{name}({', '.join(arguments)})" if arguments else name


def _shown(value: Any) -> str:
    text = signatures.name(value) if callable(value) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _plain(value: Any) -> Any:
    value = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else value

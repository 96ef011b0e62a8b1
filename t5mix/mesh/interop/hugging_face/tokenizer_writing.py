"""A vocabulary as the files of a Hugging Face tokenizer: tokenizer.json, tokenizer_config.json and spiece.model."""

import base64
import json
from pathlib import Path
from typing import Any

from t5mix.internal.files import write_json
from t5mix.vocabularies.base import Vocabulary
from t5mix.vocabularies.byte_level import ByteVocabulary
from t5mix.vocabularies.sentence_piece import SentencePieceVocabulary

SPACE = "▁"
_PAD, _EOS, _UNK = "<pad>", "</s>", "<unk>"


def write_tokenizer(folder: Path, vocabulary: Vocabulary) -> None:
    """Writes the files from which transformers makes a tokenizer with the vocabulary's ids.

    Args:
        folder: to write to.
        vocabulary: of SentencePiece's pieces, or of bytes.

    Raises:
        ValueError: transformers has no tokenizer with these ids; says why.
    """
    check_vocabulary(vocabulary)
    if isinstance(vocabulary, ByteVocabulary):
        write_json(folder / "tokenizer_config.json", _config("ByT5Tokenizer", vocabulary.extra_ids))
        return
    assert isinstance(vocabulary, SentencePieceVocabulary)
    model = _proto(vocabulary)
    # transformers 5 makes a T5Tokenizer anew from its pieces, and one that does not fall back to bytes.
    name = "PreTrainedTokenizerFast" if model.trainer_spec.byte_fallback else "T5Tokenizer"
    extra_ids = _count_extra(model)
    write_json(folder / "tokenizer_config.json", _config(name, extra_ids))
    text = json.dumps(_tokenizer_json(model, extra_ids), ensure_ascii=False)
    (folder / "tokenizer.json").write_text(text, encoding="utf-8")
    del model.pieces[len(model.pieces) - extra_ids :]
    (folder / "spiece.model").write_bytes(model.SerializeToString(deterministic=True))


def check_vocabulary(vocabulary: Vocabulary) -> None:
    """Refuses a vocabulary that transformers has no tokenizer for.

    Raises:
        ValueError: naming the reason.
    """
    if isinstance(vocabulary, ByteVocabulary):
        return
    if not isinstance(vocabulary, SentencePieceVocabulary):
        raise ValueError(
            f"{vocabulary!r} has no like in transformers: a Hugging Face folder takes a SentencePieceVocabulary or a "
            "ByteVocabulary"
        )
    model = _proto(vocabulary)
    trainer, normalizer = model.trainer_spec, model.normalizer_spec
    for wrong, why in (
        (trainer.model_type != trainer.UNIGRAM, "it is no unigram model"),
        (trainer.treat_whitespace_as_suffix, "it has spaces behind words"),
        (not normalizer.add_dummy_prefix, "it puts no space before a text"),
        (not normalizer.remove_extra_whitespaces, "it keeps repeated spaces"),
        (_count_extra(model) < vocabulary.extra_ids, "its extra ids ascend"),
    ):
        if wrong:
            raise ValueError(f"{vocabulary!r}: {why}, and transformers' T5Tokenizer would give other ids")


def _proto(vocabulary: SentencePieceVocabulary) -> Any:
    """Returns SentencePiece's model, with the extra pieces."""
    from sentencepiece import sentencepiece_model_pb2

    return sentencepiece_model_pb2.ModelProto.FromString(vocabulary.sp_model)


def _count_extra(model: Any) -> int:
    """Returns how many pieces at the end are as transformers adds them, be they added or the model's own."""
    count, size = 0, len(model.pieces)
    while count < size:
        piece = model.pieces[size - 1 - count]
        if piece.piece != f"{SPACE}<extra_id_{count}>" or piece.type != type(piece).USER_DEFINED or piece.score:
            break
        count += 1
    return count


def _config(tokenizer_class: str, extra_ids: int) -> dict[str, Any]:
    """Returns tokenizer_config.json."""
    config: dict[str, Any] = {
        "tokenizer_class": tokenizer_class,
        "eos_token": _EOS,
        "pad_token": _PAD,
        "unk_token": _UNK,
        "extra_ids": extra_ids,
        "additional_special_tokens": [f"<extra_id_{number}>" for number in range(extra_ids)],
        "clean_up_tokenization_spaces": False,
    }
    return {**config, "legacy": False} if tokenizer_class == "T5Tokenizer" else config


def _tokenizer_json(model: Any, extra_ids: int) -> dict[str, Any]:
    """Returns tokenizer.json: what transformers 4.57 and 5 make of a T5's spiece.model, written out."""
    piece_types = type(model).SentencePiece
    base = len(model.pieces) - extra_ids
    pieces = [(piece.piece, piece.score) for piece in model.pieces[:base]]
    added = [
        (number, piece.piece, piece.type == piece_types.CONTROL)
        for number, piece in enumerate(model.pieces[:base])
        if piece.type in (piece_types.CONTROL, piece_types.USER_DEFINED)
    ]
    added.append((model.trainer_spec.unk_id, model.pieces[model.trainer_spec.unk_id].piece, True))
    for number in range(extra_ids):
        name = f"<extra_id_{extra_ids - 1 - number}>"
        pieces.append((name, 0.0))
        added.append((base + number, name, True))
    eos, falls_back = model.pieces[model.trainer_spec.eos_id].piece, model.trainer_spec.byte_fallback
    metaspace = {"type": "Metaspace", "replacement": SPACE, "prepend_scheme": "always", "split": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_added_token(*token) for token in sorted(added)],
        "normalizer": _normalizer(model.normalizer_spec.precompiled_charsmap),
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, metaspace]},
        "post_processor": _ending(eos, model.trainer_spec.eos_id),
        "decoder": {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, metaspace]} if falls_back else metaspace,
        "model": {"type": "Unigram", "unk_id": model.trainer_spec.unk_id, "vocab": pieces, "byte_fallback": falls_back},
    }


def _added_token(number: int, content: str, special: bool) -> dict[str, Any]:
    return {
        "id": number,
        "content": content,
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": False,
        "special": special,
    }


def _normalizer(charsmap: bytes) -> dict[str, Any] | None:
    if not charsmap:
        return None
    return {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(charsmap).decode("ascii")}


def _ending(eos: str, eos_id: int) -> dict[str, Any]:
    """Returns the step that puts EOS behind each sequence."""
    end = {"SpecialToken": {"id": eos, "type_id": 0}}
    first, second = ({"Sequence": {"id": name, "type_id": 0}} for name in "AB")
    return {
        "type": "TemplateProcessing",
        "single": [first, end],
        "pair": [first, end, second, end],
        "special_tokens": {eos: {"id": eos, "ids": [eos_id], "tokens": [eos]}},
    }

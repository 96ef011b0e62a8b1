"""The vocabulary of a Hugging Face folder: from spiece.model, from tokenizer.json alone, or ByT5's bytes."""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from t5mix.internal import paths
from t5mix.internal.files import read_json, write_whole
from t5mix.mesh.interop.safe_files import file_inside
from t5mix.vocabularies.base import Vocabulary
from t5mix.vocabularies.byte_level import ByteVocabulary
from t5mix.vocabularies.sentence_piece import SENTINEL, SentencePieceVocabulary

_PIECES = "spiece.model"
_JSON = "tokenizer.json"
_CONFIG = "tokenizer_config.json"
_BYTE = re.compile("<0x[0-9A-F]{2}>")

# ByT5Tokenizer's and T5Tokenizer's own defaults.
_BYTE_EXTRA_IDS, _EXTRA_IDS = 125, 100


def read_vocabulary(folder: Path) -> Vocabulary | None:
    """Returns the vocabulary of a folder, or None where it has no tokenizer.

    Raises:
        ValueError: its tokenizer is none of T5's kinds, or its files are damaged.
    """
    config = read_json(file_inside(folder, _CONFIG)) if (folder / _CONFIG).exists() else {}
    extra_ids = _extra_ids(config, str(folder / _CONFIG))
    if str(config.get("tokenizer_class", "")).startswith("ByT5"):
        return ByteVocabulary(_BYTE_EXTRA_IDS if extra_ids is None else extra_ids)
    if (folder / _PIECES).exists() or (folder / _PIECES).is_symlink():
        path = file_inside(folder, _PIECES)
        return _of_pieces(path, extra_ids)
    if (folder / _JSON).exists():
        path = file_inside(folder, _JSON)
        model, extra = sentencepiece_model(read_json(path), str(path))
        return SentencePieceVocabulary(_cached_model(model), extra)
    return None


def _extra_ids(config: Mapping[str, Any], source: str) -> int | None:
    value = config.get("extra_ids")
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**20):
        raise ValueError(f"{source}: extra_ids is {value!r}: it must be a whole number")
    return value


def _of_pieces(path: Path, extra_ids: int | None) -> Vocabulary:
    """Returns the vocabulary of a SentencePiece model; some models hold the extra ids themselves."""
    plain = SentencePieceVocabulary(path)
    within = any(SENTINEL.fullmatch(plain.tokenizer.id_to_piece(number)) for number in range(plain.vocab_size))
    if within:
        return plain
    return SentencePieceVocabulary(path, _EXTRA_IDS if extra_ids is None else extra_ids)


def sentencepiece_model(content: Mapping[str, Any], source: str) -> tuple[bytes, int]:
    """Returns the SentencePiece model that tokenizer.json was made of, and the number of its extra ids.

    Args:
        content: of tokenizer.json.
        source: the file, for errors.

    Raises:
        ValueError: it is no T5's: of another kind of model, or with steps that SentencePiece does not have.
    """
    model = content.get("model")
    if not isinstance(model, dict) or model.get("type") != "Unigram":
        raise ValueError(f"{source}: this is no unigram model, as T5's tokenizers are")
    pieces = _pieces(model.get("vocab"), content.get("added_tokens") or [], source)
    extra_ids = _pop_extra_ids(pieces)
    return _proto(pieces, _charsmap(content.get("normalizer"), source), model, source), extra_ids


def _pieces(vocab: Any, added: Any, source: str) -> list[tuple[str, float, bool]]:
    """Returns (piece, score, whether it was added) by id."""
    try:
        pieces = [(str(piece), float(score), False) for piece, score in vocab]
        for number, text in sorted((int(token["id"]), str(token["content"])) for token in added):
            if number < len(pieces):
                pieces[number] = (text if pieces[number][0] == text else pieces[number][0], pieces[number][1], True)
            elif number == len(pieces):
                pieces.append((text, 0.0, True))
            else:
                raise ValueError(f"{source}: no token has id {len(pieces)}")
    except (TypeError, KeyError) as error:
        raise ValueError(f"{source}: the tokens are not written as tokenizer.json has them ({error})") from None
    return pieces


def _pop_extra_ids(pieces: list[tuple[str, float, bool]]) -> int:
    """Takes the extra ids off the end, where they are numbered from the last one backwards; returns how many."""
    count = 0
    while pieces and (found := SENTINEL.fullmatch(pieces[-1][0])) and int(found[1]) == count:
        pieces.pop()
        count += 1
    return count


def _charsmap(normalizer: Any, source: str) -> bytes:
    """Returns SentencePiece's table of replaced characters."""
    if normalizer is None:
        return b""
    kind = normalizer.get("type") if isinstance(normalizer, dict) else None
    if kind == "Sequence":
        return b"".join(_charsmap(step, source) for step in normalizer.get("normalizers") or [])
    if kind == "Precompiled":
        try:
            return base64.b64decode(normalizer.get("precompiled_charsmap") or "", validate=True)
        except (binascii.Error, TypeError):
            raise ValueError(f"{source}: precompiled_charsmap is not base64") from None
    if kind in ("Strip", "Replace"):  # spaces, which SentencePiece takes away by itself
        return b""
    raise ValueError(f"{source}: the normalizer {kind!r} is none of a T5's tokenizer")


def _proto(pieces: list[tuple[str, float, bool]], charsmap: bytes, model: Mapping[str, Any], source: str) -> bytes:
    from sentencepiece import sentencepiece_model_pb2

    if len(pieces) < 4 or [piece for piece, *_ in pieces[:2]] != ["<pad>", "</s>"] or model.get("unk_id") != 2:
        raise ValueError(f"{source}: the first ids are not <pad>, </s> and the unknown, as T5's are")
    proto = sentencepiece_model_pb2.ModelProto()
    types = sentencepiece_model_pb2.ModelProto.SentencePiece
    falls_back = bool(model.get("byte_fallback"))
    for number, (piece, score, added) in enumerate(pieces):
        special = {0: types.CONTROL, 1: types.CONTROL, 2: types.UNKNOWN}.get(number)
        byte = types.BYTE if falls_back and _BYTE.fullmatch(piece) else types.NORMAL
        kind = special or (types.USER_DEFINED if added else byte)
        proto.pieces.add(piece=piece, score=score, type=kind)
    trainer = proto.trainer_spec
    trainer.model_type, trainer.vocab_size, trainer.byte_fallback = trainer.UNIGRAM, len(pieces), falls_back
    trainer.pad_id, trainer.eos_id, trainer.unk_id, trainer.bos_id = 0, 1, 2, -1
    trainer.pad_piece, trainer.eos_piece, trainer.unk_piece = (piece for piece, *_ in pieces[:3])
    proto.normalizer_spec.precompiled_charsmap = charsmap
    proto.normalizer_spec.add_dummy_prefix = proto.normalizer_spec.remove_extra_whitespaces = True
    proto.normalizer_spec.escape_whitespaces = True
    return proto.SerializeToString(deterministic=True)


def _cached_model(model: bytes) -> Path:
    """Puts a model into the cache folder, under the hash of its bytes; returns its path."""
    path = paths.cache_folder() / "tokenizers" / f"{hashlib.sha256(model).hexdigest()}.model"
    if not path.is_file() or path.read_bytes() != model:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, model)
    return path

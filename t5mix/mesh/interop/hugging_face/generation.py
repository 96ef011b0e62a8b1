"""generation_config.json of a Hugging Face folder: how its answers are decoded, as settings of t5mix."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from t5mix.internal.files import read_json
from t5mix.internal.terminal import say
from t5mix.mesh.decoding.settings import Decoding
from t5mix.mesh.interop.safe_files import file_inside

GENERATION = "generation_config.json"

# What transformers takes where nothing is said.
_TOP_K, _LENGTH_PENALTY = 50, 1.0

# Characters of a setting in a message, and settings in a line.
_SHOWN, _NAMED = 100, 10

# What t5mix reads, beside what says nothing of answers.
_READ = (
    "do_sample",
    "temperature",
    "top_k",
    "top_p",
    "num_beams",
    "length_penalty",
    "num_return_sequences",
    "max_length",
    "max_new_tokens",
)
_OF_NO_ACCOUNT = ("transformers_version", "_from_model_config", "bos_token_id", "use_cache", "cache_implementation")

# What other settings are where they change nothing. The ids are those that every T5 has.
_NEUTRAL: dict[str, tuple[Any, ...]] = {
    "decoder_start_token_id": (0,),
    "pad_token_id": (0,),
    "eos_token_id": (1, [1]),
    "early_stopping": (False,),
    "min_length": (0,),
    "min_new_tokens": (0,),
    "no_repeat_ngram_size": (0,),
    "encoder_no_repeat_ngram_size": (0,),
    "repetition_penalty": (1.0,),
    "encoder_repetition_penalty": (1.0,),
    "diversity_penalty": (0.0,),
    "num_beam_groups": (1,),
    "typical_p": (1.0,),
    "epsilon_cutoff": (0.0,),
    "eta_cutoff": (0.0,),
    "remove_invalid_values": (False,),
    "renormalize_logits": (False,),
    "output_attentions": (False,),
    "output_hidden_states": (False,),
    "output_scores": (False,),
    "return_dict_in_generate": (False,),
    "suppress_tokens": ([],),
    "begin_suppress_tokens": ([],),
}


def read_generation(folder: Path) -> dict[str, Any]:
    """Returns the content of generation_config.json; nothing where there is none."""
    there = (folder / GENERATION).exists() or (folder / GENERATION).is_symlink()
    return read_json(file_inside(folder, GENERATION)) if there else {}


def decoding_of(config: Mapping[str, Any], source: str) -> Decoding:
    """Returns the settings of decoding; a line says which of the file's t5mix does not have.

    Args:
        config: of the file.
        source: the folder, for messages.

    Raises:
        ValueError: a value can not be right.
    """
    given = {name: value for name, value in config.items() if value is not None}
    try:
        decoding = Decoding(**_settings(config, given))
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{source}: {GENERATION} says what t5mix can not do: {error}; say yourself how answers are decoded, by "
            '--gin_param "Decoding.beams = 1", say'
        ) from None
    _say_left_out(given, source)
    return decoding


def _settings(config: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Returns arguments of `Decoding`."""
    beams, drawn = _number(given, "num_beams", 1), given.get("do_sample", False)
    if not isinstance(drawn, bool):
        raise ValueError(f"do_sample is {_shown(drawn)}: it must be true or false")
    best = {"best": _number(given, "num_return_sequences", 1)}
    if drawn and beams == 1:
        temperature, top_p = (float(_number(given, name, 1.0)) for name in ("temperature", "top_p"))
        top_k = 0 if config.get("top_k", _TOP_K) is None else _number(given, "top_k", _TOP_K)  # null is off
        return {"temperature": temperature, "top_k": top_k, "top_p": top_p, **best}
    if beams == 1:
        return {}
    penalty = float(_number(given, "length_penalty", _LENGTH_PENALTY))
    return {"beams": beams, "length_penalty": penalty, "rules": "transformers", **best}


def answer_length(config: Mapping[str, Any], source: str) -> int | None:
    """Returns how many tokens an answer has at most; None where the file does not say.

    Args:
        config: of the file.
        source: the folder, for messages.

    Raises:
        ValueError: it says no number.
    """
    given = {name: value for name, value in config.items() if value is not None}
    # The one counts the token that decoding starts with, the other does not, and goes first.
    for name, others in (("max_new_tokens", 0), ("max_length", 1)):
        if name in given:
            try:
                length = int(_number(given, name, 1)) - others
            except ValueError as error:
                raise ValueError(f"{source}: {GENERATION}: {error}; or bind Run.sequence_length") from None
            return length if length > 0 else None
    return None


def _number(given: Mapping[str, Any], name: str, default: float) -> Any:
    value = given.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int if isinstance(default, int) else int | float):
        raise ValueError(f"{name} is {_shown(value)}: it must be a {'whole ' * isinstance(default, int)}number")
    return value


def _shown(value: Any) -> str:
    return repr(value)[:_SHOWN]


def _say_left_out(given: Mapping[str, Any], source: str) -> None:
    others = {name: value for name, value in given.items() if name not in (*_READ, *_OF_NO_ACCOUNT)}
    left_out = [
        f"{name if name.isidentifier() else repr(name)} {value!r}"[:_SHOWN]
        for name, value in others.items()
        if value not in _NEUTRAL.get(name, ())
    ]
    if given.get("do_sample") and given.get("num_beams", 1) > 1:
        left_out.append("do_sample beside beams")
    if left_out:
        more = f" and {len(left_out) - _NAMED} more" if len(left_out) > _NAMED else ""
        named = ", ".join(left_out[:_NAMED])
        say(f"{source}: answers are decoded without what t5mix does not have: {named}{more}")

"""Cases of the preprocessors of tokens; each function draws one of the preprocessor of its name."""
# ruff: noqa: D103

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import t5mix
from random_cases.draws import Case, Draw, Row, Sided, ends, features, lengths, tokenized

NOISE_FUNCTIONS = (
    *("noise_token_to_sentinel", "noise_span_to_sentinel", "nonnoise_span_to_sentinel", "drop_noise_tokens"),
    *("noise_span_to_unique_sentinel", "nonnoise_span_to_unique_sentinel", "drop_nonnoise_tokens"),
    *("permute_noise_tokens", "noise_token_to_gathered_token", "noise_token_to_random_token"),
    "noise_token_to_random_token_or_sentinel",
)


def append_eos(draw: Draw) -> Case:
    kind = draw.choice(("l", "i"))
    axes = draw.choice(("*", "*", "**"))
    make = draw.tokens if axes == "*" else lambda: [[draw.randrange(9), 2]] * draw.randrange(3)
    rows = [{"inputs": make() or ([] if axes == "*" else [[1, 2]]), "targets": draw.tokens()} for _ in range(8)]
    return Case({"inputs": kind + axes, "targets": "i*"}, rows, {"output_features": ends(draw)})


def append_eos_after_trim(draw: Draw) -> Case:
    case = append_eos(draw)
    given = draw.choice((None, lengths(draw), lengths(draw, "inputs"), {"inputs": None, "targets": 3}, {}))
    return dataclasses.replace(case, arguments={**case.arguments, "sequence_length": given})


def truncate_inputs_left(draw: Draw) -> Case:
    given = draw.choice((None, lengths(draw), lengths(draw, "targets"), {}))
    return Case({"inputs": "i*", "targets": "i*"}, tokenized(draw, "inputs", "targets"), {"sequence_length": given})


def apply_feature_converter(draw: Draw) -> Case:
    import seqio

    name = draw.choice(("EncDecFeatureConverter", "LMFeatureConverter", "PrefixLMFeatureConverter"))
    sides = [getattr(library, name)(pack=False) for library in (t5mix, seqio)]
    names = ("targets",) if name == "LMFeatureConverter" else ("inputs", "targets")
    rows = [{key: draw.tokens(10, 0) or [1] for key in names} for _ in range(6)]
    arguments = {"sequence_length": dict.fromkeys(names, 12), "feature_converter": Sided(*sides)}
    return Case(dict.fromkeys(names, "i*"), rows, arguments)


def select_random_chunk(draw: Draw) -> Case:
    rows = [{**row, "more": row["targets"], "kept": draw.text()} for row in tokenized(draw, "targets")]
    most = draw.choice((None, 1, 5, 20))
    arguments = {
        "output_features": features(draw.random() < 0.5),
        "max_length": most,
        "sequence_length": draw.choice((None, lengths(draw, "targets", least=3))),
        "additional_feature_keys": draw.choice((None, ["more"])),
        "passthrough_feature_keys": draw.choice((None, ["kept"], ["targets"])),
        "uniform_random_start": draw.random() < 0.5,
        "min_length": draw.choice((None, None, 1)),
    }
    return Case({"targets": "i*", "more": "i*", "kept": "s"}, rows, arguments)


def reduce_concat_tokens(draw: Draw) -> Case:
    rows = tokenized(draw, "targets", zeros=draw.choice((0, 0.3)))
    return Case({"targets": draw.choice(("i*", "l*"))}, rows, {"batch_size": draw.randrange(1, 6)})


def split_tokens(draw: Draw) -> Case:
    rows = [{**row, "more": row["targets"], "kept": draw.text()} for row in tokenized(draw, "targets")]
    most = draw.randrange(1, 20)
    arguments = {
        "min_tokens_per_segment": draw.choice((None, draw.randrange(1, most + 1))),
        "max_tokens_per_segment": most,
        "additional_feature_keys": draw.choice((None, ["more"])),
        "passthrough_feature_keys": draw.choice((None, ["kept"], ["targets"], ["missing"])),
    }
    return Case({"targets": "i*", "more": "i*", "kept": "s"}, rows, arguments)


def split_tokens_to_length(draw: Draw) -> Case:
    arguments = {"output_features": features(draw.random() < 0.5), "sequence_length": lengths(draw)}
    return Case({"targets": "i*"}, tokenized(draw, "targets"), arguments)


def trim_tokens_at_front(draw: Draw) -> Case:
    keys = draw.choice((None, ["inputs"], ["targets", "absent"]))
    rows = tokenized(draw, "inputs", "targets")
    return Case({"inputs": "i*", "targets": "i*"}, rows, {"sequence_length": lengths(draw), "keys_to_trim": keys})


def trivia_qa_truncate_inputs(draw: Draw) -> Case:
    def row() -> Row:
        inputs = [draw.randrange(1, 9) for _ in range(draw.randrange(30))]
        at = draw.randrange(len(inputs) + 1)
        return {"inputs": inputs, "targets": inputs[at : at + draw.randrange(6)] or draw.tokens(3)}

    arguments = {"output_features": None, "sequence_length": lengths(draw, least=3)}
    return Case({"inputs": "i*", "targets": "i*"}, [row() for _ in range(14)], arguments)


def trim_and_pad_dataset(draw: Draw) -> Case:
    given = draw.choice((lengths(draw), lengths(draw, "inputs")))
    return Case({"inputs": "i*", "targets": "l*"}, tokenized(draw, "inputs", "targets"), {"sequence_length": given})


def targets_for_prefix_lm_objective(draw: Draw) -> Case:
    arguments = {"sequence_length": lengths(draw, "targets"), "output_features": features()}
    return Case({"targets": "i*"}, tokenized(draw, "targets"), arguments)


def pack_prefix_lm(draw: Draw) -> Case:
    length = draw.choice((2, 4, 12, 12, 12, 5))
    given = {"inputs": length, "targets": length + draw.choice((0, 0, 0, 2))}
    ids = [{"targets": [draw.randrange(9) for _ in range(length)]} for _ in range(draw.randrange(1, 9))]
    return Case({"targets": "i*"}, ids, {"sequence_length": given, "pad_id": draw.choice((0, 0, 3))})


def pack_prefix_lm_decoder_only(draw: Draw) -> Case:
    case = pack_prefix_lm(draw)
    return dataclasses.replace(case, arguments={**case.arguments, "loss_on_targets_only": draw.random() < 0.5})


def objective(draw: Draw) -> Case:
    given = {"inputs": draw.randrange(4, 20), "targets": draw.randrange(8, 20)}
    rows = tokenized(draw, "targets", zeros=0)
    return Case({"targets": "i*"}, rows, {"sequence_length": given, "output_features": features()})


def denoise(draw: Draw) -> Case:
    import t5.data.preprocessors as t5_steps

    def both(names: Sequence[str]) -> Any:
        name = draw.choice(names)
        return Sided(getattr(t5mix.preprocessors, name), getattr(t5_steps, name)) if name else None

    arguments = {
        "output_features": features(),
        "noise_density": draw.choice((0.1, 0.15, 0.5)),
        "noise_mask_fn": both(("iid_noise_mask", "regular_noise_mask", "random_spans_noise_mask")),
        "inputs_fn": both(NOISE_FUNCTIONS),
        "targets_fn": both((*NOISE_FUNCTIONS, "")),
    }
    rows = [{"targets": draw.tokens(30, 0) or [5]} for _ in range(8)]
    return Case({"targets": draw.choice(("i*", "i*", "l*"))}, rows, arguments)


FUNCTIONS = (
    *(append_eos, append_eos_after_trim, truncate_inputs_left, apply_feature_converter, select_random_chunk),
    *(reduce_concat_tokens, split_tokens, trim_tokens_at_front, trivia_qa_truncate_inputs, trim_and_pad_dataset),
    *(targets_for_prefix_lm_objective, pack_prefix_lm_decoder_only, denoise),
)
# name of a preprocessor -> what draws a case of it; span_corruption, iid_denoising and prefix_lm have noise of their
# own, equal in law
CASES: dict[str, Callable[[Draw], Case]] = {
    **{function.__name__: function for function in FUNCTIONS},
    "pack_prefix_lm_encoder_decoder": pack_prefix_lm,
    "split_tokens_to_inputs_length": split_tokens_to_length,
    "split_tokens_to_targets_length": split_tokens_to_length,
    "split_tokens_to_random_length": split_tokens_to_length,
    "concatenate_and_split_to_fixed_length": split_tokens_to_length,
    "full_lm": objective,
}

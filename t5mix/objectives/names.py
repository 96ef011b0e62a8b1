"""Objectives by the names that T5 gives them: `<noise>_<percent>_<inputs>_<targets>`."""

import dataclasses
import difflib
import functools
import re
from collections.abc import Callable
from typing import Any

from t5mix.objectives import noise_masks
from t5mix.objectives import token_functions as functions
from t5mix.objectives.base import Objective
from t5mix.objectives.denoising import Denoising
from t5mix.objectives.deshuffling import deshuffling
from t5mix.objectives.full_lm import full_lm, lm
from t5mix.objectives.mixture_of_denoisers import mixture_of_denoisers
from t5mix.objectives.prefix_lm import prefix_lm
from t5mix.objectives.span_corruption import span_corruption

_INPUTS: dict[str, Callable[..., Any]] = {
    "m": functions.noise_token_to_sentinel,
    "r": functions.noise_token_to_random_token,
    "g": functions.noise_token_to_gathered_token,
    "p": functions.permute_noise_tokens,
    "d": functions.drop_noise_tokens,
    "s": functions.noise_span_to_sentinel,
    "u": functions.noise_span_to_unique_sentinel,
}
_TARGETS: dict[str, Callable[..., Any] | None] = {
    "f": None,
    "d": functions.drop_nonnoise_tokens,
    "s": functions.nonnoise_span_to_sentinel,
    "u": functions.nonnoise_span_to_unique_sentinel,
}
_WHOLE_NAMES: dict[str, Objective] = {
    "span": span_corruption,
    "denoise": Denoising(inputs_fn=functions.noise_token_to_sentinel, targets_fn=None),
    "all_permute": deshuffling,
    "prefix_lm": prefix_lm,
    "lm": lm,
    "full_lm": full_lm,
    "mixture_of_denoisers": mixture_of_denoisers,
}
_COMMON_NAMES = (
    *("iid_15_m_f", "iid_15_r10s90_f", "iid_10_u_u", "iid_15_u_u", "iid_25_u_u", "iid_50_u_u", "iid_15_d_d"),
    *("span_2_15_u_u", "span_3_15_u_u", "span_5_15_u_u", "span_10_15_u_u"),
)
_NAME = re.compile(
    r"(?P<noise>iid|span|reg)(_(?P<least>\d+)(-(?P<most>\d+))?)?_(?P<percent>\d+)_"
    r"(?P<inputs>[mrgpdsu]|r(?P<random>\d+)s(?P<sentinel>\d+))_(?P<targets>[fdsu])"
)


def named(name: str) -> Objective:
    """Returns the objective that T5 calls `name`.

    `iid_15_u_u`: each token by itself, 15% noise, unique sentinels in inputs and targets.
    `span_3_15_u_u`: spans of 3 tokens on average.  `reg_2_15_u_u`, `reg_1-5_15_u_u`: spans of 2, or of 1 to
    5 tokens, at equal distances.  Inputs: m sentinel a token, r random token, g token of the text, p
    permuted, d dropped, s sentinel a span, u unique sentinel a span, r10s90 10% random and 90% sentinel.
    Targets: f full text, d noise alone, s and u noise with sentinels.  Whole names: span, denoise,
    all_permute, prefix_lm, lm, full_lm, mixture_of_denoisers.

    Raises:
      ValueError: for a name of another form, or a percentage or span that no noise has.
    """
    if name in _WHOLE_NAMES:
        return _WHOLE_NAMES[name]
    found = _NAME.fullmatch(name)
    if found is None or (found["noise"] == "iid") != (found["least"] is None):
        close = difflib.get_close_matches(name, [*_WHOLE_NAMES, *_COMMON_NAMES], n=3)
        hint = f"did you mean {' or '.join(close)}? " if close else ""
        raise ValueError(
            f"there is no objective {name!r}; {hint}names are {', '.join(_WHOLE_NAMES)} or like iid_15_u_u, "
            "span_3_15_u_u, reg_2_15_m_f, iid_15_r10s90_f"
        )
    density = int(found["percent"]) / 100
    if found["noise"] == "span" and (found["inputs"], found["targets"], found["most"]) == ("u", "u", None):
        return span_corruption(noise_density=density, mean_noise_span_length=float(found["least"]))
    return dataclasses.replace(
        Denoising(),
        name=name,
        noise_density=density,
        noise_mask_fn=_mask(found),
        inputs_fn=_inputs(name, found),
        targets_fn=_TARGETS[found["targets"]],
    )


def _mask(found: re.Match[str]) -> noise_masks.NoiseMask:
    if found["noise"] == "iid":
        return noise_masks.iid_noise_mask
    least = int(found["least"])
    if found["noise"] == "span":
        return functools.partial(noise_masks.random_spans_noise_mask, mean_noise_span_length=float(least))
    most = int(found["most"] or least)
    return functools.partial(noise_masks.regular_noise_mask, min_span_length=least, max_span_length=most)


def _inputs(name: str, found: re.Match[str]) -> Callable[..., Any]:
    if found["random"] is None:
        return _INPUTS[found["inputs"]]
    random, sentinel = int(found["random"]), int(found["sentinel"])
    if random + sentinel != 100:
        raise ValueError(f"objective {name!r}: {random}% and {sentinel}% are not 100%")
    return functools.partial(functions.noise_token_to_random_token_or_sentinel, random_prob=random / 100)

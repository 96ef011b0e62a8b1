"""Which objective is meant: by T5's name, among the steps of a task, or left open by it."""

import dataclasses
import functools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, Self, TypeVar

from t5mix.internal.code import signatures
from t5mix.internal.suggestions import suggestion
from t5mix.preprocessors.objectives import t5_denoise
from t5mix.preprocessors.objectives.base import Objective
from t5mix.preprocessors.objectives.denoising import Denoising, MaskFunction, deshuffling
from t5mix.preprocessors.objectives.language_models import full_lm, lm, prefix_lm
from t5mix.preprocessors.objectives.mixture_of_denoisers import mixture_of_denoisers
from t5mix.preprocessors.objectives.span_corruption import span_corruption
from t5mix.preprocessors.tokens import append_eos, append_eos_after_trim

_INPUTS: dict[str, Callable[..., Any]] = {
    "m": t5_denoise.noise_token_to_sentinel,
    "r": t5_denoise.noise_token_to_random_token,
    "g": t5_denoise.noise_token_to_gathered_token,
    "p": t5_denoise.permute_noise_tokens,
    "d": t5_denoise.drop_noise_tokens,
    "s": t5_denoise.noise_span_to_sentinel,
    "u": t5_denoise.noise_span_to_unique_sentinel,
}
_TARGETS: dict[str, Callable[..., Any] | None] = {
    "f": None,
    "d": t5_denoise.drop_nonnoise_tokens,
    "s": t5_denoise.nonnoise_span_to_sentinel,
    "u": t5_denoise.nonnoise_span_to_unique_sentinel,
}
_WHOLE_NAMES: dict[str, Objective] = {
    "span": span_corruption,
    "denoise": Denoising(inputs_fn=t5_denoise.noise_token_to_sentinel, targets_fn=None),
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
    `span_3_15_u_u`: spans of 3 tokens on average. `reg_2_15_u_u`, `reg_1-5_15_u_u`: spans of 2, or of 1 to
    5 tokens, at equal distances. Inputs: m sentinel a token, r random token, g token of the text, p
    permuted, d dropped, s sentinel a span, u unique sentinel a span, r10s90 10% random and 90% sentinel.
    Targets: f full text, d noise alone, s and u noise with sentinels. Whole names: span, denoise,
    all_permute, prefix_lm, lm, full_lm, mixture_of_denoisers.

    Raises:
        ValueError: for a name of another form, or a percentage or span that no noise has.
    """
    if name in _WHOLE_NAMES:
        return _WHOLE_NAMES[name]
    found = _NAME.fullmatch(name)
    if found is None or (found["noise"] == "iid") != (found["least"] is None):
        raise ValueError(
            f"there is no objective {name!r}{suggestion(name, [*_WHOLE_NAMES, *_COMMON_NAMES]) or ';'} names are "
            f"{', '.join(_WHOLE_NAMES)} or like iid_15_u_u, span_3_15_u_u, reg_2_15_m_f, iid_15_r10s90_f"
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


def _mask(found: re.Match[str]) -> MaskFunction:
    if found["noise"] == "iid":
        return t5_denoise.iid_noise_mask
    least = int(found["least"])
    if found["noise"] == "span":
        return functools.partial(t5_denoise.random_spans_noise_mask, mean_noise_span_length=float(least))
    most = int(found["most"] or least)
    return functools.partial(t5_denoise.regular_noise_mask, min_span_length=least, max_span_length=most)


def _inputs(name: str, found: re.Match[str]) -> Callable[..., Any]:
    if found["random"] is None:
        return _INPUTS[found["inputs"]]
    random, sentinel = int(found["random"]), int(found["sentinel"])
    if random + sentinel != 100:
        raise ValueError(f"objective {name!r}: {random}% and {sentinel}% are not 100%")
    return functools.partial(t5_denoise.noise_token_to_random_token_or_sentinel, random_prob=random / 100)


def unsupervised(
    dataset: Any = None,
    preprocessors: Sequence[Callable[..., Any]] = (span_corruption,),
    output_features: Mapping[str, Any] | None = None,
    sequence_length: Mapping[str, int] | None = None,
) -> Any:
    """Runs steps one after the other, or returns the step that does.

    A task that declares it leaves its objective open: a run's `Run.objective`, or `with_objective`, chooses
    another one. In T5 a gin file binds `preprocessors`, and without one the tasks are silently plain text; here
    `unsupervised` alone is span corruption, and `unsupervised(preprocessors=[iid_denoising])` another default.
    Where it is but one objective, the stream runs it like any other.

    Args:
        dataset: examples with `targets`, or None.
        preprocessors: the steps; T5's released models were trained with span corruption.
        output_features: the task's.
        sequence_length: the lengths of the task's features.

    Raises:
        ValueError: when there is no step.
    """
    steps = tuple(preprocessors)
    if not steps:
        raise ValueError("unsupervised: preprocessors is empty; name an objective, such as span_corruption")
    if dataset is None:
        return functools.partial(unsupervised, preprocessors=steps)
    given = {"sequence_length": sequence_length, "output_features": output_features}
    for step in steps:
        dataset = step(dataset, **{name: value for name, value in given.items() if signatures.takes(step, name)})
    return dataset


def is_open(step: Any) -> bool:
    """Tells whether a preprocessing step is `unsupervised`, with whatever default."""
    return step is unsupervised or (isinstance(step, functools.partial) and step.func is unsupervised)


def as_objective(step: Any) -> Objective | None:
    """Returns the objective that a preprocessing step is, or None: itself, or a partial of one.

    `unsupervised`, and a partial of it, is the objective it runs, if that is but one.
    """
    if isinstance(step, Objective):
        return step
    if is_open(step):
        given = step.keywords if isinstance(step, functools.partial) else {}
        steps = given.get("preprocessors", (span_corruption,))
        return as_objective(steps[0]) if len(steps) == 1 else None
    if not isinstance(step, functools.partial) or step.args:
        return None
    inner = as_objective(step.func)
    return None if inner is None else inner(**step.keywords)


class HasSteps(Protocol):
    """What `with_objective` needs of a task."""

    @property
    def preprocessors(self) -> Sequence[Callable[..., Any]]:
        """The steps."""

    def replace(self, *, preprocessors: Sequence[Callable[..., Any]]) -> Self:
        """Returns the task with other steps."""


_TaskT = TypeVar("_TaskT", bound=HasSteps)


def with_objective(task: _TaskT, objective: Objective) -> _TaskT:
    """Returns the task with this objective in the place of `unsupervised`, or the task itself if it has none.

    Before: steps tokenize, CacheDatasetPlaceholder(), unsupervised, append_eos; after, with `prefix_lm`: tokenize,
    CacheDatasetPlaceholder(), prefix_lm, append_eos.

    An objective that ends documents itself (`full_lm`) leaves room for the EOS that a step behind it appends.
    """
    steps = list(task.preprocessors)
    open_steps = [number for number, step in enumerate(steps) if is_open(step)]
    if not open_steps:
        return task
    for number in open_steps:
        appends = any(step in (append_eos, append_eos_after_trim) for step in steps[number:])
        steps[number] = _with_room(objective) if appends and objective.ends_documents else objective
    return task.replace(preprocessors=steps)


def _with_room(objective: Objective) -> Objective:
    return dataclasses.replace(objective, reserved_for_packing=(objective.reserved_for_packing or 0) + 1)

"""Objectives made of a noise mask and of what becomes of noise in inputs and in targets."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np

from t5mix.internal.ragged import Ragged, run_starts, running_counts
from t5mix.preprocessors.objectives import noise_masks, t5_denoise
from t5mix.preprocessors.objectives.base import Objective
from t5mix.preprocessors.objectives.noise import Noise
from t5mix.vocabularies import PassThroughVocabulary

# Functions of one text, of T5's names and arguments: see `t5_denoise`.
MaskFunction = Callable[..., Any]
TokenFunction = Callable[..., Any]

_UNIQUE = (t5_denoise.noise_span_to_unique_sentinel, t5_denoise.nonnoise_span_to_unique_sentinel)
_SENTINELS = (t5_denoise.nonnoise_span_to_sentinel, t5_denoise.nonnoise_span_to_unique_sentinel)
# Of the number of independent spans: there are sentinels for so many above the mean.
_DEVIATIONS = 3.0


@dataclasses.dataclass(frozen=True)
class Denoising(Objective):
    """Noise in the text, which is to be restored.

    Before: targets "thank you for inviting me to your party last week", of which for, inviting and last
    are noise. After, with the default functions: inputs "thank you <X> me to your party <Y> week",
    targets "<X> for inviting <Y> last <Z>".

    The text is cut so that inputs and EOS fit, and targets too: the whole text always, targets that hold noise
    alone on average; those that are longer are trimmed, and counted, like any others. Where each span has a
    sentinel, one text in a thousand has more spans than sentinels, and keeps its last ones.

    Attributes:
        name: what messages call the objective.
        noise_density: share of noise, above 0 to 1.
        noise_mask_fn: a mask of `t5_denoise` or one's own with the same arguments.
        inputs_fn: what becomes of noise in the inputs: a function of `t5_denoise` or one's own.
        targets_fn: the same for the targets; None makes them the whole text.
    """

    name: str = "denoise"
    noise_density: float = 0.15
    noise_mask_fn: MaskFunction = t5_denoise.iid_noise_mask
    inputs_fn: TokenFunction = t5_denoise.noise_span_to_unique_sentinel
    targets_fn: TokenFunction | None = t5_denoise.nonnoise_span_to_unique_sentinel

    def __post_init__(self) -> None:
        if not 0 < self.noise_density <= 1:
            raise ValueError(f"{self.name}: noise_density is {self.noise_density}; give more than 0, up to 1")

    @property
    def __name__(self) -> str:
        return self.name

    def segment_length(self, lengths: Mapping[str, int]) -> int:
        """Returns what inputs and targets can hold with EOS; see `Objective`."""
        size = self._inputs_length(lengths) - 1
        sizes = np.arange(1, size + 1)
        fits = self._mean_targets(sizes) + 1 <= lengths["targets"]
        return max(1, size if fits.all() else int(np.argmin(fits)))

    def _mean_targets(self, sizes: np.ndarray) -> np.ndarray:
        """Counts tokens of targets on average, without EOS; an upper bound where spans are not counted."""
        if self.targets_fn is None:
            return sizes.astype(float)
        noise = sizes * self.noise_density
        if self.targets_fn not in _SENTINELS:
            return noise
        if self.noise_mask_fn is t5_denoise.iid_noise_mask:
            return noise + sizes * self.noise_density * (1 - self.noise_density) + 1
        return noise + self._most_spans(sizes)

    def sentinels(self, segment_length: int) -> int:
        """Returns the number of spans, where each has a sentinel of its own; see `Objective`."""
        if self.inputs_fn in _UNIQUE or self.targets_fn in _UNIQUE:
            # Text that neither begins nor ends with noise has one more span of other text.
            return int(self._most_spans(segment_length)) + 1
        return int(any("sentinel" in _name(fn) for fn in (self.inputs_fn, self.targets_fn)))

    def apply(self, texts: Ragged, noise: Noise, sentinel: int) -> dict[str, Ragged]:
        """Makes many examples; see `Objective`."""
        noises = noise.fork(6)
        mask = _masks(self.noise_mask_fn, texts.lengths, self.noise_density, noises[:2])
        if self.inputs_fn in _UNIQUE or self.targets_fn in _UNIQUE:
            mask = _first_spans(mask, texts.lengths, self._most_spans(texts.lengths))
        vocabulary = PassThroughVocabulary(size=sentinel + 1)
        targets = texts
        if self.targets_fn is not None:
            targets = _tokens(self.targets_fn, texts, mask, vocabulary, noises[4:])
        return {"inputs": _tokens(self.inputs_fn, texts, mask, vocabulary, noises[2:4]), "targets": targets}

    def _most_spans(self, sizes: np.ndarray | int) -> np.ndarray:
        return noise_masks.most_spans(t5_denoise.of_many(self.noise_mask_fn), sizes, self.noise_density, _DEVIATIONS)


def _name(function: TokenFunction | None) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    return getattr(function, "__name__", "")


def _masks(function: MaskFunction, lengths: np.ndarray, density: float, noises: list[Noise]) -> np.ndarray:
    """Returns the masks of texts of these lengths, joined; a function of one's own makes them one by one."""
    many = t5_denoise.of_many(function)
    if many is not None:
        return cast(np.ndarray, many(lengths, density, noises))
    masks = [np.empty(0, dtype=bool)]
    for length, seeds in zip(lengths.tolist(), _seeds(noises), strict=True):
        mask = np.asarray(function(length, density, seeds=seeds), dtype=bool)
        if mask.shape != (length,):
            raise ValueError(
                f"{function!r} made a mask of shape {mask.shape} for {length} tokens; make one of ({length},)"
            )
        masks.append(mask)
    return np.concatenate(masks)


def _tokens(function: TokenFunction, texts: Ragged, mask: np.ndarray, vocabulary: Any, noises: list[Noise]) -> Ragged:
    """Returns what a function makes of noise in texts; one of one's own makes it text by text."""
    many = t5_denoise.of_many(function)
    if many is not None:
        return cast(Ragged, many(texts, mask, vocabulary, noises))
    rows = zip(texts.rows(), Ragged(mask, texts.lengths).rows(), _seeds(noises), strict=True)
    return Ragged.of(
        [np.asarray(function(tokens, noise, vocabulary, seeds=seeds), np.int32) for tokens, noise, seeds in rows]
    )


def _seeds(noises: list[Noise]) -> np.ndarray:
    """Returns one pair of seeds of each noise for each text, int64 [texts, noises, 2]."""
    return np.concatenate([noise.seeds(1) for noise in noises], axis=1)


def _first_spans(mask: np.ndarray, lengths: np.ndarray, spans: np.ndarray) -> np.ndarray:
    """Keeps the first so many spans of noise of each text, so that no sentinel is needed that is not there."""
    return mask & (running_counts(run_starts(mask, lengths), lengths) <= np.repeat(spans, lengths))


# T5 cuts each document by itself here. Source: Liu et al. 2019, arXiv:1905.13497.
deshuffling = Denoising(
    name="deshuffling",
    merge_examples_to_reduce_padding=False,
    noise_density=1.0,
    inputs_fn=t5_denoise.permute_noise_tokens,
    targets_fn=None,
)


# Spans of noise become sentinels, and are to be restored: T5's baseline ("replace corrupted spans").
iid_denoising = Denoising(name="iid_denoising")

# Each noise token becomes a sentinel or, one in ten, a random token; the whole text is to be restored.
bert_style = Denoising(
    name="bert_style",
    inputs_fn=t5_denoise.noise_token_to_random_token_or_sentinel,
    targets_fn=None,
)

# Each noise token becomes a sentinel; the whole text is to be restored. Song et al. 2019, arXiv:1905.02450.
mass_style = Denoising(name="mass_style", inputs_fn=t5_denoise.noise_token_to_sentinel, targets_fn=None)

# Noise is left out, and is to be listed.
drop_tokens = Denoising(
    name="drop_tokens",
    inputs_fn=t5_denoise.drop_noise_tokens,
    targets_fn=t5_denoise.drop_nonnoise_tokens,
)

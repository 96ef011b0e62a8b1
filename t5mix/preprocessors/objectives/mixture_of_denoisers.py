"""UL2's mixture of denoisers: each example is corrupted in one of several ways."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from t5mix.internal.ragged import Ragged, merged
from t5mix.preprocessors.objectives.base import Objective
from t5mix.preprocessors.objectives.noise import Noise
from t5mix.preprocessors.objectives.span_corruption import SpanCorruption

# Regular: short spans, little noise.
r_denoisers = (SpanCorruption(mean_noise_span_length=3.0), SpanCorruption(mean_noise_span_length=8.0))
# Sequential: one span, which is the last quarter of the text.
s_denoisers = (SpanCorruption(mean_noise_span_length=float("inf"), noise_density=0.25),)
# Extreme: long spans or much noise.
x_denoisers = (
    SpanCorruption(mean_noise_span_length=3.0, noise_density=0.5),
    SpanCorruption(mean_noise_span_length=8.0, noise_density=0.5),
    SpanCorruption(mean_noise_span_length=64.0, noise_density=0.15),
    SpanCorruption(mean_noise_span_length=64.0, noise_density=0.5),
)


@dataclasses.dataclass(frozen=True)
class MixtureOfDenoisers(Objective):
    """One of several denoisers, drawn for each example.

    Before: targets "thank you for inviting me to your party". After, one time: inputs "thank you <X> me to
    your party", targets "<X> for inviting"; another time: inputs "thank you for inviting me <X>", targets
    "<X> to your party".

    All denoisers get parts of text of the same size, the greatest at which the inputs and targets of
    each fit with EOS. Source: Tay et al. 2022, arXiv:2205.05131, table 1: seven denoisers, equally often.

    Attributes:
        denoisers: the ways of corruption, whose lengths do not depend on the noise.
        rates: how often each is drawn, relative to the others; None is equally often.
        prefixes: for each denoiser the token ids that go before its inputs, UL2's mode tokens [R], [S] and
            [X]; None is nothing. Encode them with the task's vocabulary.
    """

    denoisers: tuple[Objective, ...] = (*r_denoisers, *s_denoisers, *x_denoisers)
    rates: tuple[float, ...] | None = None
    prefixes: tuple[tuple[int, ...], ...] | None = None

    def __post_init__(self) -> None:
        count = len(self.denoisers)
        for name, values in (("rates", self.rates), ("prefixes", self.prefixes)):
            if values is not None and len(values) != count:
                raise ValueError(f"mixture_of_denoisers: {len(values)} {name} for {count} denoisers; give one for each")
        rates = np.array(self._rates, dtype=float)
        if not (count and np.isfinite(rates).all() and (rates >= 0).all() and rates.sum() > 0):
            raise ValueError(f"mixture_of_denoisers: rates are {self.rates}; give numbers above 0")
        for denoiser in self.denoisers:
            if denoiser.example_lengths(np.array([2])) is None:
                raise ValueError(
                    f"mixture_of_denoisers: lengths of {denoiser.__name__!r} depend on its noise; use span_corruption"
                )

    @property
    def __name__(self) -> str:
        return "mixture_of_denoisers"

    @property
    def _rates(self) -> tuple[float, ...]:
        return self.rates if self.rates is not None else (1.0,) * len(self.denoisers)

    def segment_length(self, lengths: Mapping[str, int]) -> int:
        """Returns the greatest size at which all denoisers fit; see `Objective`."""
        limits = np.array([self._inputs_length(lengths), lengths["targets"]])
        sizes = np.arange(1, 2 * limits.sum())
        fits = np.ones(len(sizes), dtype=bool)
        for number, denoiser in enumerate(self.denoisers):
            made = denoiser.example_lengths(sizes)
            assert made is not None
            fits &= (made + [1 + len(self._prefix(number)), 1] <= limits).all(axis=1)
        size = int(np.argmin(fits)) if not fits.all() else len(sizes)
        if size < 2:
            raise ValueError(
                f"mixture_of_denoisers: inputs of {lengths['inputs']} and targets of {lengths['targets']} tokens "
                "hold no example; raise them"
            )
        return size

    def sentinels(self, segment_length: int) -> int:
        """Returns what the denoiser with most spans needs; see `Objective`."""
        return max(denoiser.sentinels(segment_length) for denoiser in self.denoisers)

    def apply(self, texts: Ragged, noise: Noise, sentinel: int) -> dict[str, Ragged]:
        """Makes many examples; see `Objective`."""
        choice, rest = noise.fork(2)
        bounds = np.cumsum(self._rates)
        drawn = np.searchsorted(bounds[:-1], choice.uniform(1)[:, 0] * bounds[-1], side="right")
        parts: dict[str, list[tuple[np.ndarray, Ragged]]] = {"inputs": [], "targets": []}
        for number in np.unique(drawn).tolist():
            rows = np.flatnonzero(drawn == number)
            made = self.denoisers[number].apply(texts.take(rows), rest.take(rows), sentinel)
            made["inputs"] = _preceded(made["inputs"], self._prefix(number))
            for name in parts:
                parts[name].append((rows, made[name]))
        return {name: merged(part, len(texts)) for name, part in parts.items()}

    def _prefix(self, number: int) -> tuple[int, ...]:
        return self.prefixes[number] if self.prefixes is not None else ()


mixture_of_denoisers = MixtureOfDenoisers()


def _preceded(texts: Ragged, prefix: tuple[int, ...]) -> Ragged:
    """Puts the same tokens before each text."""
    if not prefix:
        return texts
    before = np.repeat(texts.starts, len(prefix))
    values = np.insert(texts.values, before, np.tile(np.array(prefix, np.int32), len(texts)))
    return Ragged(values, texts.lengths + len(prefix))

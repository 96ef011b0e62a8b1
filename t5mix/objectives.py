"""Objectives: self-supervised examples made of running text, with fresh noise each time.

An objective is a preprocessor like any other, for use after `CacheDatasetPlaceholder`:

    preprocessors=[..., tokenize, CacheDatasetPlaceholder(), objectives.span_corruption, append_eos_after_trim]

with other settings as `objectives.span_corruption(noise_density=0.3)` or through `functools.partial`.
`Task.get_dataset` calls it on a `tf.data.Dataset`; the stream calls the same NumPy code itself, for
each example it needs, with noise that depends on the seed, the task, the epoch and the example alone.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from t5mix.lazy import lazy_import
from t5mix.mapping import map_over_dataset

if TYPE_CHECKING:
    import tensorflow as tf
else:
    tf = lazy_import("tensorflow")

# Gives so many random 64-bit words, new ones at each call.
RandomWords = Callable[[int], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Objective:
    """Makes inputs and targets of the tokens of the feature `targets`.

    Calling it with keyword arguments only returns the objective with these settings; calling it with
    a dataset runs it.

    Attributes:
      merge_examples_to_reduce_padding: join the documents, one behind the other, before they are cut
        into segments; otherwise each document is cut by itself.
      reserved_for_packing: tokens of the inputs' length to leave free, or None.
    """

    merge_examples_to_reduce_padding: bool = True
    reserved_for_packing: int | None = None

    @property
    def __name__(self) -> str:
        raise NotImplementedError

    def segment_length(self, lengths: Mapping[str, int]) -> int:
        """Returns how many tokens of text make one example.

        Args:
          lengths: tokens of `inputs` and `targets` that a row holds, EOS included.

        Raises:
          ValueError: when the lengths do not hold one example.
        """
        raise NotImplementedError

    def sentinels(self, segment_length: int) -> int:
        """Returns how many different sentinels an example of so many tokens can need."""
        raise NotImplementedError

    def example_lengths(self, sizes: np.ndarray) -> np.ndarray | None:
        """Returns the lengths of inputs and targets before EOS, or None when the noise decides.

        Args:
          sizes: int [examples], tokens of text of each.

        Returns:
          int64 [examples, 2] or None.
        """
        return None

    def apply(self, tokens: np.ndarray, words: RandomWords, sentinel: int) -> dict[str, np.ndarray]:
        """Makes one example.

        Args:
          tokens: int32 [size], at least one.
          words: the source of noise.
          sentinel: the first sentinel's id; the others lie below it.

        Returns:
          `inputs` and `targets`, int32, without EOS.
        """
        raise NotImplementedError

    def check(self, output_features: Mapping[str, Any], lengths: Mapping[str, int]) -> int:
        """Returns the first sentinel's id, after checking that features and lengths suffice.

        Raises:
          ValueError: naming the feature that is missing, too short or without enough extra ids.
        """
        for name in ("inputs", "targets"):
            if name not in output_features:
                raise ValueError(f"{self.__name__} needs the output feature {name!r}; declare it")
            if name not in lengths:
                raise ValueError(f"{self.__name__} needs the length of {name!r}; give it")
        needed = self.sentinels(self.segment_length(lengths))
        vocabulary = output_features["targets"].vocabulary
        if vocabulary.extra_ids < needed:
            raise ValueError(
                f"{self.__name__} at inputs length {lengths['inputs']} needs {needed} sentinels, but "
                f"the vocabulary of 'targets', {vocabulary!r}, has {vocabulary.extra_ids} extra ids; "
                f"declare it with extra_ids={max(needed, 100)}"
            )
        return vocabulary.vocab_size - 1

    def __call__(
        self,
        dataset: "tf.data.Dataset | None" = None,
        sequence_length: Mapping[str, int] | None = None,
        output_features: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> Any:
        """Runs the objective on a dataset, or returns it with other settings.

        Args:
          dataset: examples with `targets`, int [length]; other features are dropped.
          sequence_length: the lengths of `inputs` and `targets`.
          output_features: the task's features.
          **settings: settings to change, by name.

        Returns:
          A dataset of `inputs` and `targets`, int32 [length], or, without a dataset, the objective.
        """
        objective = self._with(settings)
        if dataset is None:
            return objective
        if sequence_length is None:
            raise ValueError(f"{self.__name__} needs sequence_length; give it to get_dataset")
        assert output_features is not None
        sentinel = objective.check(output_features, sequence_length)
        size = objective.segment_length(sequence_length)
        segments = _segments(dataset, size, objective.merge_examples_to_reduce_padding)
        return map_over_dataset(objective._example_tf, num_seeds=1)(segments, sentinel=sentinel)

    def _with(self, settings: Mapping[str, Any]) -> "Objective":
        known = [field.name for field in dataclasses.fields(self)]
        for name in settings:
            if name not in known:
                raise ValueError(f"{self.__name__} has no setting {name!r}; it has {known}")
        return dataclasses.replace(self, **settings) if settings else self

    def _example_tf(self, tokens: "tf.Tensor", sentinel: int, seed: "tf.Tensor") -> Any:
        def run(tokens: np.ndarray, seed: np.ndarray) -> list[np.ndarray]:
            source = np.random.Philox(key=seed.astype(np.uint64))
            example = self.apply(tokens, source.random_raw, sentinel)
            return [example["inputs"], example["targets"]]

        made = tf.numpy_function(run, [tokens, tf.stack(seed)], [tf.int32, tf.int32])
        return {name: tf.ensure_shape(ids, [None]) for name, ids in zip(("inputs", "targets"), made, strict=True)}

    def _inputs_length(self, lengths: Mapping[str, int]) -> int:
        length = lengths["inputs"] - (self.reserved_for_packing or 0)
        if length < 4:
            raise ValueError(f"{self.__name__}: {length} inputs tokens hold no example; give 4 or more")
        return length


@dataclasses.dataclass(frozen=True)
class SpanCorruption(Objective):
    """Span corruption: random spans of the text become sentinels, and are to be restored.

    Before: targets "thank you for inviting me to your party last week".
    After:  inputs  "thank you <X> me to your party <Y> week", targets "<X> for inviting <Y> last".

    The text is cut to the length at which the corrupted inputs, with EOS, are just as long as allowed:
    inputs of 512 take 568 tokens of text and give targets of 114.  Source: Raffel et al. 2020,
    arXiv:1910.10683, section 3.1.4 and 3.3; T5's `random_spans_noise_mask` and `random_spans_helper`.

    Attributes:
      noise_density: share of tokens to take out, in (0, 1).
      mean_noise_span_length: mean tokens of a span, at least 1.
    """

    mean_noise_span_length: float = 3.0
    noise_density: float = 0.15

    def __post_init__(self) -> None:
        if not 0 < self.noise_density < 1:
            raise ValueError(f"span_corruption: noise_density is {self.noise_density}; give 0 to 1")
        if not self.mean_noise_span_length >= 1:
            raise ValueError(
                f"span_corruption: mean_noise_span_length is {self.mean_noise_span_length}; give 1.0 or more"
            )

    @property
    def __name__(self) -> str:
        return "span_corruption"

    def segment_length(self, lengths: Mapping[str, int]) -> int:
        """Returns the tokens of text that fill the inputs; see `Objective`."""
        size, targets = random_spans_lengths(
            self._inputs_length(lengths), self.noise_density, self.mean_noise_span_length
        )
        if lengths["targets"] < targets:
            raise ValueError(
                f"span_corruption: inputs of {lengths['inputs']} tokens give targets of {targets}, but "
                f"the targets' length is {lengths['targets']}; raise it to {targets} or lower "
                "noise_density"
            )
        return size

    def sentinels(self, segment_length: int) -> int:
        """Returns the number of spans; see `Objective`."""
        return _noise(segment_length, self.noise_density, self.mean_noise_span_length)[1]

    def example_lengths(self, sizes: np.ndarray) -> np.ndarray:
        """Returns the lengths, which are the same whatever the noise; see `Objective`."""
        distinct, inverse = np.unique(sizes, return_inverse=True)
        table = np.empty((len(distinct), 2), dtype=np.int64)
        for row, size in enumerate(distinct.tolist()):
            noise, spans = _noise(size, self.noise_density, self.mean_noise_span_length)
            table[row] = size - noise + spans, noise + spans
        return table[inverse]

    def apply(self, tokens: np.ndarray, words: RandomWords, sentinel: int) -> dict[str, np.ndarray]:
        """Makes one example; see `Objective`."""
        noise, spans = _noise(len(tokens), self.noise_density, self.mean_noise_span_length)
        if not spans:  # a last segment of one token
            return {"inputs": tokens, "targets": tokens[:0]}
        kept_lengths = random_segments(len(tokens) - noise, spans, words)
        noise_lengths = random_segments(noise, spans, words)
        bounds = np.cumsum(np.stack([kept_lengths, noise_lengths], axis=1).reshape(-1))
        marks = np.arange(sentinel, sentinel - spans, -1, dtype=np.int32)
        # The text is kept, noise, kept, noise, ...: a span's sentinel stands before its noise in the
        # targets and in its place, behind what was kept before it, in the inputs.
        is_noise = np.zeros(len(tokens), dtype=bool)
        is_noise[_ranges(bounds[0::2], noise_lengths)] = True
        kept_ends = np.cumsum(kept_lengths)
        noise_starts = np.cumsum(noise_lengths) - noise_lengths
        return {
            "inputs": np.insert(tokens[~is_noise], kept_ends, marks),
            "targets": np.insert(tokens[is_noise], noise_starts, marks),
        }


@dataclasses.dataclass(frozen=True)
class PrefixLM(Objective):
    """Prefix language modelling: the text is cut at random, and its rest is to be continued.

    Before: targets "thank you for inviting me".  After: inputs "thank you", targets "for inviting me".

    Each cut is equally likely.  Source: Raffel et al. 2020, arXiv:1910.10683, section 3.3.1; T5's
    `prefix_lm`, whose documents are not joined.
    """

    merge_examples_to_reduce_padding: bool = False

    @property
    def __name__(self) -> str:
        return "prefix_lm"

    def segment_length(self, lengths: Mapping[str, int]) -> int:
        """Returns the inputs' length, as T5 does; see `Objective`."""
        return self._inputs_length(lengths)

    def sentinels(self, segment_length: int) -> int:
        """Returns 0; see `Objective`."""
        return 0

    def apply(self, tokens: np.ndarray, words: RandomWords, sentinel: int) -> dict[str, np.ndarray]:
        """Makes one example; see `Objective`."""
        # A 64-bit word times a small count, high part: uniform to within 2**-50.
        cut = 1 + ((int(words(1)[0]) * (len(tokens) - 1)) >> 64) if len(tokens) > 1 else 0
        return {"inputs": tokens[:cut], "targets": tokens[cut:]}


span_corruption = SpanCorruption()
prefix_lm = PrefixLM()


def as_objective(step: Any) -> Objective | None:
    """Returns the objective that a preprocessing step is, or None: itself, or a partial of one."""
    if isinstance(step, Objective):
        return step
    if isinstance(step, functools.partial) and not step.args:
        inner = as_objective(step.func)
        return None if inner is None else inner(**step.keywords)
    return None


def random_spans_lengths(
    inputs_length: int, noise_density: float = 0.15, mean_noise_span_length: float = 3.0
) -> tuple[int, int]:
    """Returns how much text span corruption takes, and how long its targets get.

    Args:
      inputs_length: length of the corrupted inputs, with EOS.
      noise_density: share of tokens taken out.
      mean_noise_span_length: mean tokens of a span.

    Returns:
      The greatest number of text tokens whose inputs fit, and the targets' length, with EOS.
      For 512: (568, 114).  Source: T5's `random_spans_helper`, which gives one token too many where spans
      are of one token, or there is but one.
    """

    def lengths(size: int) -> tuple[int, int]:
        noise, spans = _noise(size, noise_density, mean_noise_span_length)
        return size - noise + spans + 1, noise + spans + 1

    size = inputs_length
    while lengths(size)[0] > inputs_length:
        size -= 1
    while lengths(size + 1)[0] <= inputs_length:
        size += 1
    targets = lengths(size)[1]
    if noise_density == 0.5 and targets > inputs_length:
        # T5 prefers targets that are no longer than the inputs.
        return size - 1, targets - 1
    return size, targets


def random_segments(items: int, segments: int, words: RandomWords) -> np.ndarray:
    """Cuts `items` things into `segments` parts of at least one each, all ways equally likely.

    Returns:
      int64 [segments], the parts' lengths.
    """
    if segments == items:
        return np.ones(segments, dtype=np.int64)
    # The cuts lie where the random words of the places between the things are least.
    cuts = np.sort(np.argsort(words(items - 1), kind="stable")[: segments - 1]) + 1
    return np.diff(np.concatenate([[0], cuts, [items]]))


def _noise(size: int, density: float, mean_span: float) -> tuple[int, int]:
    """Returns the number of noise tokens and of noise spans in `size` tokens of text."""
    if size < 2:
        return 0, 0
    noise = min(max(round(size * density), 1), size - 1)
    spans = min(max(round(noise / mean_span), 1), noise, size - noise)
    return noise, spans


def _ranges(starts: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """The numbers of [start, start + size) for each pair, one behind the other."""
    ends = np.cumsum(sizes)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - (ends - sizes), sizes)


def _segments(dataset: "tf.data.Dataset", size: int, merge: bool) -> "tf.data.Dataset":
    """Cuts the `targets` of a dataset into pieces of `size` tokens, the last ones shorter."""
    documents = dataset.map(lambda example: tf.cast(example["targets"], tf.int32))
    if merge:  # 128 documents at a time, as T5 does
        documents = documents.ragged_batch(128).map(_joined)
    return documents.flat_map(lambda tokens: _cut(tokens, size))


def _joined(documents: Any) -> "tf.Tensor":
    ragged = isinstance(documents, tf.RaggedTensor)
    return documents.flat_values if ragged else tf.reshape(documents, [-1])


def _cut(tokens: "tf.Tensor", size: int) -> "tf.data.Dataset":
    total = tf.size(tokens)
    starts = tf.data.Dataset.range(0, tf.cast(total, tf.int64), size)
    return starts.map(lambda start: tokens[start : start + size])

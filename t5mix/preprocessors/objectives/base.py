"""What an objective is: text becomes inputs and targets, many examples at once, in NumPy."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from t5mix.internal.lazy import tensorflow as tf
from t5mix.internal.ragged import Ragged
from t5mix.preprocessors.mapping import map_over_dataset
from t5mix.preprocessors.objectives.noise import Noise
from t5mix.preprocessors.tokens import append_eos
from t5mix.vocabularies.sentinels import check_sentinels, first_sentinel


@dataclasses.dataclass(frozen=True)
class Objective:
    """Makes inputs and targets of the tokens of the feature `targets`.

    Calling it with keyword arguments only returns the objective with these settings; calling it with
    a dataset runs it.

    Attributes:
        merge_examples_to_reduce_padding: join the documents, one behind the other, before they are cut
            into segments; otherwise each document is cut by itself.
        reserved_for_packing: tokens of the inputs' length to leave free, or None.
        passthrough_feature_keys: features of the document that a dataset's examples keep; only when documents are
            not joined. The stream, which reads no other features, drops them.
    """

    merge_examples_to_reduce_padding: bool = True
    reserved_for_packing: int | None = None
    passthrough_feature_keys: tuple[str, ...] = ()

    @property
    def __name__(self) -> str:
        raise NotImplementedError

    @property
    def features(self) -> tuple[str, ...]:
        """The features that the objective makes."""
        return ("inputs", "targets")

    @property
    def ends_documents(self) -> bool:
        """Whether each document gets an EOS before documents are joined and cut."""
        return False

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

    def apply(self, texts: Ragged, noise: Noise, sentinel: int) -> dict[str, Ragged]:
        """Makes many examples.

        An example is the same whichever others it is made with: it depends on its text and its noise alone.

        Args:
            texts: int32 token ids, at least one for each example.
            noise: of the examples.
            sentinel: the first sentinel's id; the others lie below it.

        Returns:
            The features by name, `inputs` and `targets`, int32, without EOS.
        """
        raise NotImplementedError

    def example(self, tokens: np.ndarray, seed: int | Sequence[int], sentinel: int) -> dict[str, np.ndarray]:
        """Makes one example; see `apply`.

        Args:
            tokens: int [length], at least one.
            seed: a whole number, or two: the noise follows from them.
            sentinel: the first sentinel's id.

        Returns:
            The features by name, int32 [length].
        """
        key = (seed, 0) if isinstance(seed, int) else seed
        text = Ragged.of([np.asarray(tokens, dtype=np.int32)])
        return {name: made.values for name, made in self.apply(text, Noise.of(key), sentinel).items()}

    def check(self, output_features: Mapping[str, Any], lengths: Mapping[str, int]) -> int:
        """Returns the first sentinel's id, after checking that features and lengths suffice.

        Raises:
            ValueError: naming the feature that is missing, too short or without enough sentinels.
        """
        for name in self.features:
            if name not in output_features:
                raise ValueError(f"{self.__name__} needs the output feature {name!r}; declare it")
            if name not in lengths:
                raise ValueError(f"{self.__name__} needs the length of {name!r}; give it")
        needed = self.sentinels(self.segment_length(lengths))
        vocabulary = output_features["targets"].vocabulary
        check_sentinels(needed, vocabulary, f"{self.__name__} at inputs length {lengths.get('inputs')}")
        return first_sentinel(vocabulary)

    def __call__(
        self,
        dataset: "tf.data.Dataset | None" = None,
        sequence_length: Mapping[str, int] | None = None,
        output_features: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> Any:
        """Runs the objective on a dataset, or returns it with other settings.

        Args:
            dataset: examples with `targets`, int [length]; other features are dropped, but for
                `passthrough_feature_keys`.
            sequence_length: the lengths of `inputs` and `targets`.
            output_features: the task's features.
            **settings: settings to change, by name.

        Returns:
            A dataset of the objective's features, int32 [length], or, without a dataset, the objective.
        """
        objective = self._with(settings)
        objective._check_passthrough()
        if dataset is None:
            return objective
        if sequence_length is None:
            raise ValueError(f"{self.__name__} needs sequence_length; give it to get_dataset")
        assert output_features is not None
        sentinel = objective.check(output_features, sequence_length)
        size = objective.segment_length(sequence_length)
        passed_through = objective.passthrough_feature_keys
        dataset = dataset.map(lambda example: {name: example[name] for name in ("targets", *passed_through)})
        if objective.ends_documents:
            dataset = append_eos(dataset, {"targets": output_features["targets"]})
        segments = _segments(dataset, size, objective.merge_examples_to_reduce_padding)
        return map_over_dataset(objective._example_tf, num_seeds=1)(segments, sentinel=sentinel)

    def _check_passthrough(self) -> None:
        passed_through = self.passthrough_feature_keys
        made = [name for name in passed_through if name in (*self.features, "targets")]
        if made:
            raise ValueError(f"{self.__name__}: passthrough_feature_keys has {made[0]!r}, which it makes; leave it out")
        if passed_through and self.merge_examples_to_reduce_padding:
            raise ValueError(
                f"{self.__name__}: passthrough_feature_keys not supported with merge_examples_to_reduce_padding=True, "
                "where an example is of several documents; set it to False"
            )

    def _with(self, settings: Mapping[str, Any]) -> "Objective":
        known = [field.name for field in dataclasses.fields(self)]
        for name in settings:
            if name not in known:
                raise ValueError(f"{self.__name__} has no setting {name!r}; it has {known}")
        if "passthrough_feature_keys" in settings:  # objectives are hashed
            settings = {**settings, "passthrough_feature_keys": tuple(settings["passthrough_feature_keys"] or ())}
        return dataclasses.replace(self, **settings) if settings else self

    def _example_tf(self, segment: Mapping[str, Any], sentinel: int, seed: "tf.Tensor") -> Any:
        def run(tokens: np.ndarray, seed: np.ndarray) -> list[np.ndarray]:
            example = self.example(tokens, seed.tolist(), sentinel)
            return [example[name] for name in self.features]

        rest = dict(segment)
        made = tf.numpy_function(run, [rest.pop("targets"), tf.stack(seed)], [tf.int32] * len(self.features))
        return {**rest, **{name: tf.ensure_shape(ids, [None]) for name, ids in zip(self.features, made, strict=True)}}

    def _inputs_length(self, lengths: Mapping[str, int]) -> int:
        length = lengths["inputs"] - (self.reserved_for_packing or 0)
        if length < 4:
            raise ValueError(f"{self.__name__}: {length} inputs tokens hold no example; give 4 or more")
        return length


def _segments(dataset: "tf.data.Dataset", size: int, merge: bool) -> "tf.data.Dataset":
    """Cuts the `targets` of a dataset into parts of `size` tokens, the last ones shorter; each keeps the rest."""
    documents = dataset.map(lambda example: {**example, "targets": tf.cast(example["targets"], tf.int32)})
    if merge:  # 128 documents at a time, as T5 does
        documents = documents.ragged_batch(128).map(lambda batch: {"targets": _joined(batch["targets"])})
    return documents.flat_map(lambda document: _cut(document, size))


def _joined(documents: Any) -> "tf.Tensor":
    ragged = isinstance(documents, tf.RaggedTensor)
    return documents.flat_values if ragged else tf.reshape(documents, [-1])


def _cut(document: Mapping[str, Any], size: int) -> "tf.data.Dataset":
    tokens = document["targets"]
    starts = tf.data.Dataset.range(0, tf.size(tokens, tf.int64), size)
    return starts.map(lambda start: {**document, "targets": tokens[start : start + size]})

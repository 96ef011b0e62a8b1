"""T5's preprocessor `denoise`, which puts noise into examples that are cut already."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from t5mix.lazy import lazy_import
from t5mix.mapping import map_over_dataset
from t5mix.preprocessors.chunks import maybe_cast_seed

if TYPE_CHECKING:
    import tensorflow as tf
else:
    tf = lazy_import("tensorflow")


class DenoiseNoiseMaskFn(Protocol):
    """What chooses the noise; those of `noise_masks` do."""

    def __call__(self, num_tokens: Any, noise_density: float, seeds: Any) -> Any:
        """Returns a bool [num_tokens]; `seeds` are two pairs of integers."""


class DenoiseInputsFn(Protocol):
    """What makes inputs of tokens and noise; those of `token_functions` do."""

    def __call__(self, tokens: Any, noise_mask: Any, vocabulary: Any, seeds: Any) -> Any:
        """Returns tokens of any length; `seeds` are two pairs of integers."""


class DenoiseTargetsFn(DenoiseInputsFn, Protocol):
    """What makes targets of tokens and noise; those of `token_functions` do."""


def denoise(
    dataset: "tf.data.Dataset",
    output_features: Mapping[str, Any],
    noise_density: float,
    noise_mask_fn: DenoiseNoiseMaskFn,
    inputs_fn: DenoiseInputsFn,
    targets_fn: DenoiseTargetsFn | None = None,
    passthrough_feature_keys: Sequence[str] | None = None,
    input_feature_key: str = "inputs",
) -> "tf.data.Dataset":
    """Puts noise into examples that are cut to their length already; T5's preprocessor of this name.

    Before: `{"targets": [3, 4, 5, 6]}`; after, with 4 and 5 noise, unique sentinels and a vocabulary of
    100: `{"inputs": [3, 99, 6], "targets": [99, 4, 5, 98]}`.  With T5's functions and a seed it is T5's noise.

    Args:
      dataset: examples with `targets`, int [length].
      output_features: the task's, given by the task.
      noise_density: share of noise.
      noise_mask_fn: function of (length, noise_density, seeds) to a bool mask.
      inputs_fn: function of (tokens, noise_mask, vocabulary, seeds) to tokens.
      targets_fn: the same for the targets; None makes them the whole text.
      passthrough_feature_keys: further features to keep.
      input_feature_key: what to call the inputs.

    Raises:
      ValueError: when inputs and targets have different vocabularies, or a kept feature is made anew.
    """

    @map_over_dataset(num_seeds=1)
    def one(example: Mapping[str, Any], seed: Any) -> dict[str, Any]:
        return single_example_denoise(
            example,
            seed,
            output_features=output_features,
            noise_density=noise_density,
            noise_mask_fn=noise_mask_fn,
            inputs_fn=inputs_fn,
            targets_fn=targets_fn,
            passthrough_feature_keys=passthrough_feature_keys,
            input_feature_key=input_feature_key,
        )

    return one(dataset)


def single_example_denoise(
    features: Mapping[str, Any],
    seed: Any,
    *,
    output_features: Mapping[str, Any],
    noise_density: float,
    noise_mask_fn: DenoiseNoiseMaskFn,
    inputs_fn: DenoiseInputsFn,
    targets_fn: DenoiseTargetsFn | None = None,
    passthrough_feature_keys: Sequence[str] | None = None,
    input_feature_key: str = "inputs",
) -> dict[str, Any]:
    """Returns one example with noise in it; see `denoise`.

    Args:
      features: one example, with `targets`, int [length].
      seed: two integers.
      output_features: see `denoise`, as for the others.
      noise_density: share of noise.
      noise_mask_fn: makes the mask.
      inputs_fn: makes the inputs.
      targets_fn: makes the targets.
      passthrough_feature_keys: further features to keep.
      input_feature_key: what to call the inputs.

    Raises:
      ValueError: see `denoise`.
    """
    kept = tuple(passthrough_feature_keys or ())
    clash = [name for name in kept if name in (input_feature_key, "targets")]
    if clash:
        raise ValueError(
            f"denoise: passthrough keys cannot contain {input_feature_key!r} or 'targets', which denoise makes; "
            f"leave {clash[0]!r} out"
        )
    vocabulary = output_features["targets"].vocabulary
    if input_feature_key in output_features and output_features[input_feature_key].vocabulary != vocabulary:
        raise ValueError(
            f"denoise makes {input_feature_key!r} of the tokens of 'targets', but their vocabularies differ; "
            "declare both features with the same one"
        )
    seeds = tf.unstack(tf.random.split(maybe_cast_seed(seed), 6))
    tokens = features["targets"]
    mask = noise_mask_fn(tf.size(tokens), noise_density, seeds=seeds[:2])
    made = {
        input_feature_key: inputs_fn(tokens, mask, vocabulary, seeds=seeds[2:4]),
        "targets": targets_fn(tokens, mask, vocabulary, seeds=seeds[4:6]) if targets_fn else tokens,
    }
    return {**made, **{name: features[name] for name in kept if name in features}}

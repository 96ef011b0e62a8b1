"""Choices of what is trained that mean nothing are refused, with the name of the option."""

import math

import pytest

from t5mix.mesh.t5.fine_tuning.settings import adapters, gradual_unfreezing, lora, matching, prompt_tuning


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: matching(patterns=()), "matching.patterns is empty"),
        (lambda: matching(patterns=("(",)), r"matching.patterns: '\(' is no regular expression"),
        (lambda: adapters(inner_size=0), "adapters.inner_size is 0"),
        (lambda: adapters(after="attention"), "adapters.after is 'attention': choose from feed_forward, every_layer"),
        (lambda: lora(rank=0), "lora.rank is 0"),
        (lambda: lora(alpha=math.nan), "lora.alpha is nan"),
        (lambda: lora(projections=()), r"lora.projections is \(\)"),
        (lambda: lora(projections=("query",)), "choose from q, k, v, o"),
        (lambda: prompt_tuning(length=0), "prompt_tuning.length is 0"),
        (lambda: prompt_tuning(start="words"), "prompt_tuning.start is 'words': choose from vocabulary, random"),
        (lambda: gradual_unfreezing(steps_per_layer=0), "gradual_unfreezing.steps_per_layer is 0"),
        (lambda: gradual_unfreezing(steps_per_layer=math.inf), "steps_per_layer is inf"),
    ],
)
def test_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()

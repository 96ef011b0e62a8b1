"""UL2's mixture of denoisers."""

import numpy as np
import pytest

from t5mix.preprocessors import objectives

SENTINEL = 9_999
LENGTHS = {"inputs": 512, "targets": 512}


def _examples(objective, size, count):
    text = np.arange(size, dtype=np.int32)
    return [objective.example(text, seed, SENTINEL) for seed in range(count)]


def test_every_denoiser_fits_at_the_segment_length_and_one_does_not_beyond():
    objective = objectives.mixture_of_denoisers
    size = objective.segment_length(LENGTHS)
    both = [denoiser.example_lengths(np.array([size, size + 1])) + 1 for denoiser in objective.denoisers]
    assert size == 568  # what span corruption with short spans and little noise takes
    assert all((lengths[0] <= 512).all() for lengths in both)
    assert any((lengths[1] > 512).any() for lengths in both)


def test_denoisers_are_drawn_equally_often_and_restore_the_text():
    objective = objectives.mixture_of_denoisers
    kinds = {tuple(d.example_lengths(np.array([400]))[0].tolist()): 0 for d in objective.denoisers}
    assert len(kinds) == 7
    for example in _examples(objective, 400, 2100):
        kinds[len(example["inputs"]), len(example["targets"])] += 1
        tokens = [t for ids in example.values() for t in ids.tolist() if t < 400]
        assert sorted(tokens) == list(range(400))
    assert all(abs(count - 300) < 4 * np.sqrt(300) for count in kinds.values())


def test_the_sequential_denoiser_takes_the_last_quarter():
    (denoiser,) = objectives.s_denoisers
    (example,) = _examples(denoiser, 100, 1)
    assert example["inputs"].tolist() == [*range(75), SENTINEL]
    assert example["targets"].tolist() == [SENTINEL, *range(75, 100)]


def test_rates_and_mode_tokens():
    rates, prefixes = (0, 0, 3, 0, 0, 0, 1), tuple((i, i) for i in range(500, 507))
    objective = objectives.mixture_of_denoisers(rates=rates, prefixes=prefixes)
    size = objective.segment_length(LENGTHS)
    assert size < 568
    modes = [tuple(example["inputs"][:2].tolist()) for example in _examples(objective, 100, 800)]
    assert set(modes) == {(502, 502), (506, 506)}
    assert modes.count((506, 506)) == pytest.approx(200, abs=4 * np.sqrt(150))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rates": (1.0,)}, "1 rates for 7 denoisers"),
        ({"rates": (0.0,) * 7}, "give numbers above 0"),
        ({"rates": (float("nan"),) * 7}, "give numbers above 0"),
        ({"prefixes": ()}, "0 prefixes for 7"),
        ({"denoisers": (objectives.prefix_lm,)}, "'prefix_lm' depend on its noise"),
    ],
)
def test_what_cannot_be_drawn_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        objectives.mixture_of_denoisers(**settings)


def test_lengths_that_hold_nothing_are_refused():
    with pytest.raises(ValueError, match="hold no example"):
        objectives.mixture_of_denoisers.segment_length({"inputs": 64, "targets": 2})

"""Which objective is meant: T5's names, partials, and what tasks leave open."""

import functools

import numpy as np
import pytest

from t5mix.preprocessors import objectives


def test_settings_by_call_and_by_partial_are_the_same():
    by_call = objectives.span_corruption(noise_density=0.3)
    by_partial = functools.partial(objectives.span_corruption, noise_density=0.3)
    assert objectives.as_objective(by_partial) == objectives.as_objective(by_call) == by_call
    assert objectives.as_objective(len) is None


SENTINEL = 9_999
LENGTHS = {"inputs": 64, "targets": 64}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("iid_15_u_u", objectives.iid_denoising),
        ("iid_15_d_d", objectives.drop_tokens),
        ("iid_15_m_f", objectives.mass_style),
        ("span_3_15_u_u", objectives.span_corruption),
        ("span", objectives.span_corruption),
        ("span_10_15_u_u", objectives.span_corruption(mean_noise_span_length=10.0)),
        ("all_permute", objectives.deshuffling),
        ("prefix_lm", objectives.prefix_lm),
        ("lm", objectives.lm),
        ("full_lm", objectives.full_lm),
        ("mixture_of_denoisers", objectives.mixture_of_denoisers),
    ],
)
def test_t5s_names_name_the_same_objectives(name, expected):
    found = objectives.named(name)
    settings = {"name": "x"} if isinstance(expected, objectives.Denoising) else {}
    assert found(**settings) == expected(**settings)


def test_t5s_name_of_berts_objective_says_how_much_is_random():
    found = objectives.named("iid_15_r10s90_f")
    tokens = np.full(2000, 5, dtype=np.int32)
    inputs = found.example(tokens, 0, SENTINEL)["inputs"]
    changed = inputs[inputs != 5]
    assert (changed == SENTINEL).mean() == pytest.approx(0.9, abs=0.05)
    regular = objectives.named("reg_2-4_15_s_d")
    assert regular.noise_mask_fn.keywords == {"min_span_length": 2, "max_span_length": 4}


@pytest.mark.parametrize("name", ["iid_15_x_f", "iid_3_15_u_u", "span_15_u_u", "iid_15_r10s80_f", "spam"])
def test_other_names_are_refused(name):
    with pytest.raises(ValueError, match=name):
        objectives.named(name)


def test_unsupervised_is_the_objective_it_is_told_to_be(text_task):
    step = functools.partial(objectives.unsupervised, preprocessors=[objectives.iid_denoising])
    assert objectives.as_objective(step) is objectives.iid_denoising
    assert objectives.as_objective(objectives.unsupervised) is objectives.span_corruption
    assert (
        objectives.as_objective(objectives.unsupervised(preprocessors=[objectives.prefix_lm])) is objectives.prefix_lm
    )
    # T5's 512 with 192, 103 and 256 targets take whole inputs; where targets are short the text is.
    sizes = [
        objectives.named(f"iid_{percent}_u_u").segment_length({"inputs": 512, "targets": targets})
        for percent, targets in ((15, 192), (10, 103), (25, 256), (50, 40))
    ]
    assert sizes == [511, 511, 511, 50]
    made = {
        name: [
            e["targets"].tolist()
            for e in text_task(step).get_dataset(LENGTHS, shuffle=False, seed=1).as_numpy_iterator()
        ]
        for name, step in {"by": step, "itself": objectives.iid_denoising}.items()
    }
    assert made["by"] == made["itself"]
    several = objectives.unsupervised(preprocessors=[lambda dataset: dataset.take(1), objectives.prefix_lm])
    assert objectives.as_objective(several) is None
    assert len(list(text_task(several).get_dataset(LENGTHS, shuffle=False, seed=1))) == 1
    with pytest.raises(ValueError, match="preprocessors is empty"):
        objectives.unsupervised(preprocessors=[])

"""Settings of decoding that can not be are refused, with the setting and the fix."""

import pytest

from t5mix.mesh.decoding.settings import Decoding


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"beams": 0}, r"Decoding.beams is 0: it must be at least 1"),
        ({"best": 0}, r"Decoding.best is 0"),
        ({"top_k": -1}, r"Decoding.top_k is -1"),
        ({"seed": -1}, r"Decoding.seed is -1"),
        ({"seed": 2**32}, r"Decoding.seed is 4294967296"),
        ({"length_penalty": -0.1}, r"Decoding.length_penalty is -0.1"),
        ({"length_penalty": float("nan")}, r"Decoding.length_penalty is nan"),
        ({"temperature": -1.0}, r"Decoding.temperature is -1.0"),
        ({"temperature": float("inf")}, r"Decoding.temperature is inf"),
        ({"temperature": 1.0, "top_p": 0.0}, r"Decoding.top_p is 0.0: it must be above 0 and at most 1"),
        ({"temperature": 1.0, "top_p": 1.5}, r"Decoding.top_p is 1.5"),
        ({"rules": "hf"}, r"Decoding.rules is 'hf': choose from t5, transformers"),
        ({"beams": 4, "temperature": 1.0}, r"beam search draws nothing"),
        ({"top_k": 5}, r"Decoding.top_k is 5, and without a temperature nothing is drawn"),
        ({"top_p": 0.5}, r"Decoding.top_p is 0.5, and without a temperature"),
        (
            {"length_penalty": 1.0},
            r"length_penalty is 1.0, and it is of beam search alone: set Decoding.beams",
        ),
        ({"rules": "transformers"}, r"Decoding.rules is 'transformers', and it is of beam search alone"),
        ({"rules": "transformers", "temperature": 1.0}, r"Decoding.rules is 'transformers'"),
        ({"best": 2}, r"Decoding.best is 2, and there are 1 beams"),
        ({"best": 5, "beams": 4}, r"Decoding.best is 5, and there are 4 beams"),
    ],
)
def test_what_can_not_be_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Decoding(**settings)


def test_more_tokens_than_there_are_are_refused():
    with pytest.raises(ValueError, match=r"Decoding.beams is 6: with 10 tokens it can be 5 at most"):
        Decoding(beams=6).check(10)
    with pytest.raises(ValueError, match=r"Decoding.top_k is 11: with 10 tokens it can be 10 at most"):
        Decoding(temperature=1.0, top_k=11).check(10)
    Decoding(beams=5).check(10)


def test_the_program_is_named_by_what_differs_from_greedy_decoding():
    assert Decoding().program == Decoding(seed=3).program == "greedy_decode"
    assert Decoding(beams=4, best=2).program == "decode beams 4 best 2"


def test_width_is_beams_or_samples():
    assert Decoding().width == 1
    assert Decoding(beams=4, best=2).width == 4
    assert Decoding(temperature=1.0, best=3).width == 3


def test_generation_settings_of_transformers_say_the_same():
    assert Decoding().for_transformers() == {}
    beams = Decoding(beams=4, best=2, length_penalty=1.0, rules="transformers").for_transformers()
    assert beams == {"num_beams": 4, "length_penalty": 1.0, "early_stopping": False, "num_return_sequences": 2}
    drawn = Decoding(temperature=0.7, top_p=0.9).for_transformers()
    assert drawn == {"do_sample": True, "temperature": 0.7, "top_k": 0, "top_p": 0.9, "num_return_sequences": 1}

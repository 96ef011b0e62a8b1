"""generation_config.json is read as settings of decoding, and what t5mix lacks is named."""

import json

import pytest

from t5mix.mesh.decoding.settings import Decoding
from t5mix.mesh.interop.hugging_face.config import generation_json
from t5mix.mesh.interop.hugging_face.generation import answer_length, decoding_of, read_generation

T5 = {"decoder_start_token_id": 0, "eos_token_id": 1, "pad_token_id": 0, "transformers_version": "4.57.6"}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, Decoding()),
        ({"num_beams": None, "temperature": 0.3}, Decoding()),  # without do_sample nothing is drawn
        ({"num_beams": 4}, Decoding(beams=4, length_penalty=1.0, rules="transformers")),
        ({"num_beams": 4, "length_penalty": 2}, Decoding(beams=4, length_penalty=2.0, rules="transformers")),
        (
            {"num_beams": 3, "num_return_sequences": 2},
            Decoding(beams=3, length_penalty=1.0, rules="transformers", best=2),
        ),
        ({"do_sample": True}, Decoding(temperature=1.0, top_k=50)),
        ({"do_sample": True, "top_k": None}, Decoding(temperature=1.0)),
        ({"do_sample": True, "temperature": 0.7, "top_k": 0, "top_p": 0.9}, Decoding(temperature=0.7, top_p=0.9)),
    ],
)  # fmt: skip
def test_what_transformers_would_do(said, expected, capsys):
    assert decoding_of({**T5, **said}, "there") == expected
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "decoding",
    [
        Decoding(),
        Decoding(beams=4, length_penalty=0.6, rules="transformers", best=2),
        Decoding(temperature=0.5, top_k=7, top_p=0.8, best=3),
    ],
)
def test_what_t5mix_writes_is_read_again(decoding):
    assert decoding_of(generation_json(decoding.for_transformers()), "there") == decoding


def test_what_t5mix_lacks_is_named_and_what_changes_nothing_is_not(capsys):
    said = {"num_beams": 4, "early_stopping": True, "no_repeat_ngram_size": 3, "repetition_penalty": 1.0, "new": "x"}
    assert decoding_of({**T5, **said}, "there").beams == 4
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("there: ") and line.endswith("early_stopping True, no_repeat_ngram_size 3, new 'x'")
    assert decoding_of({"num_beams": 2, "do_sample": True, "eos_token_id": [1, 5]}, "there").beams == 2
    assert "eos_token_id [1, 5], do_sample beside beams" in capsys.readouterr().err


@pytest.mark.parametrize("said", [{"num_beams": "4"}, {"num_beams": True}, {"num_beams": -1}, {"num_beams": 0},
    {"do_sample": True, "temperature": 0}, {"do_sample": True, "top_p": []}, {"do_sample": "yes"},
    {"num_beams": 2, "length_penalty": 1e999}])  # fmt: skip
def test_what_can_not_be_is_refused_by_its_place(said):
    with pytest.raises(ValueError, match=r"^there: generation_config.json .*; say yourself how answers are decoded"):
        decoding_of(said, "there")


def test_names_and_numbers_of_strangers_stay_in_one_line(capsys):
    decoding_of({"a\nb\x1b": 1, **{f"new_{number}": number for number in range(30)}}, "there")
    [line] = capsys.readouterr().err.splitlines()
    assert r"'a\nb\x1b' 1, new_0 0" in line and line.endswith("new_8 8 and 21 more")


@pytest.mark.parametrize(
    ("said", "expected"), [({}, None), ({"max_length": 20}, 19), ({"max_length": 20, "max_new_tokens": 64}, 64),
    ({"max_length": 1}, None)]
)  # fmt: skip
def test_the_length_of_answers_does_not_count_the_first_token(said, expected):
    assert answer_length(said, "there") == expected


def test_a_folder_without_the_file_says_nothing_and_a_link_is_not_followed(tmp_path):
    assert read_generation(tmp_path) == {}
    (tmp_path / "elsewhere.json").write_text(json.dumps({"num_beams": 4}))
    (tmp_path / "generation_config.json").symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(ValueError, match="links are not followed"):
        read_generation(tmp_path)

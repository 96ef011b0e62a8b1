"""`t5mix predict`: which arguments go with which."""

from pathlib import Path

import pytest

from t5mix.cli.main import main


@pytest.mark.parametrize(
    "settings",
    [
        ["--beams", "4"],
        ["--best", "2"],
        ["--temperature", "0.7"],
        ["--temperature", "0.0"],
        ["--top_k", "5"],
        ["--top_p", "0.9"],
        ["--length_penalty", "0.6"],
        ["--decoding_seed", "0"],
        ["--gin_param", "Decoding.beams = 4"],
        ["--gin_param", "t5mix.Decoding.top_k=4"],
    ],
)
def test_choices_are_not_decoded_so_settings_of_decoding_are_refused(
    settings: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before the checkpoint is looked for: there is none."""
    command = ["predict", "--checkpoint", str(tmp_path / "none"), "--choice", "yes", "--choice", "no", *settings]
    assert main(command) == 2
    said = capsys.readouterr().err
    assert "--choice scores the answers that there are, and nothing is decoded: leave out" in said
    assert settings[0] in said and said.count("\n") == 1


@pytest.mark.parametrize(
    "settings", [["--choice", "yes", "--scores"], ["--choice", "yes", "--prefix", "a: "], ["--beams", "4"]]
)
def test_what_goes_with_choices_is_taken(
    settings: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", "--checkpoint", str(tmp_path / "none"), *settings]) == 2
    assert "there is no such folder" in capsys.readouterr().err

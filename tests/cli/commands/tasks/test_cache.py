"""`t5mix cache`: caches are made once, listed, verified, repaired, and made on Beam as well."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from t5mix import get_mixture_or_task
from t5mix.cli.main import main
from t5mix.data import Stream, cache


def told(capsys: pytest.CaptureFixture[str], *arguments: object, status: int = 0) -> dict:
    assert main(["cache", *map(str, arguments), "--format", "json"]) == status
    return json.loads(capsys.readouterr().out)


def test_a_mixture_is_cached_once_and_the_stream_finds_it(
    declarations: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("toy_mix", "--include", declarations, "--cache_dir", tmp_path)
    first, second = told(capsys, *options), told(capsys, *options)
    assert [(each["task"], each["result"]) for each in first["caches"]] == [
        ("toy_large", "made"),
        ("toy_small", "made"),
    ]
    assert {each["result"] for each in second["caches"]} == {"found"}
    small = first["caches"][1]
    # "toy: é0" is 8 bytes, "0" is one; EOS comes behind the cache.
    assert (small["split"], small["examples"], small["tokens"]) == ("train", 10, {"inputs": 80, "targets": 10})
    assert small["bytes"] == sum(file.stat().st_size for file in Path(small["place"]).glob("*.arrow"))
    made = []
    Stream(
        get_mixture_or_task("toy_mix"),
        {"inputs": 16, "targets": 4},
        2,
        cache_dir=tmp_path,
        progress=lambda *numbers: made.append(numbers),
    )
    assert not made


def test_a_table_for_people(declarations: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", "toy_mix", "--include", declarations, "--cache_dir", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert "2 token caches, each in" in text and "40 examples, 380 tokens" in text
    assert text.count("made") == 2


def test_the_folder_is_listed_and_what_is_damaged_is_named_and_repaired(
    declarations: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (made,) = told(capsys, "toy_large", "--include", declarations, "--cache_dir", tmp_path)["caches"]
    listed = told(capsys, "--list", "--verify", "--cache_dir", tmp_path)
    assert listed["caches"] == [{key: value for key, value in made.items() if key != "result"}]
    (file,) = Path(made["place"]).glob("*.arrow")
    whole = file.read_bytes()
    file.write_bytes(whole[:200] + bytes([whole[200] ^ 1]) + whole[201:])
    assert told(capsys, "--list", "--cache_dir", tmp_path)["caches"][0]["damage"] == ""
    (found,) = told(capsys, "--list", "--verify", "--cache_dir", tmp_path, status=1)["caches"]
    assert "does not match its checksum" in found["damage"]
    with pytest.warns(UserWarning, match="is damaged"):
        (repaired,) = told(capsys, "toy_large", "--include", declarations, "--cache_dir", tmp_path, "--verify")[
            "caches"
        ]
    assert repaired["result"] == "repaired" and file.read_bytes() == whole
    (Path(made["place"]) / "manifest.json").unlink()
    (found,) = told(capsys, "--list", "--cache_dir", tmp_path)["caches"]
    assert (found["task"], found["damage"]) == ("toy_large", "it has no manifest")


def test_an_empty_folder_lists_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, "--list", "--cache_dir", tmp_path / "none")["caches"] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("offline_valence --split tset", "offline_valence: it has no split 'tset', but 'train'"),
        ("offline_valenc", "did you mean"),
        ("", "name a task or a mixture"),
        ("--list offline_valence", "leave out tasks"),
        ("offline_valence -- --flink_master=x", "name a --runner"),
        ("offline_valence --cache_dir gs://bucket/x", "gs://bucket/x, but a token cache is read from a file system"),
    ],
)
def test_wrong_usage_is_refused_in_a_line(capsys: pytest.CaptureFixture[str], arguments: str, message: str) -> None:
    assert main(["cache", *arguments.split()]) == 2
    assert message in capsys.readouterr().err


def test_without_beam_the_extra_is_named(
    declarations: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    monkeypatch.delitem(sys.modules, "t5mix.data.cache.beam", raising=False)
    monkeypatch.delattr(cache, "beam", raising=False)
    assert main(["cache", "toy_small", "--pack", declarations, "--runner", "DirectRunner"]) == 2
    assert "pip install 't5mix[beam]'" in capsys.readouterr().err


@pytest.mark.skipif(not importlib.util.find_spec("apache_beam"), reason="needs Apache Beam: pip install 't5mix[beam]'")
def test_on_beam(declarations: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = (
        "toy_mix",
        "--include",
        declarations,
        "--cache_dir",
        tmp_path,
        "--runner",
        "DirectRunner",
        "--format",
        "json",
    )
    assert main(["cache", *map(str, options), "--", "--direct_num_workers=1"]) == 0
    assert {each["result"] for each in json.loads(capsys.readouterr().out)["caches"]} == {"made"}
    assert {each["result"] for each in told(capsys, *options)["caches"]} == {"found"}


SLOW = """
import time
import t5mix


def numbers(split, shuffle_files):
    import tensorflow as tf

    def slow():
        for number in range(100000):
            if number == 2000:
                print("at work", flush=True)
            if number > 2000:
                time.sleep(0.001)
            yield {"targets": str(number)}

    return tf.data.Dataset.from_generator(slow, output_signature={"targets": tf.TensorSpec([], tf.string)})


t5mix.TaskRegistry.add(
    "slow_numbers",
    source=t5mix.FunctionDataSource(numbers, ["train"]),
    preprocessors=[t5mix.preprocessors.tokenize],
    output_features={"targets": t5mix.Feature(t5mix.ByteVocabulary())},
)
"""


@pytest.mark.slow
def test_ctrl_c_leaves_nothing_half_made(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    root = Path(__file__).parents[4]
    process = subprocess.Popen(
        [sys.executable, "-m", "t5mix", "cache", "slow_numbers", "--include", "slow.py", "--cache_dir", "caches"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "at work\n"
    assert list((tmp_path / "caches").rglob(".train-*"))
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 130 and "stopped by SIGINT" in errors
    assert not [path for path in (tmp_path / "caches").rglob("*") if path.is_file()]

"""Lines of text files: UTF-8, packed or not, by the reader of every other text file."""

import bz2
import gzip
from pathlib import Path

import pytest

import t5mix
from t5mix import preprocessors
from t5mix.data import Stream

LINES = "inputs é\ttargets\nmore\tthings\n"


def lines_of(source: t5mix.TextLineDataSource) -> list[str]:
    return [line.decode() for line in source.get_dataset("train", shuffle=False).as_numpy_iterator()]


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_lines_do_not_depend_on_packing(mark: str, pack, tmp_path: Path) -> None:
    (tmp_path / "plain.txt").write_text(LINES)
    (tmp_path / "data").write_bytes(pack((mark + LINES).encode()))
    plain, other = (t5mix.TextLineDataSource({"train": str(tmp_path / name)}) for name in ("plain.txt", "data"))
    assert lines_of(other) == lines_of(plain) == LINES.splitlines()
    both = t5mix.TextLineDataSource({"train": str(tmp_path / "*")})
    assert sorted(lines_of(both)) == sorted(2 * LINES.splitlines())
    headed = t5mix.TextLineDataSource({"train": str(tmp_path / "data")}, skip_header_lines=1)
    assert lines_of(headed) == LINES.splitlines()[1:]


def test_tokens_are_those_of_the_lines(tmp_path: Path) -> None:
    feature = t5mix.Feature(t5mix.ByteVocabulary())
    found = []
    for name, content in (("plain", LINES.encode()), ("packed", gzip.compress(b"\xef\xbb\xbf" + LINES.encode()))):
        (tmp_path / name).write_bytes(content)
        for step in (
            preprocessors.parse_tsv,
            lambda dataset: preprocessors.parse_tsv(dataset),
        ):  # without TensorFlow, with
            task = t5mix.Task(
                "text",  # the order of examples depends on it
                t5mix.TextLineDataSource({"train": str(tmp_path / name)}),
                {"inputs": feature, "targets": feature},
                [step, preprocessors.tokenize, t5mix.CacheDatasetPlaceholder(), preprocessors.append_eos],
            )
            stream = Stream(task, {"inputs": 16, "targets": 16}, 2, pack=False, cache_dir=tmp_path / "cache")
            found.append({name: ids.tolist() for name, ids in stream.batch(0).items()})
    assert all(each == found[0] for each in found)


REFUSED = {
    "Latin-1": (b"good\nna\xefve\n", r"a.txt:2: is not UTF-8"),
    "Latin-1 in gzip": (gzip.compress(b"good\nna\xefve\n"), r"a.txt:2: is not UTF-8"),
    "UTF-16": ("good\n".encode("utf-16"), r"a.txt is UTF-16 text: save it as UTF-8"),
    "Parquet": (b"PAR1....", r"a.txt is a Parquet file"),
    "bzip2": (bz2.compress(b"good\n"), r"a.txt is compressed by bzip2; unpack it, or use gzip"),
    "half a gzip": (gzip.compress(bytes(range(97, 120)) * 99)[:-9], r"a.txt is compressed and damaged"),
}


@pytest.mark.parametrize("what", list(REFUSED))
def test_what_is_no_text_is_refused_before_a_line_is_given(what: str, tmp_path: Path) -> None:
    content, message = REFUSED[what]
    (tmp_path / "a.txt").write_bytes(content)
    source = t5mix.TextLineDataSource({"train": str(tmp_path / "a.txt")})
    with pytest.raises(ValueError, match=message):
        source.get_dataset("train")
    with pytest.raises(ValueError, match=message):
        source.fingerprint("train")

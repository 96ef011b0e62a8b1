"""A cache that was made with other releases of libraries is used when these give the same ids, and only then."""

import json

import pytest

from t5mix.data import Stream
from t5mix.data.cache import store
from t5mix.data.cache.identity import probes
from t5mix.data.cache.identity.key import cache_job
from t5mix.internal.code import source_code
from t5mix.preprocessors import append_eos_after_trim
from t5mix.vocabularies import ByteVocabulary

LENGTHS = {"inputs": 32, "targets": 17}


class _Vocabulary(ByteVocabulary):
    """Says always that it is the same, as a SentencePiece model does whatever release of the library reads it."""

    fingerprint = ByteVocabulary.fingerprint
    released = ""

    def encode(self, s):
        text = s.replace("ab", "b") if self.released == "other probes" else s
        return super().encode(text)

    def encode_tf(self, s):
        ids = super().encode_tf(s)
        return ids[:-1] if self.released == "other examples" else ids


@pytest.fixture
def release(monkeypatch):
    """Makes as if another release of SentencePiece were installed, that behaves in a way."""
    known = source_code.version

    def install(version, behaviour=""):
        monkeypatch.setattr(source_code, "version", lambda name: version if name == "sentencepiece" else known(name))
        monkeypatch.setattr(_Vocabulary, "released", behaviour)

    install("1.0")
    return install


@pytest.fixture
def task(make_task):
    return lambda **options: make_task("a", vocabulary=_Vocabulary(100), **options)


def _state(task, folder):
    return Stream(task, LENGTHS, 4, cache_dir=folder).state(3)


def _manifest(folder):
    (file,) = folder.glob("tokens/*/*/manifest.json")
    return json.loads(file.read_text())


def test_another_release_with_the_same_ids_finds_the_cache_and_is_noted(task, tmp_path, release):
    first = task()
    state = _state(first, tmp_path)
    (place,) = tmp_path.glob("tokens/*/*/*.arrow")
    before = place.stat()
    release("1.1")
    again = task()
    assert _state(again, tmp_path) == state
    assert place.stat() == before
    assert [versions["sentencepiece"] for versions in _manifest(tmp_path)["libraries"]] == ["1.0", "1.1"]
    read = again.texts.read
    assert read > 0  # it was compared
    for version in ("1.0", "1.1"):
        release(version)
        assert _state(again, tmp_path) == state
    assert again.texts.read == read  # and is not again


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        ("other probes", r"sentencepiece was 1.0 and is 1.1: the vocabulary of 'inputs' gives .* other ids"),
        (
            "other examples",
            r"sentencepiece was 1.0 and is 1.1: example \d+, 'inputs', was \[.*\] and is \[",
        ),
    ],
)
def test_another_release_with_other_ids_makes_the_cache_anew_and_says_so(task, tmp_path, release, behaviour, message):
    state = _state(task(), tmp_path)
    release("1.1", behaviour)
    with pytest.warns(UserWarning, match=message):
        changed = Stream(task(), LENGTHS, 4, cache_dir=tmp_path)
    assert [versions["sentencepiece"] for versions in _manifest(tmp_path)["libraries"]] == ["1.1"]
    job = cache_job(task(), "train")
    assert store.replaced(job, tmp_path).startswith("sentencepiece was 1.0 and is 1.1: ")
    if behaviour == "other examples":
        with pytest.raises(ValueError, match="task 'a' has other examples"):
            changed.check_state(state)
    else:  # the task's own examples are the same
        changed.check_state(state)


def test_other_ids_in_a_fresh_cache_are_another_stream(task, tmp_path, release):
    """As on another machine, where no cache shows what the ids were."""
    state = _state(task(), tmp_path / "one")
    release("1.1")
    Stream(task(), LENGTHS, 4, cache_dir=tmp_path / "two").check_state(state)
    release("1.2", "other examples")
    with pytest.raises(ValueError, match="task 'a' has other examples"):
        Stream(task(), LENGTHS, 4, cache_dir=tmp_path / "three").check_state(state)


def _upper(dataset):
    import tensorflow as tf

    return dataset.map(lambda example: {name: tf.strings.upper(text) for name, text in example.items()})


def test_libraries_of_a_step_are_noted(task):
    job = cache_job(task(before=[_upper]), "train")
    assert set(job.versions) == {"sentencepiece", "tensorflow", "tensorflow-text"}


def test_a_release_of_t5mix_changes_nothing(task, tmp_path, release, monkeypatch):
    state = _state(task(after=[append_eos_after_trim]), tmp_path)
    monkeypatch.setattr("t5mix.__version__", "99.0")
    again = task(after=[append_eos_after_trim])
    assert _state(again, tmp_path) == state
    assert again.texts.read == 0


def test_a_vocabulary_that_refuses_a_probe_has_an_answer(monkeypatch):
    def refuse(self, s):
        raise KeyError(s)

    monkeypatch.setattr(_Vocabulary, "encode", refuse)
    assert probes.answers(_Vocabulary()) == [""] * len(probes.TEXTS)

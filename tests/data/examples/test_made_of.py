"""Examples are found again by the tokens that they are made of."""

import numpy as np
import pytest

from t5mix.data import Stream
from t5mix.data.examples import made_of as made_of_module
from t5mix.data.examples import objective_examples
from t5mix.preprocessors import append_eos_after_trim, objectives
from t5mix.preprocessors.mapping import map_over_dataset

LENGTHS = {"inputs": 24, "targets": 20}


def ids(text: str) -> np.ndarray:
    return np.frombuffer(text.encode(), np.uint8).astype(np.int32) + 3


@pytest.mark.parametrize("at_once", [4, 1 << 16])
def test_rows_are_found_whole_however_they_are_trimmed(make_task, monkeypatch, at_once):
    monkeypatch.setattr(made_of_module, "_AT_ONCE", at_once)
    inputs = ["one", "a" * 30, "a" * 30, "one", "", "a" * 29 + "b"]
    targets = ["1", "2", "2", "4", "5", "2"]
    stream = Stream(make_task("t", columns={"inputs": inputs, "targets": targets}), LENGTHS, 4)

    def find(*pairs: tuple[str, str]) -> list[list[int]] | None:
        return stream.made_of("t", [{"inputs": ids(x), "targets": ids(y)} for x, y in pairs])

    assert find(("a" * 30, "2"), ("one", "4"), ("", "5"), ("one", "5"), ("one", "4")) == [[1, 2], [3], [4], [], [3]]
    assert find() == []


@pytest.mark.parametrize("merge", [True, False])
@pytest.mark.parametrize("at_once", [3, 1 << 20])
def test_segments_of_a_document_hold_its_tokens(make_task, make_texts, monkeypatch, merge, at_once):
    monkeypatch.setattr(objective_examples, "_DOCUMENTS_AT_ONCE", at_once)
    texts = [*make_texts("docs", 9, 0, 90), "", "end"]
    lm = objectives.lm(merge_examples_to_reduce_padding=merge)
    columns = {"inputs": [""] * len(texts), "targets": texts}
    stream = Stream(make_task("t", columns=columns, after=[lm, append_eos_after_trim]), LENGTHS, 4)
    found = stream.made_of("t", [{"targets": ids(text)} for text in texts])
    assert found is not None
    examples = stream._examples["t"]
    for text, segments in zip(texts, found, strict=True):
        held = np.concatenate([examples.gather(0, np.array([each]))[1].values for each in segments or [0]])
        joined = held[held != 1].tobytes()  # without EOS
        assert not text or (len(segments) >= 1 and ids(text).tobytes() in joined)
        assert len(segments) <= len(text) // 19 + 2


def test_what_tf_data_makes_anew_cannot_be_told(make_task):
    @map_over_dataset(num_seeds=1)
    def noisy(example, seed):
        return example

    stream = Stream(make_task("t", after=[noisy, append_eos_after_trim]), LENGTHS, 4)
    assert stream.made_of("t", [{"targets": ids("x")}]) is None

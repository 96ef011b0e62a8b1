"""Five task files in the manner of published ones load unchanged, and their tasks do what they are for."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from sentencepiece import sentencepiece_model_pb2

import t5mix
from t5mix.declarations.discovery import discovery
from t5mix.sources.data_dirs import data_dirs

FILES = Path(__file__).with_name("published")


@pytest.fixture(autouse=True)
def unchanged() -> Iterator[None]:
    """Leaves names, folders and imports as they were."""
    with t5mix.overlay(), data_dirs.undone(), t5mix.as_seqio():
        yield


def load(name: str) -> ModuleType:
    """Loads a file as `--include FILE --as_seqio` does, and returns its module."""
    t5mix.include(FILES / name)
    discovery.load()
    return next(module for key, module in sys.modules.items() if key.endswith(f"_{Path(name).stem}"))


def texts(task: str, split: str = "train") -> list[dict[str, str]]:
    provider = t5mix.TaskRegistry.get(task)
    vocabulary = provider.output_features["targets"].vocabulary
    dataset = provider.get_dataset({"inputs": 64, "targets": 16}, split, shuffle=False)
    return [
        {name: vocabulary.decode(example[name].tolist()) for name in ("inputs", "targets")}
        for example in dataset.as_numpy_iterator()
    ]


def test_a_file_with_all_of_seqios_types() -> None:
    module = load("annotated_tasks.py")
    assert texts("published_sums")[:2] == [
        {"inputs": "10 plus 7", "targets": "17"},
        {"inputs": "11 plus 7", "targets": "18"},
    ]
    future, outputs = module.score_gold("published_sums")
    assert future.result()["published_sums"]["exact"].value == 100
    assert len(outputs["published_sums"]) == 1
    made = t5mix.get_dataset(
        "published_sums",
        {"inputs": 16, "targets": 4},
        dataset_split="train",
        feature_converter=module.MaskedConverter(pack=False),
    )
    assert next(made.as_numpy_iterator())["decoder_mask"].tolist() == [1, 1, 1, 0]


def test_a_file_with_t5s_helpers_for_glue_and_its_old_tasks() -> None:
    module = load("glue_tasks.py")
    assert texts("published_rte") == [
        {"inputs": "rte sentence1: It rains. sentence2: Rain falls.", "targets": "entailment"},
        {"inputs": "rte sentence1: He sang. sentence2: He slept.", "targets": "not_entailment"},
    ]
    task = t5mix.TaskRegistry.get("published_rte")
    assert task.postprocess_fn("not_entailment") == 1 and task.metric_fns == [t5mix.metrics.accuracy]
    assert t5mix.get_mixture_or_task("published_mixture").rates() == {
        "published_questions": 0.5,
        "published_rte": 0.5,
    }
    example, found = t5mix.test_utils.test_task(
        "published_questions",
        {"validation": {"id": "1", "question": "Who?", "context": "Ann.", "answers": {"text": ["The Ann"]}}},
    )
    assert example["inputs_pretokenized"] == b"question: Who ? context: Ann . " and found == {"em": 100, "f1": 100}
    assert module.T5_VOCABULARY.extra_ids == 100


def test_a_file_with_private_helpers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBLISHED_DATA", str(tmp_path))
    (tmp_path / "b.tsv").write_text("Who sang?\tAnn sang.\tAnn\n")
    (tmp_path / "a.tsv").write_text("Who slept?\tBo slept.\tBo\n")
    load("reading_comprehension.py")
    assert texts("published_reading") == [
        {"inputs": "question: Who slept ? context: Bo slept . ", "targets": "Bo"},
        {"inputs": "question: Who sang ? context: Ann sang . ", "targets": "Ann"},
    ]
    with pytest.raises(ValueError, match=f"cannot open or prepare 'reading/plain:1.0.0' in {tmp_path}"):
        t5mix.TaskRegistry.get("published_reading_tfds").num_input_examples("train")


def test_a_file_with_an_own_copy_of_a_task_of_t5s(capsys: pytest.CaptureFixture[str]) -> None:
    load("own_copies.py")
    assert texts("cnn_dailymail_v002") == [
        {"inputs": "summarize: Rain all night.", "targets": "Rain"},
        {"inputs": "summarize: Frost at noon.", "targets": "Frost"},
    ]
    assert t5mix.get_mixture_or_task("published_summaries").rates() == {"cnn_dailymail_v002": 1}
    assert "squad_v010_allanswers" in t5mix.TaskRegistry  # what is shipped is there all the same
    said = capsys.readouterr().err
    assert "own_copies.py:23, not the one that t5mix ships" in said


def test_a_file_with_a_vocabulary_whose_model_holds_the_sentinels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(t5mix.test_utils.TEST_DATA_DIR) / "sentencepiece" / "sentencepiece.model"
    model = sentencepiece_model_pb2.ModelProto.FromString(path.read_bytes())
    for number in reversed(range(100)):
        model.pieces.add(piece=f"▁<extra_id_{number}>", score=0.0, type=model.SentencePiece.Type.USER_DEFINED)
    (tmp_path / "100extra.model").write_bytes(model.SerializeToString())
    monkeypatch.setenv("PUBLISHED_VOCABULARY", str(tmp_path / "100extra.model"))
    load("multilingual.py")
    vocabulary = t5mix.TaskRegistry.get("published_de").output_features["targets"].vocabulary
    assert (vocabulary.vocab_size, vocabulary.extra_ids) == (126, 0)
    mixture = t5mix.get_mixture_or_task("published_languages")
    for example in mixture.get_dataset({"inputs": 20, "targets": 12}, "train", seed=1).take(6).as_numpy_iterator():
        for name in ("inputs", "targets"):
            sentinels = [token for token in example[name].tolist() if token >= 26]
            assert sentinels and sentinels == list(range(125, 125 - len(sentinels), -1))  # from the highest id down

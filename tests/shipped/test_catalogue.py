"""The catalogue: T5's tasks and mixtures by name, on real examples where there are some."""

import functools
from pathlib import Path

import pytest
import tensorflow as tf

import t5mix

SUPER_GLUE = ["boolq", "cb", "copa", "multirc", "record", "rte", "wic", "axb", "axg"]
WSC = ["dpr_v001_simple{}", "super_glue_wsc_v102_simple{}_train", "super_glue_wsc_v102_simple{}_eval"]
TASKS = [
    *(f"c4_v220_{objective}" for objective in ("span_corruption", "iid_denoising", "prefix_lm", "full_lm")),
    *("wikipedia_20190301.en_v003_unsupervised", "cnn_dailymail_v002"),
    *(f"c4{kind}_v020_unsupervised" for kind in ("", "_noclean", "_realnewslike", "_webtextlike")),
    *(f"glue_{name}_v002" for name in ("cola", "sst2", "mrpc", "qqp", "stsb", "qnli", "rte", "wnli", "ax")),
    *("glue_mnli_v002", "glue_mnli_matched_v002", "glue_mnli_mismatched_v002", "glue_wnli_v002_simple_eval"),
    *(f"super_glue_{name}_v102{suffix}" for name in SUPER_GLUE for suffix in ("", "_1_sentinel")),
    *(name.format(suffix) for name in WSC for suffix in ("", "_1_sentinel")),
    *("wmt14_ende_v003", "wmt14_enfr_v003", "wmt15_enfr_v003", "wmt16_enro_v003", "wmt19_ende_v003"),
    *("wmt_t2t_ende_v003", "trivia_qa_v010", "squad_v010", "squad_v010_allanswers", "squad_v010_context_free"),
    *("squad_v010_allanswers_span", "c4_prefix_lm_objective_decoder_architecture"),
    "c4_prefix_lm_objective_encoder_decoder_architecture",
]
LEFT_OUT = ["cnn_dailymail_v002", "squad_v010_allanswers", "wmt_t2t_ende_v003", "wmt15_enfr_v003", "wmt16_enro_v003"]
MIXTURES = [
    *("glue_v002_proportional", "super_glue_v102_proportional", "super_glue_v102_proportional_sentinel"),
    *("glue_mnli_and_dev_v002", "en_mix", "all_equal", "all_proportional", "all_mix", "large_supervised_equal"),
    *("large_supervised_proportional", "large_translation_equal", "squad_trivia_qa_equal"),
    *("wsc_dpr_simple_proportional", "leave_one_out_glue_v002_proportional"),
    *("leave_one_out_super_glue_v102_proportional", *(f"leave_one_out_{name}" for name in LEFT_OUT)),
]


def test_every_name_is_there() -> None:
    assert len(set(TASKS)) == 60 and set(TASKS) <= set(t5mix.TaskRegistry.names())
    assert len(set(MIXTURES)) == 20 and set(MIXTURES) <= set(t5mix.MixtureRegistry.names())


def test_declarations_and_names_need_no_vocabulary(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("T5MIX_T5_VOCAB", raising=False)
    vocabulary = t5mix.T5Vocabulary()
    assert vocabulary == t5mix.TaskRegistry.get("glue_cola_v002").output_features["inputs"].vocabulary
    assert vocabulary.extra_ids == 100 and "T5Vocabulary" in repr(vocabulary)
    with pytest.raises(ValueError, match=r"T5MIX_T5_VOCAB is not set\); copy gs://.* and set T5MIX_T5_VOCAB"):
        vocabulary.encode("text")
    monkeypatch.setenv("T5MIX_T5_VOCAB", str(tmp_path / "nowhere"))
    with pytest.raises(ValueError, match=r"nowhere' .*T5MIX_T5_VOCAB names it"):
        _ = vocabulary.fingerprint


# Rates.


class Counted:
    """A task of which only its name and number of examples are asked for."""

    cache_dir = None

    def __init__(self, name: str, examples: int) -> None:
        self.name, self.examples = name, examples

    def num_input_examples(self, split: str) -> int:
        assert split == "train"
        return self.examples


EXAMPLES = {
    "cnn_dailymail_v002": 287_113, "squad_v010_allanswers": 87_599, "wmt_t2t_ende_v003": 4_592_289,
    "wmt15_enfr_v003": 40_853_298, "wmt16_enro_v003": 610_320, "c4_v020_unsupervised": 364_868_892,
}  # fmt: skip


def rates(name: str) -> dict[str, float]:
    declared = t5mix.MixtureRegistry.get(name).rate_per_task_name
    return {
        task: float(rate(Counted(task, EXAMPLES.get(task, 1000))) if callable(rate) else rate)
        for task, rate in declared.items()
    }


def test_rates_are_those_of_t5() -> None:
    glue, super_glue = rates("glue_v002_proportional"), rates("super_glue_v102_proportional")
    assert sum(glue.values()) == 949_101 and sum(super_glue.values()) == 185_673
    assert glue["glue_rte_v002"] == 2490 and glue["glue_ax_v002"] == 0 and len(glue) == 11 and len(super_glue) == 12
    assert list(rates("super_glue_v102_proportional_sentinel").values()) == list(super_glue.values())
    every = rates("all_proportional")
    halved = {"glue_rte_v002": 1245.0, "super_glue_rte_v102": 1245.0}
    assert every == {**glue, **super_glue, **EXAMPLES, **halved}
    assert rates("all_mix") == {**every, "c4_v020_unsupervised": 1e6}
    assert rates("all_equal") == dict.fromkeys(every, 1.0)
    assert rates("en_mix") == {
        **dict.fromkeys([*glue, *super_glue], 1000.0), "c4_v020_unsupervised": 1e6, "squad_v010_allanswers": 87_599.0,
    }  # fmt: skip
    assert rates("wsc_dpr_simple_proportional") == {
        "dpr_v001_simple": 1322.0, "super_glue_wsc_v102_simple_train": 259.0, "super_glue_wsc_v102_simple_eval": 0.0,
    }  # fmt: skip


def test_one_group_is_left_out() -> None:
    glue, super_glue = rates("glue_v002_proportional"), rates("super_glue_v102_proportional")
    assert rates("leave_one_out_glue_v002_proportional") == {**super_glue, **EXAMPLES}
    assert rates("leave_one_out_super_glue_v102_proportional") == {**glue, **EXAMPLES}
    every = rates("all_proportional")
    for name in LEFT_OUT:
        assert rates(f"leave_one_out_{name}") == {task: rate for task, rate in every.items() if task != name}


def test_limits_and_temperatures_hold_for_every_task() -> None:
    trained = {name: rate for name, rate in rates("all_proportional").items() if rate}
    for power in range(16, 22):
        limit = 2.0**power
        assert rates(f"all_limit_2_{power}") == {name: min(rate, limit) for name, rate in trained.items()}
    for temperature in (2, 4, 8):
        expected = {name: min(rate, 2.0**21) ** (1 / temperature) for name, rate in trained.items()}
        assert rates(f"all_temperature_{temperature}") == pytest.approx(expected)
    supervised = {name: min(rate, 2.0**21) for name, rate in trained.items() if name != "c4_v020_unsupervised"}
    assert rates("all_supervised") == supervised
    assert rates("all_supervised_equal") == dict.fromkeys(supervised, 1.0)


def test_unimax_repeats_no_example_more_than_ten_times(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = {name: Counted(name, examples) for name, examples in EXAMPLES.items()}
    monkeypatch.setattr(t5mix.TaskRegistry, "get", lambda name: counted.get(name, Counted(name, 0)), raising=False)
    mixture = t5mix.get_mixture_or_task("all_unimax")
    trained = {name: rate for name, rate in rates("all_proportional").items() if rate}
    drawn = {name: rate(counted.get(name, Counted(name, 0))) for name, rate in mixture.rate_per_task_name.items()}
    assert sum(drawn.values()) == pytest.approx(2**26)
    assert all(drawn[name] <= 10 * examples for name, examples in trained.items())
    full = [rate for name, rate in drawn.items() if rate < 10 * trained[name] - 1]
    assert max(full) == pytest.approx(min(full)) == max(drawn.values())


# Text.

CASES = {
    "glue_cola_v002": ("cola sentence: ", ("acceptable", "unacceptable")),
    "glue_sst2_v002": ("sst2 sentence: ", ("positive", "negative")),
    "glue_mrpc_v002": ("mrpc sentence1: ", ("equivalent", "not_equivalent")),
    "glue_stsb_v002": ("stsb sentence1: ", tuple(f"{tenths / 10:.1f}" for tenths in range(0, 51, 2))),
    "glue_rte_v002": ("rte sentence1: ", ("entailment", "not_entailment")),
    "glue_wnli_v002": ("wnli sentence1: ", ("not_entailment", "entailment")),
    "glue_wnli_v002_simple_eval": ("wsc: ", None),
    "super_glue_boolq_v102": ("boolq passage: ", ("False", "True")),
    "super_glue_cb_v102": ("cb hypothesis: ", ("entailment", "contradiction", "neutral")),
    "super_glue_copa_v102_1_sentinel": ("copa choice1: ", ("choice1", "choice2")),
    "super_glue_rte_v102": ("rte hypothesis: ", ("entailment", "not_entailment")),
    "super_glue_record_v102": ("record query: ", None),
    "super_glue_wsc_v102_simple_eval": ("wsc: ", None),
    "dpr_v001_simple": ("wsc: ", None),
    "squad_v010_allanswers": ("question: ", None),
    "squad_v010_context_free": ("squad trivia question: ", None),
    "squad_v010_allanswers_span": ("question: ", None),
    "squad_v010": ("question: ", None),
    "cnn_dailymail_v002": ("summarize: ", None),
    "wmt_t2t_ende_v003": ("translate English to German: ", None),
    "wmt16_enro_v003": ("translate English to Romanian: ", None),
    "c4_v220_span_corruption": ("", None),
    "c4_v220_iid_denoising": ("", None),
    "c4_v020_unsupervised": ("", None),
}


@pytest.fixture
def on_real_data(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """A function that returns a task reading the data sets beside the checkout, with T5's vocabulary."""
    monkeypatch.setenv("T5MIX_T5_VOCAB", str(shared_data / "t5_vocab" / "spiece.model"))

    def task(name: str) -> t5mix.Task:
        declared = t5mix.TaskRegistry.get(name)
        splits = declared.source._splits or None
        source = t5mix.TfdsDataSource(declared.source.tfds_name, str(shared_data / "tfds"), splits, read_only=True)
        return declared.replace(source=source)

    return task


@pytest.mark.parametrize("name", list(CASES))
def test_on_real_examples_right_predictions_score_the_maximum(on_real_data: object, name: str) -> None:
    task = on_real_data(name)
    prefix, words = CASES[name]
    split = "validation" if "validation" in task.splits else "test"
    dataset = task.get_dataset({"inputs": 512, "targets": 128}, split, shuffle=False).take(20)
    rows = list(dataset.as_numpy_iterator())
    if name.startswith("c4_"):
        assert rows and all(row["inputs"][-1] == row["targets"][-1] == 1 for row in rows)
        assert all(32_099 in row["targets"] for row in rows)
        return
    vocabulary = task.output_features["targets"].vocabulary
    texts = [row["targets_pretokenized"].decode() for row in rows]
    assert len(rows) == 20 or split == "validation"
    for row, text in zip(rows, texts, strict=True):
        assert row["inputs_pretokenized"].decode().startswith(prefix) and text
        assert words is None or text in words
        assert row["inputs"][-1] == row["targets"][-1] == 1
        if "_sentinel" in name:
            assert row["inputs"][-2] == row["targets"][0] == vocabulary.vocab_size - 1
    of = functools.partial(zip, texts, rows, strict=True)
    targets = [task.postprocess_fn(text, example=row, is_target=True) for text, row in of()]
    right = [task.postprocess_fn(text, example=row, is_target=False) for text, row in of()]
    if "wsc: " in prefix and name != "dpr_v001_simple":
        assert set(right) == {1}  # every noun proposed names itself
        return
    for metric in task.metric_fns:
        for metric_name, value in metric(targets, right).items():
            assert value == pytest.approx(100), metric_name


def test_full_lm_joins_documents(on_real_data: object) -> None:
    task = on_real_data("c4_v220_full_lm")
    (row, *_) = task.get_dataset({"targets": 512}, "validation", shuffle=False).take(2).as_numpy_iterator()
    text = next(task.source.get_dataset("validation", shuffle=False).as_numpy_iterator())["text"].decode()
    ids = [*task.output_features["targets"].vocabulary.encode(text), 1]
    assert set(row) == {"targets"} and row["targets"].tolist()[: len(ids)] == ids[:512]


@pytest.mark.parametrize("architecture", ["encoder_decoder", "decoder"])
def test_rows_of_prefix_lm_hold_the_documents(on_real_data: object, architecture: str) -> None:
    task = on_real_data(f"c4_prefix_lm_objective_{architecture}_architecture")
    lengths = {"inputs": 64, "targets": 64}
    rows = list(task.get_dataset(lengths, "validation", shuffle=False, seed=3).as_numpy_iterator())
    assert all(set(row) == set(task.output_features) - {"targets"} for row in rows)
    vocabulary = task.output_features["targets"].vocabulary
    documents = task.source.get_dataset("validation", shuffle=False).as_numpy_iterator()
    stream = [id for document in documents for id in [*vocabulary.encode_tf(document["text"]).numpy().tolist(), 1]]
    if architecture == "decoder":
        found = [row["decoder_target_tokens"] for row in rows]
    else:
        found = []
        for row in rows:
            for segment in (1, 2):
                prefix = row["encoder_input_tokens"][row["encoder_segment_ids"] == segment]
                found += [prefix, row["decoder_target_tokens"][row["decoder_segment_ids"] == segment]]
    joined = [int(id) for part in found for id in part]
    assert joined[: len(stream)] == stream and not any(joined[len(stream) :])


def test_tfds_prepares_every_version() -> None:
    import tensorflow_datasets as tfds

    sources = [t5mix.TaskRegistry.get(name).source for name in TASKS]
    for name in sorted({source.tfds_name for source in sources}):
        data, version = name.split(":")
        builder, _, config = data.partition("/")
        made = tfds.builder_cls(builder)
        configs = {each.name: each for each in made.BUILDER_CONFIGS}
        assert not config or config in configs or builder == "wikipedia", name
        prepared = getattr(configs.get(config), "version", None) or made.VERSION
        assert str(prepared) == version, name


def test_hidden_labels_are_unknown(on_real_data: object) -> None:
    task = on_real_data("glue_ax_v002")
    assert task.splits == ("test",)
    for row in task.get_dataset(split="test", shuffle=False).take(3).as_numpy_iterator():
        assert row["targets_pretokenized"] == b"<unk>"
        assert (
            row["inputs_pretokenized"].startswith(b"mnli hypothesis: ") and b" premise: " in row["inputs_pretokenized"]
        )


def test_t5s_ids(on_real_data: object) -> None:
    task = on_real_data("super_glue_boolq_v102")
    vocabulary = task.output_features["inputs"].vocabulary
    assert vocabulary.vocab_size == 32_100 and vocabulary.encode("<extra_id_0>") == [32_099]
    assert vocabulary.encode_tf(tf.constant("It rains")).numpy().tolist() == vocabulary.encode("It rains")
    assert vocabulary.fingerprint == t5mix.T5Vocabulary().fingerprint

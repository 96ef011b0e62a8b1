"""Submissions to GLUE and SuperGLUE; what each server takes is written down here once more, from its instructions."""

import functools
import json
import zipfile

import numpy as np
import pytest

import t5mix
from t5mix import postprocessors, preprocessors
from t5mix.cli.main import main
from t5mix.evaluation.decoding import Answer
from t5mix.evaluation.evaluate_task import ask
from t5mix.runs.records.run_folder import RunFolder
from t5mix.runs.scores.score_files import write_score
from t5mix.runs.scores.submissions import benchmarks

FEATURE = t5mix.Feature(t5mix.ByteVocabulary(extra_ids=5))
FEATURES = {"inputs": FEATURE, "targets": FEATURE}

# The files of https://gluebenchmark.com/faq and https://super.gluebenchmark.com/faq.
GLUE = "CoLA SST-2 MRPC STS-B QQP MNLI-m MNLI-mm QNLI RTE WNLI AX".split()
SUPER_GLUE = "BoolQ CB COPA MultiRC ReCoRD RTE WiC WSC AX-b AX-g".split()


def table(split, shuffle_files, columns):
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices({name: tf.constant(values) for name, values in columns.items()})


def answered(run, name, columns, answers, postprocess_fn=None):
    """Registers a task in place of a benchmark's, and writes a score with these answers on its test split."""
    hidden = {"targets": ["<unk>"] * len(answers), **columns}
    task = t5mix.TaskRegistry.add(
        name,
        source=t5mix.FunctionDataSource(functools.partial(table, columns=hidden), splits=["test"]),
        preprocessors=[preprocessors.tokenize, preprocessors.append_eos],
        output_features=FEATURES,
        postprocess_fn=postprocess_fn,
    )
    asked = ask(task, split="test", lengths={"inputs": 64, "targets": 16})
    vocabulary = FEATURE.vocabulary
    given = asked.answers(lambda inputs: [[Answer(vocabulary.encode(answer), -1.0)] for answer in answers])
    write_score(run.pretraining.scores("test", name, 7), asked.score(given, step=7))


@pytest.fixture
def run(tmp_path):
    """A run folder; tasks of the names that T5 gives the benchmarks' tasks are made here."""
    with t5mix.overlay():
        for files in benchmarks().values():
            for choices in files.values():
                for choice in choices:
                    if choice["task"] in t5mix.TaskRegistry.names():
                        t5mix.TaskRegistry.remove(choice["task"])
        yield RunFolder(tmp_path / "run")


def written(run, tmp_path, benchmark):
    output = tmp_path / "submission"
    assert main(["submission", str(run.path), "--benchmark", benchmark, "--output", str(output), "--partial"]) == 0
    return {path.name: path.read_text() for path in output.iterdir()}


def test_the_files_are_those_that_the_servers_name():
    assert list(benchmarks()["GLUE"]) == [f"{name}.tsv" for name in GLUE]
    assert list(benchmarks()["SuperGLUE"]) == [f"{name}.jsonl" for name in SUPER_GLUE]


def test_every_task_is_registered_and_every_label_is_one_of_its_own():
    for files in benchmarks().values():
        for choice in [choice for choices in files.values() for choice in choices]:
            task = t5mix.TaskRegistry.get(choice["task"])
            classes = getattr(task.postprocessor, "keywords", {}).get("label_classes")
            if "labels" in choice and classes:
                assert set(choice["labels"]) == set(classes), task.name


def test_glue_takes_tables_with_an_index(run, tmp_path, capsys):
    texts = {"inputs": ["a", "b", "c"], "idx": np.array([0, 2, 1], np.int32)}
    answered(run, "glue_cola_v002", texts, ["acceptable", "unacceptable", "acceptable"])
    answered(run, "glue_stsb_v002", texts, ["3.2", "9", "no number"])
    answered(run, "glue_rte_v002", texts, ["entailment", "not_entailment", "what?"])
    found = written(run, tmp_path, "GLUE")
    assert found["CoLA.tsv"] == "index\tprediction\n0\t1\n1\t1\n2\t0\n"
    assert found["STS-B.tsv"] == "index\tprediction\n0\t3.2\n1\t0.0\n2\t5.0\n"
    assert found["RTE.tsv"] == "index\tprediction\n0\tentailment\n1\tentailment\n2\tnot_entailment\n"
    error = capsys.readouterr().err
    assert "RTE.tsv: 1 of 3 answers are no label; 'entailment' stands for them" in error
    assert "missing: SST-2.tsv of glue_sst2_v002" in error and "WNLI.tsv of glue_wnli_v002_simple_eval or" in error


def test_super_glue_takes_lines_of_json(run, tmp_path):
    texts = {"inputs": ["a", "b"], "idx": np.array([0, 1], np.int32)}
    answered(run, "super_glue_boolq_v102", texts, ["True", "False"])
    answered(run, "super_glue_copa_v102", texts, ["choice2", "choice1"])
    answered(run, "super_glue_cb_v102", texts, ["neutral", "contradiction"])
    referents = {**texts, "targets": ["the cat", "the dog"], "label": np.array([-1, -1])}
    answered(run, "super_glue_wsc_v102_simple_eval", referents, ["the cat", "a bird"], postprocessors.wsc_simple)
    passages = {"inputs": ["a", "b", "b"], "idx/passage": [0, 0, 0], "idx/query": np.array([5, 4, 4], np.int32)}
    answered(run, "super_glue_record_v102", passages, ["Zoë", "Bo", "Al"])
    numbers = {"idx/paragraph": [0, 0, 0, 1], "idx/question": [0, 0, 1, 2], "idx/answer": [0, 1, 2, 3]}
    answered(run, "super_glue_multirc_v102", {"inputs": list("abcd"), **numbers}, ["True", "False", "True", "True"])
    found = {
        name: [json.loads(line) for line in text.splitlines()]
        for name, text in written(run, tmp_path, "SuperGLUE").items()
    }
    assert found["BoolQ.jsonl"] == [{"idx": 0, "label": "true"}, {"idx": 1, "label": "false"}]
    assert found["COPA.jsonl"] == [{"idx": 0, "label": 1}, {"idx": 1, "label": 0}]
    assert found["CB.jsonl"] == [{"idx": 0, "label": "neutral"}, {"idx": 1, "label": "contradiction"}]
    assert [line["label"] for line in found["WSC.jsonl"]] == ["True", "False"]
    assert found["ReCoRD.jsonl"] == [{"idx": 4, "label": "Bo"}, {"idx": 5, "label": "Zoë"}]
    question = {"idx": 0, "answers": [{"idx": 0, "label": 1}, {"idx": 1, "label": 0}]}
    other = {"idx": 1, "answers": [{"idx": 2, "label": 1}]}
    assert found["MultiRC.jsonl"] == [
        {"idx": 0, "passage": {"questions": [question, other]}},
        {"idx": 1, "passage": {"questions": [{"idx": 2, "answers": [{"idx": 3, "label": 1}]}]}},
    ]


def test_a_zip_is_the_same_each_time_and_missing_files_are_refused(run, tmp_path, capsys):
    answered(run, "glue_cola_v002", {"inputs": ["a"], "idx": np.array([0], np.int32)}, ["acceptable"])
    command = ["submission", str(run.path), "--benchmark", "GLUE", "--output"]
    assert main([*command, str(tmp_path / "all.zip")]) == 2
    error = capsys.readouterr().err
    assert "are missing: SST-2.tsv of glue_sst2_v002" in error and "or add --partial" in error
    for name in ("a.zip", "b.zip"):
        assert main([*command, str(tmp_path / name), "--partial"]) == 0
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.namelist() == ["CoLA.tsv"] and archive.read("CoLA.tsv") == b"index\tprediction\n0\t1\n"
        assert archive.infolist()[0].compress_type == zipfile.ZIP_DEFLATED
    assert main([*command, str(run.path), "--partial"]) == 2
    assert "holds something already" in capsys.readouterr().err

"""`import t5mix` is quick, complete, and serves a seqio task file."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import t5mix

SEQIO_TASK_FILE = """
import functools

import SEQIO as seqio
import tensorflow as tf

VOCABULARY = seqio.ByteVocabulary(extra_ids=4)
FEATURES = {
    "inputs": seqio.Feature(vocabulary=VOCABULARY, add_eos=True, required=False),
    "targets": seqio.Feature(vocabulary=VOCABULARY, add_eos=True),
}


def lines(split, shuffle_files, seed=None):
    del shuffle_files, seed
    return tf.data.Dataset.from_tensor_slices(
        {"question": [f"{split} one", "two"], "answer": ["1", "2"]})


@seqio.map_over_dataset
def ask(example, prefix):
    return {**example, "question": tf.strings.join([prefix, example["question"]])}


def exact(targets, predictions):
    return {"exact": 100.0 * sum(t == p for t, p in zip(targets, predictions)) / len(targets)}


for name in ("first", "second"):
    seqio.TaskRegistry.add(
        f"seqio_{name}",
        source=seqio.FunctionDataSource(
            dataset_fn=lines,
            splits=["train", "validation"],
            num_input_examples={"train": 2, "validation": 2},
        ),
        preprocessors=[
            functools.partial(ask, prefix=f"{name}: "),
            functools.partial(
                seqio.preprocessors.rekey, key_map={"inputs": "question", "targets": "answer"}),
            seqio.preprocessors.tokenize,
            seqio.CacheDatasetPlaceholder(),
            seqio.preprocessors.append_eos_after_trim,
        ],
        output_features=FEATURES,
        metric_fns=[exact],
        shuffle_buffer_size=1000,
    )

seqio.MixtureRegistry.add(
    "seqio_both",
    [("seqio_first", 3), ("seqio_second", functools.partial(seqio.mixing_rate_num_examples, maximum=1))],
)
seqio.MixtureRegistry.add("seqio_equal", ["seqio_first", "seqio_second"], default_rate=1.0)
""".replace("SEQIO", "t5mix")


def test_a_seqio_task_file_works_after_changing_its_import_line(tmp_path: Path) -> None:
    file = tmp_path / "my_tasks.py"
    file.write_text(SEQIO_TASK_FILE)
    with t5mix.overlay():
        exec(compile(SEQIO_TASK_FILE, str(file), "exec"), {"__name__": "my_tasks"})
        mixture = t5mix.get_mixture_or_task("seqio_both")
        assert mixture.rates() == {"seqio_first": 0.75, "seqio_second": 0.25}
        assert [task.name for task in t5mix.get_subtasks(mixture)] == ["seqio_first", "seqio_second"]
        assert mixture.declared_at.rsplit(":", 1)[0] == str(file)
        task = t5mix.TaskRegistry.get("seqio_first")
        examples = list(task.get_dataset({"inputs": 9, "targets": 9}, shuffle=False).as_numpy_iterator())
        vocabulary = task.output_features["inputs"].vocabulary
        assert vocabulary.decode(examples[1]["inputs"].tolist()) == "first: t"  # trimmed to 8 and EOS
        assert vocabulary.decode(examples[1]["targets"].tolist()) == "2"
        mixed = mixture.get_dataset({"inputs": 99, "targets": 9}, "validation", seed=3).take(8)
        assert len(list(mixed.as_numpy_iterator())) == 8
    assert "seqio_both" not in t5mix.MixtureRegistry


def run(code: str, **environment: str) -> str:
    """Runs Python in a new process, in the root of the checkout; returns its output."""
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=Path(t5mix.__file__).parents[1],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_import_and_names_load_neither_tensorflow_nor_jax() -> None:
    out = run(
        """
        import sys
        import t5mix
        for name in t5mix.__all__:
            getattr(t5mix, name)
        t5mix.TaskRegistry.names(), t5mix.MixtureRegistry.names()
        heavy = ["tensorflow", "jax", "tensorflow_datasets", "sklearn", "scipy", "sacrebleu", "babel", "torch",
                 "rouge_score", "tensorflow_text"]
        print([name for name in heavy if name in sys.modules])
        """
    )
    assert out.strip() == "[]"


@pytest.mark.parametrize("name", sorted(t5mix.__all__))
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(t5mix, name) is not None
    assert name in dir(t5mix)


def test_the_names_for_type_checkers_are_the_names_at_run_time() -> None:
    declared = {
        line.split(" as ")[1].strip()
        for line in Path(t5mix.__file__).read_text().splitlines()
        if line.startswith("    from t5mix")
    }
    assert declared == set(t5mix.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="TaskRegistri"):
        t5mix.TaskRegistri  # noqa: B018


def test_order_does_not_depend_on_the_hash_seed() -> None:
    code = """
        import t5mix
        V = t5mix.ByteVocabulary()
        def fn(split, shuffle_files): raise AssertionError
        def task(name, splits):
            source = t5mix.FunctionDataSource(fn, splits, dict.fromkeys(splits, 5))
            return t5mix.Task(name, source, {k: t5mix.Feature(V) for k in ("targets", "inputs")})
        m = t5mix.Mixture("m", [task("b", ["train", "test"]), task("a", ["validation", "dev"]), task("c", ["x"])], 2)
        inner = t5mix.Mixture("inner", [(m, 1.5), (task("d", ["train"]), t5mix.mixing_rate_num_examples)])
        print(m.splits, inner.rates(), list(m.output_features), [t.source.fingerprint(t.splits[0]) for t in m.tasks])
        print(t5mix.TaskRegistry.names(), t5mix.MixtureRegistry.names())
    """
    assert len({run(code, PYTHONHASHSEED=seed) for seed in ("0", "2", "3")}) == 1


@pytest.mark.parametrize("module", [t5mix.dataset_providers, t5mix.utils])
def test_seqios_modules_hold_the_facades_objects(module: object) -> None:
    for name in module.__all__:  # type: ignore[attr-defined]
        assert getattr(module, name) is getattr(t5mix, name), name


def test_every_name_of_the_facade_is_there_and_is_announced_to_type_checkers() -> None:
    source = Path(t5mix.__file__).read_text()
    for name in t5mix.__all__:
        getattr(t5mix, name)
        assert f" import {name} as {name}\n" in source, name


MODULES = (
    *("dataset_providers", "evaluation", "experimental", "feature_converters", "helpers", "loggers", "metrics"),
    *("postprocessors", "preprocessors", "test_utils", "utils", "vocabularies"),
)


def test_the_originals_module_names_are_found_both_ways() -> None:
    """`import t5mix.utils`, as `import seqio.utils`; and `t5mix.utils`, after `import t5mix` alone: the same module."""
    by_import = "\n".join(f"import t5mix.{name}; print(t5mix.{name}.__name__)" for name in MODULES)
    by_name = "import t5mix\n" + "\n".join(f"print(t5mix.{name}.__name__)" for name in MODULES)
    assert run(by_import).split() == run(by_name).split() == [f"t5mix.{name}" for name in MODULES]

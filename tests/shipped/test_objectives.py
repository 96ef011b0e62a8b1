"""The files of gin/objectives: each binds, fits the offline suite, and its first batch obeys the objective's law."""

import itertools

import numpy as np
import pytest

import t5mix
from t5mix.data import Stream
from t5mix.data.packing import collate
from t5mix.internal import paths
from t5mix.preprocessors import objectives
from t5mix.runs.config import binding
from t5mix.runs.preflight import tasks

FILES = sorted(path.stem for path in (paths.shipped("gin") / "objectives").glob("*.gin"))
LENGTHS = {"inputs": 96, "targets": 40}
VOCABULARY = t5mix.ByteVocabulary(extra_ids=100)
PREFIX_LM = ("T5Config.architecture = 'prefix_lm'", "T5Config.num_encoder_layers = 0")
EOS, FIRST_SENTINEL = 1, VOCABULARY.vocab_size - 100


def _bind(name, *params):
    return binding.bind(["runs/offline.gin", f"objectives/{name}.gin"], params, vocab_size=tasks.model_vocab_size).run


def _documents(split, shuffle_files=False, seed=None):
    import tensorflow as tf

    # Ids of bytes; each document counts on where the last one stopped.
    return tf.data.Dataset.range(60).map(lambda i: {"targets": tf.range(i * 150, i * 150 + 150) % 250 + 3})


@pytest.fixture
def text_task():
    features = {name: t5mix.Feature(VOCABULARY, required=name == "targets") for name in LENGTHS}
    task = t5mix.TaskRegistry.add(
        "text_of_no_objective",
        source=t5mix.FunctionDataSource(_documents, splits=["train"]),
        preprocessors=[
            t5mix.CacheDatasetPlaceholder(),
            objectives.unsupervised,
            t5mix.preprocessors.append_eos_after_trim,
        ],
        output_features=features,
    )
    yield task
    t5mix.TaskRegistry.remove(task.name)


def test_all_of_t5s_are_there_and_ul2s():
    assert set(FILES) == {
        *("denoise", "iid_15_m_f", "iid_15_r10s90_f", "iid_10_u_u", "iid_15_u_u", "iid_25_u_u", "iid_50_u_u"),
        *("iid_15_d_d", "span", "span_2_15_u_u", "span_3_15_u_u", "span_5_15_u_u", "span_10_15_u_u", "all_permute"),
        *("prefix_lm", "lm", "full_lm", "mixture_of_denoisers"),
    }


@pytest.mark.parametrize("name", FILES)
def test_each_file_binds_its_objective_and_fits_the_offline_suite(name):
    run = _bind(name)
    assert run.objective == name
    provider = tasks.chosen_provider(run)
    before = t5mix.get_mixture_or_task(run.mixture)
    (task,) = [task for task in provider.tasks if task.name == "offline_documents"]
    objective = objectives.as_objective(task.steps_after_cache[0])
    objective.check(task.output_features, run.sequence_length)
    assert provider.declared_at == before.declared_at
    others = [task for task in provider.tasks if task.name != "offline_documents"]
    assert others == [task for task in before.tasks if task.name != "offline_documents"]
    assert [task.declared_at for task in provider.tasks] == [task.declared_at for task in before.tasks]


@pytest.mark.parametrize("name", FILES)
def test_the_first_batch_obeys_the_law_and_so_does_get_dataset(name, text_task, tmp_path):
    task = tasks.chosen_provider(_bind(name, f"Run.mixture = {text_task.name!r}"))
    batch = Stream(task, LENGTHS, 16, cache_dir=tmp_path).batch(0)
    rows = collate.unpack(batch, ["inputs", "targets"])
    streamed = [example for row in rows for example in row]
    dataset = task.get_dataset(LENGTHS, shuffle=False, seed=3)
    mapped = [{"inputs": np.array([EOS]), **example} for example in dataset.as_numpy_iterator()]
    for examples in (streamed, mapped):
        assert len(examples) >= 16
        assert all(ids[-1] == EOS for example in examples for ids in example.values())
        LAWS[next(kind for kind in LAWS if kind in name)]([tuple(example.values()) for example in examples], name)


@pytest.mark.parametrize("name", FILES)
def test_every_objective_feeds_a_decoder_alone(name, text_task, tmp_path):
    """The same examples, one side behind the other: a prefix that has no loss, and targets that have one."""
    run = _bind(name, f"Run.mixture = {text_task.name!r}", *PREFIX_LM)
    assert run.model.decoder_only
    task = tasks.chosen_provider(run)
    tasks.check_provider(run, task)
    streams = [Stream(task, LENGTHS, 4, pack=False, decoder_only=alone, cache_dir=tmp_path) for alone in (False, True)]
    two, one = (stream.batch(0) for stream in streams)
    for row in range(4):
        inputs, targets = (two[name][row][two[f"{name}_segment_ids"][row] > 0] for name in LENGTHS)
        joined = [*inputs, *targets]
        assert one["decoder_target_tokens"][row, : len(joined)].tolist() == joined
        assert one["decoder_loss_weights"][row].sum() == len(targets)
        assert one["decoder_causal_attention"][row].sum() == len(inputs) + 1


def _is_restorable(examples, name):
    """Sentinels, in order on both sides, stand for what is on the other side."""
    noise = tokens = 0
    for inputs, targets in examples:
        texts = [ids[:-1].tolist() for ids in (inputs, targets)]
        if len(texts[1]) == LENGTHS["targets"] - 1:
            continue  # may have been trimmed, as is counted
        spans = [_spans(text) for text in texts]
        numbers = [[number for number, _ in found] for found in spans]
        assert all(side[1:] == list(range(1, len(side))) for side in numbers)
        pieces = _joined(*spans)
        assert all((b - a) % 250 == 1 for a, b in itertools.pairwise(pieces))
        noise += sum(len(span) for _, span in spans[1])
        tokens += len(pieces)
    if "15" in name or "span" in name:
        assert 0.1 < noise / tokens < 0.2


def _spans(text):
    """[number of the sentinel before it, tokens], the first without one."""
    found = [(0, [])]
    for token in text:
        if token >= FIRST_SENTINEL:
            found.append((VOCABULARY.vocab_size - token, []))
        else:
            found[-1][1].append(token)
    return found


def _joined(inputs, targets):
    """The text: kept, noise, kept, ..., beginning with noise where the inputs begin with a sentinel."""
    kept, noise = [tokens for _, tokens in inputs], [tokens for _, tokens in targets]
    pieces = []
    if noise[0]:  # targets begin with noise: their sentinels stand for what is kept
        kept, noise = noise, kept[1:] if not kept[0] else kept
    else:
        noise = noise[1:]
    for place in range(max(len(kept), len(noise))):
        pieces += kept[place] if place < len(kept) else []
        pieces += noise[place] if place < len(noise) else []
    return pieces


def _keeps_places(examples, name):
    changed = [np.mean(inputs[:-1] != targets[:-1]) for inputs, targets in examples]
    assert all(len(inputs) == len(targets) for inputs, targets in examples)
    assert 0.08 < np.mean(changed) < 0.22
    marks = [(ids >= FIRST_SENTINEL).sum() for inputs, targets in examples for ids in (inputs, targets)]
    assert sum(marks[::2]) > 0 and sum(marks[1::2]) == 0


def _drops(examples, name):
    assert all(set(inputs[:-1].tolist()).isdisjoint(targets[:-1].tolist()) for inputs, targets in examples)
    assert all((ids < FIRST_SENTINEL).all() for example in examples for ids in example)
    share = sum(len(targets) - 1 for _, targets in examples) / sum(len(i) + len(t) - 2 for i, t in examples)
    assert 0.1 < share < 0.2


def _permutes(examples, name):
    assert all(sorted(inputs) == sorted(targets) for inputs, targets in examples)
    assert any(inputs.tolist() != targets.tolist() for inputs, targets in examples)


def _continues(examples, name):
    for inputs, targets in examples:
        text = [*inputs[:-1], *targets[:-1]]
        assert len(inputs) > 1 and all((b - a) % 250 == 1 for a, b in itertools.pairwise(text))


def _predicts(examples, name):
    assert all(inputs.tolist() == [EOS] for inputs, _ in examples)
    inner = [EOS in targets[:-1] for _, targets in examples]
    assert any(inner) == (name == "full_lm")
    assert max(len(targets) for _, targets in examples) == LENGTHS["targets"]


# By a part of the file's name; the first that fits.
LAWS = {
    "mixture_of_denoisers": _is_restorable,
    "prefix_lm": _continues,
    "all_permute": _permutes,
    "lm": _predicts,
    "_f": _keeps_places,
    "denoise": _keeps_places,
    "_d_d": _drops,
    "u_u": _is_restorable,
    "span": _is_restorable,
}


def test_a_misspelt_objective_is_refused_with_its_place_and_a_suggestion():
    with pytest.raises(
        ValueError, match=r"--gin_param .*: Run.objective: .*'span_3_15_u'; did you mean 'span_3_15_u_u'"
    ):
        _bind("span", "Run.objective = 'span_3_15_u'")
    with pytest.raises(FileNotFoundError, match=r"did you mean .*objectives/span_3_15_u_u\.gin"):
        _bind("span_3_15_u")


def test_a_mixture_that_leaves_no_objective_open_is_refused():
    with pytest.raises(ValueError, match=r"'lm', but no task of offline_questions leaves its objective open"):
        tasks.chosen_provider(_bind("lm", "Run.mixture = 'offline_questions'"))


def test_the_record_says_the_objective_and_another_one_does_not_resume(text_task, tmp_path):
    bound = binding.bind(
        ["runs/offline.gin", "objectives/prefix_lm.gin"],
        [f"Run.mixture = {text_task.name!r}"],
        vocab_size=tasks.model_vocab_size,
    )
    assert "Run.objective = 'prefix_lm'\n" in bound.operative_config
    state = Stream(tasks.chosen_provider(bound.run), LENGTHS, 4, cache_dir=tmp_path).state(5)
    other = Stream(text_task, LENGTHS, 4, cache_dir=tmp_path)
    with pytest.raises(ValueError, match="'text_of_no_objective' has other examples, steps"):
        other.check_state(state)


def test_a_mixture_keeps_its_nested_rates_with_other_tasks(text_task):
    other = text_task.replace(name="other_text")
    inner = t5mix.Mixture("inner_of_text", [(text_task, 3.0), (other, 1.0)])
    outer = t5mix.Mixture("outer_of_text", [(inner, 2.0), (text_task, 1.0)])
    changed = outer.with_tasks({text_task.name: objectives.with_objective(text_task, objectives.lm)})
    assert changed.rates() == outer.rates()
    assert [objectives.as_objective(task.steps_after_cache[0]) for task in changed.tasks][1] == objectives.lm

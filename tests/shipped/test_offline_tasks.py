"""The offline suite as declared: formats, lengths, leaks and mixtures."""

import pytest

import t5mix

LENGTHS = {"inputs": 128, "targets": 64}
SUITE = sorted(name for name in t5mix.TaskRegistry.names() if name.startswith("offline_"))
SUPERVISED = [name for name in SUITE if name != "offline_documents"]


def text(name, split):
    """The (inputs, targets) of a split, as text."""
    task = t5mix.TaskRegistry.get(name)
    steps = list(task.steps_before_cache)
    dataset = task.source.get_dataset(split=split, shuffle=False)
    dataset = task.run_steps(dataset, steps[: steps.index(t5mix.preprocessors.tokenize)])
    return [
        tuple(example[key].decode("utf-8") for key in ("inputs", "targets")) for example in dataset.as_numpy_iterator()
    ]


def test_the_suite_has_a_task_for_each_family():
    assert len(SUPERVISED) == 9
    for mixture in ("offline_proportional", "offline_temperature", "offline_equal"):
        tasks = t5mix.get_mixture_or_task(mixture).tasks
        assert sorted(task.name for task in tasks) == SUITE


@pytest.mark.parametrize("name", SUPERVISED)
def test_no_test_pair_is_a_training_pair(name):
    train = set(text(name, "train"))
    for split in ("validation", "test"):
        assert not train & set(text(name, split))


@pytest.mark.parametrize("name", SUPERVISED)
def test_targets_survive_the_vocabulary(name):
    task = t5mix.TaskRegistry.get(name)
    vocabulary = task.output_features["targets"].vocabulary
    pairs = text(name, "test")
    kept = sum(vocabulary.decode(vocabulary.encode(target)) == target for _, target in pairs)
    assert kept >= 0.97 * len(pairs)  # the rest: signs that NFKC writes otherwise


@pytest.mark.parametrize("name", SUPERVISED)
def test_examples_fit_the_recommended_lengths(name):
    task = t5mix.TaskRegistry.get(name)
    vocabulary = task.output_features["targets"].vocabulary
    for key, texts in zip(LENGTHS, zip(*text(name, "test"), strict=True), strict=True):
        too_long = sum(len(vocabulary.encode(one)) >= LENGTHS[key] for one in texts)
        assert too_long <= 0.02 * len(texts)


@pytest.mark.parametrize(
    ("name", "prefix", "targets"),
    [
        ("offline_sentiment", "sentiment sentence: ", {"positive", "negative"}),
        ("offline_valence", "valence word: ", {f"{tenths / 10:.1f}" for tenths in range(-40, 41, 2)}),
        ("offline_library", "library sentence: ", set(t5mix.corpora.LIBRARIES)),
        ("offline_language", "language name: ", None),
        ("offline_translate_enro", "translate English to Romanian: ", None),
        ("offline_abbreviate", "summarize: ", None),
        ("offline_questions", "question: ", None),
    ],
)
def test_text_formats_are_those_of_t5(name, prefix, targets):
    pairs = text(name, "test")
    assert all(inputs.startswith(prefix) for inputs, _ in pairs)
    assert targets is None or {target for _, target in pairs} <= targets


def test_right_answers_score_full_marks():
    for name in SUPERVISED:
        task = t5mix.TaskRegistry.get(name)
        examples = list(task.get_dataset(LENGTHS, split="test", shuffle=False).as_numpy_iterator())
        post = task.postprocess_fn or (lambda answer, **_: answer)
        vocabulary = task.output_features["targets"].vocabulary
        answers = [vocabulary.decode([i for i in e["targets"].tolist() if i > 1]) for e in examples]
        targets = [
            post(answer, example=example, is_target=True) for answer, example in zip(answers, examples, strict=True)
        ]
        predictions = [post(answer, example=None, is_target=False) for answer in answers]
        scores = task.metric_fns[0](targets, predictions)
        assert next(iter(scores.values())) > 97, name


def test_documents_become_span_corruption():
    task = t5mix.TaskRegistry.get("offline_documents")
    dataset = task.get_dataset(LENGTHS, split="validation", shuffle=False)
    example = next(iter(dataset.as_numpy_iterator()))
    first_sentinel = task.output_features["targets"].vocabulary.vocab_size - 1
    assert first_sentinel in example["inputs"]
    assert example["targets"][0] == first_sentinel or first_sentinel in example["targets"]


def test_leaving_a_family_out_leaves_all_of_it_out():
    names = [n for n in t5mix.MixtureRegistry.names() if n.startswith("offline_leave_one_out_")]
    assert len(names) == 4
    left = t5mix.get_mixture_or_task("offline_leave_one_out_translation").tasks
    assert not any("translate" in task.name for task in left)


def test_proportional_rates_are_capped():
    rates = t5mix.get_mixture_or_task("offline_proportional").rates()
    assert abs(sum(rates.values()) - 1) < 1e-9
    assert max(rates.values()) < 0.2
